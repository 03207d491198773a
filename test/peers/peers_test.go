package peers

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/slackhq/nebula/firewall"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
)

// ip4 is a packet of 40 bytes.
func ip4(proto byte, src, dst netip.Addr, sport, dport uint16) []byte {
	b := make([]byte, 40)
	b[0] = 0x45                           // version 4, IHL 5
	binary.BigEndian.PutUint16(b[2:], 40) // total length
	b[8], b[9] = 64, proto                // TTL, protocol
	s, d := src.As4(), dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	binary.BigEndian.PutUint16(b[20:], sport)
	binary.BigEndian.PutUint16(b[22:], dport)
	if proto == conntrack.ProtoUDP {
		binary.BigEndian.PutUint16(b[24:], 20) // UDP length
	}
	return b
}

// segment is a TCP segment without data.
func segment(
	src, dst netip.Addr, sport, dport uint16, seq, ack uint32, flags conntrack.TCPFlags,
) []byte {
	b := ip4(conntrack.ProtoTCP, src, dst, sport, dport)
	binary.BigEndian.PutUint32(b[24:], seq)
	binary.BigEndian.PutUint32(b[28:], ack)
	b[32], b[33] = 5<<4, byte(flags) // data offset, control bits
	binary.BigEndian.PutUint16(b[34:], 65535)
	return b
}

// client returns source, source port and destination port of flow i, with n rules.
func client(i, rules int) (addr netip.Addr, sport, dport uint16) {
	r := i % rules
	port, source := ruleOf(r)
	a := source.Addr().As4()
	a[3] = byte(1 + i/rules%250)
	return netip.AddrFrom4(a), uint16(1024 + i/rules/250), port
}

func syn(i, rules int) []byte {
	a, sport, dport := client(i, rules)
	return segment(a, server, sport, dport, 99, 0, conntrack.SYN)
}

// foreign is a SYN to an open port from a source that no rule permits.
func foreign(i int) []byte {
	source := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
	return segment(source, server, 40000, 1001, 99, 0, conntrack.SYN)
}

// TestSameAnswers: the three firewalls decide the same, so that the comparison is fair.
func TestSameAnswers(t *testing.T) {
	const rules = 1000
	s := newSGFW(rules, 100_000)
	n, err := newNebula(rules)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := newTailscale(rules)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(what string, b []byte, want bool) {
		t.Helper()
		s.worker.Begin()
		got := s.decide(filter.HookInput, b)
		s.worker.End()
		if got != want {
			t.Errorf("sgfw, %s: pass=%t", what, got)
		}
		if got := n.decide(b, nil); got != want {
			t.Errorf("nebula, %s: pass=%t", what, got)
		}
		if got := ts.decide(b); got != want {
			t.Errorf("tailscale, %s: pass=%t", what, got)
		}
	}
	for i := range 5000 {
		judge(fmt.Sprint("flow ", i), syn(i, rules), true)
		judge(fmt.Sprint("foreign ", i), foreign(i), false)
		a, sport, dport := client(i, rules)
		wrong := segment(a, server, sport, dport+64, 99, 0, conntrack.SYN)
		judge(fmt.Sprint("wrong port ", i), wrong, false)
	}
}

// processor reports processor time for each packet beside the time by the clock. Other work on
// the machine changes it less.
func processor(b *testing.B) (end func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	from := used()
	return func() { b.ReportMetric(float64(used()-from)/float64(b.N), "cpu-ns/op") }
}

// inBatches runs sgfw as its queue loop does: in batches of 16 packets, with one reading of clock
// and rules, and with a preview if the table is large. fill writes packet i.
func inBatches(b *testing.B, s *sgfwEngine, fill func(buf []byte, i int), want bool) {
	const batch = 16
	evs := make([]filter.Event, batch)
	for i := range evs {
		evs[i] = filter.Event{
			Frame: packet.Frame{Bytes: make([]byte, 40)}, Hook: filter.HookInput, In: device,
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	defer processor(b)()
	for i := 0; i < b.N; {
		n := min(batch, b.N-i)
		for j := range n {
			fill(evs[j].Frame.Bytes, i)
			i++
		}
		s.worker.Begin()
		if s.worker.WantsPreview() {
			s.worker.Preview(evs[:n])
		}
		for j := range n {
			if s.worker.Decide(&evs[j]) != want {
				b.Fatal("decided wrongly: ", s.worker.Last().Reason)
			}
		}
		s.worker.End()
	}
}

// each runs a firewall that has no batches.
func each(b *testing.B, fill func(buf []byte, i int), decide func([]byte) bool, want bool) {
	buf := make([]byte, 40)
	b.ReportAllocs()
	b.ResetTimer()
	defer processor(b)()
	for i := range b.N {
		fill(buf, i)
		if decide(buf) != want {
			b.Fatal("decided wrongly")
		}
	}
}

// established opens flow i of an engine and returns its next segment.
func established(s *sgfwEngine, i, rules int) []byte {
	a, sport, dport := client(i, rules)
	s.worker.Begin()
	s.decide(filter.HookInput, syn(i, rules))
	synAck := segment(server, a, dport, sport, 499, 100, conntrack.SYN|conntrack.ACK)
	s.decide(filter.HookOutput, synAck)
	next := segment(a, server, sport, dport, 100, 500, conntrack.ACK)
	s.decide(filter.HookInput, next)
	s.worker.End()
	return next
}

// head is the part of a packet that differs between flows: addresses and ports.
type head [12]byte

func headOf(segment []byte) head { return head(segment[12:24]) }

// BenchmarkEstablished judges packets of established flows in pseudo-random order.
func BenchmarkEstablished(b *testing.B) {
	const rules = 1000
	for _, flows := range []int{1, 1000, 100_000} {
		// next returns a function that writes segments of the flows in random order.
		next := func(segment []byte, heads []head) func(buf []byte, i int) {
			swap := func(i, j int) { heads[i], heads[j] = heads[j], heads[i] }
			rand.New(rand.NewPCG(7, 8)).Shuffle(len(heads), swap)
			at := 0
			return func(buf []byte, _ int) {
				copy(buf[:12], segment)
				copy(buf[24:], segment[24:])
				copy(buf[12:], heads[at][:])
				if at++; at == len(heads) {
					at = 0
				}
			}
		}
		b.Run(fmt.Sprintf("flows=%d/sgfw", flows), func(b *testing.B) {
			s := newSGFW(rules, 2*flows)
			var segment []byte
			heads := make([]head, flows)
			for i := range heads {
				segment = established(s, i, rules)
				heads[i] = headOf(segment)
			}
			inBatches(b, s, next(segment, heads), true)
		})
		for _, cached := range []bool{false, true} {
			name := "nebula"
			if cached {
				name = "nebula-cached"
			}
			b.Run(fmt.Sprintf("flows=%d/%s", flows, name), func(b *testing.B) {
				n, err := newNebula(rules)
				if err != nil {
					b.Fatal(err)
				}
				var segment []byte
				heads := make([]head, flows)
				for i := range heads {
					segment = syn(i, rules) // nebula does not read flags
					heads[i] = headOf(segment)
					if !n.decide(segment, nil) {
						b.Fatal("dropped")
					}
				}
				var cache firewall.ConntrackCache
				if cached { // nebula empties it every second; here it stays full
					cache = make(firewall.ConntrackCache, flows)
				}
				each(b, next(segment, heads), func(p []byte) bool { return n.decide(p, cache) }, true)
			})
		}
		if flows > 1000 {
			continue
		}
		flows := min(flows, 500) // tailscale remembers 512
		b.Run(fmt.Sprintf("flows=%d/tailscale", flows), func(b *testing.B) {
			f, err := newTailscale(rules)
			if err != nil {
				b.Fatal(err)
			}
			var datagram []byte
			heads := make([]head, flows)
			for i := range flows {
				a, sport, _ := client(i, rules)
				if !f.sent(ip4(conntrack.ProtoUDP, server, a, 53, sport)) {
					b.Fatal("dropped")
				}
				datagram = ip4(conntrack.ProtoUDP, a, server, sport, 53)
				heads[i] = headOf(datagram)
			}
			each(b, next(datagram, heads), f.decide, true)
		})
	}
}

// firsts runs first packets of flows through the three firewalls.
func firsts(b *testing.B, name string, rules int, fill func(buf []byte, i int), want bool) {
	b.Run(fmt.Sprintf("%s/sgfw", name), func(b *testing.B) {
		inBatches(b, newSGFW(rules, 100_000), fill, want)
	})
	b.Run(fmt.Sprintf("%s/nebula", name), func(b *testing.B) {
		n, err := newNebula(rules)
		if err != nil {
			b.Fatal(err)
		}
		each(b, fill, func(p []byte) bool { return n.decide(p, nil) }, want)
	})
	b.Run(fmt.Sprintf("%s/tailscale", name), func(b *testing.B) {
		f, err := newTailscale(rules)
		if err != nil {
			b.Fatal(err)
		}
		each(b, fill, f.decide, want)
	})
}

// BenchmarkNew judges the SYN of a new flow. The rules that permit it come in no order. The time
// includes the insert of the flow where there is one.
func BenchmarkNew(b *testing.B) {
	for _, rules := range []int{10, 100, 1000, 10_000} {
		first := syn(0, rules)
		firsts(b, fmt.Sprintf("rules=%d", rules), rules, func(buf []byte, i int) {
			copy(buf, first)
			r := i * 7919 % rules
			buf[13], buf[14], buf[15] = byte(r>>8), byte(r), byte(i>>16)
			binary.BigEndian.PutUint16(buf[20:], uint16(i))
			binary.BigEndian.PutUint16(buf[22:], uint16(1000+r%64))
		}, true)
	}
}

// BenchmarkDeny judges a SYN to an open port from a source that no rule permits.
func BenchmarkDeny(b *testing.B) {
	for _, rules := range []int{10, 100, 1000, 10_000} {
		first := foreign(0)
		firsts(b, fmt.Sprintf("rules=%d", rules), rules, func(buf []byte, i int) {
			copy(buf, first)
			binary.BigEndian.PutUint16(buf[14:], uint16(i))
		}, false)
	}
}

// BenchmarkCores judges packets of established flows with 1,000 flows for each core. -cpu 1,2
// shows what the second core adds.
func BenchmarkCores(b *testing.B) {
	const rules, flows, workers = 1000, 1000, 16
	next := new(atomic.Int64)
	b.Run("sgfw", func(b *testing.B) {
		s := newSGFW(rules, 100_000)
		engines, segments := make([]*sgfwEngine, workers), make([][][]byte, workers)
		for w := range engines {
			engines[w] = newWorker(s.engine)
			for i := range flows {
				segments[w] = append(segments[w], established(engines[w], w*flows+i, rules))
			}
		}
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			w := int(next.Add(1)) % workers
			s, mine, buf := engines[w], segments[w], make([]byte, 40)
			s.worker.Begin()
			for i := 0; pb.Next(); i++ {
				if i%16 == 15 {
					s.worker.End()
					s.worker.Begin()
				}
				copy(buf, mine[i%flows])
				if !s.decide(filter.HookInput, buf) {
					panic("decided wrongly")
				}
			}
			s.worker.End()
		})
	})
	b.Run("nebula", func(b *testing.B) {
		n, err := newNebula(rules)
		if err != nil {
			b.Fatal(err)
		}
		segments := make([][][]byte, workers)
		for w := range segments {
			for i := range flows {
				segments[w] = append(segments[w], syn(w*flows+i, rules))
				n.decide(segments[w][i], nil)
			}
		}
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			n := &nebulaFirewall{fw: n.fw, host: n.host, cas: n.cas}
			mine, buf := segments[int(next.Add(1))%workers], make([]byte, 40)
			for i := 0; pb.Next(); i++ {
				copy(buf, mine[i%flows])
				if !n.decide(buf, nil) {
					panic("decided wrongly")
				}
			}
		})
	})
	b.Run("tailscale", func(b *testing.B) {
		f, err := newTailscale(rules)
		if err != nil {
			b.Fatal(err)
		}
		var segments [][]byte
		for i := range 500 {
			a, sport, _ := client(i, rules)
			f.sent(ip4(conntrack.ProtoUDP, server, a, 53, sport))
			segments = append(segments, ip4(conntrack.ProtoUDP, a, server, sport, 53))
		}
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			f, buf := &tailscaleFilter{f: f.f}, make([]byte, 40)
			for i := 0; pb.Next(); i++ {
				copy(buf, segments[i%len(segments)])
				if !f.decide(buf) {
					panic("decided wrongly")
				}
			}
		})
	})
}

// BenchmarkLoad makes a firewall that is ready to judge from 10,000 rules.
func BenchmarkLoad(b *testing.B) {
	const rules = 10_000
	b.Run("sgfw", func(b *testing.B) {
		for b.Loop() {
			newSGFW(rules, 1000)
		}
	})
	b.Run("nebula", func(b *testing.B) {
		for b.Loop() {
			if _, err := newNebula(rules); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tailscale", func(b *testing.B) {
		for b.Loop() {
			if _, err := newTailscale(rules); err != nil {
				b.Fatal(err)
			}
		}
	})
}
