package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
)

// tcp4 is a TCP/IPv4 segment without options or payload.
func tcp4(src, dst [4]byte, srcPort, dstPort uint16, seq, ack uint32,
	flags conntrack.TCPFlags) []byte {
	b := make([]byte, 40)
	b[0] = 0x45                           // version 4, IHL 5
	binary.BigEndian.PutUint16(b[2:], 40) // total length
	b[8], b[9] = 64, conntrack.ProtoTCP   // TTL, protocol
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[20:], srcPort)
	binary.BigEndian.PutUint16(b[22:], dstPort)
	binary.BigEndian.PutUint32(b[24:], seq)
	binary.BigEndian.PutUint32(b[28:], ack)
	b[32], b[33] = 5<<4, byte(flags) // data offset, control bits
	binary.BigEndian.PutUint16(b[34:], 65535)
	return b
}

// benchPolicy has n rules: rule i allows TCP port 1000+i%64 from 10.x.y.0/24.
func benchPolicy(n int) *policy.Policy {
	rules := make([]policy.Rule, n)
	for i := range rules {
		port := 1000 + i%64
		rules[i] = policy.Rule{Index: i, Protocol: policy.TCP, From: port, To: port, Peer: policy.Peer{
			CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24),
		}}
	}
	return onePolicy(rules...)
}

const benchLink = 2

func benchEngine(rules, maxFlows int) *Engine {
	rs := Compile(benchPolicy(rules),
		nil).WithLinks([]member.Link{{Name: "lo", Index: 1}, {Name: "eth0", Index: benchLink}})
	return NewEngine(Config{MaxFlows: maxFlows}, rs)
}

var benchServer = [4]byte{192, 0, 2, 1}

// open sends a handshake from client i through the worker.
func open(w *Worker, i int, rules int) (established []byte) {
	r := i % rules
	client := [4]byte{10, byte(r >> 8), byte(r), byte(1 + i%250)}
	sport, dport := uint16(1024+i/rules), uint16(1000+r%64)
	decide(w, HookInput, tcp4(client, benchServer, sport, dport, 99, 0, conntrack.SYN))
	decide(w, HookOutput, tcp4(benchServer, client, dport, sport, 499, 100,
		conntrack.SYN|conntrack.ACK))
	segment := tcp4(client, benchServer, sport, dport, 100, 500, conntrack.ACK)
	decide(w, HookInput, segment)
	return segment
}

func decide(w *Worker, h Hook, b []byte) bool {
	ev := Event{Frame: packet.Frame{Bytes: b}, Hook: h}
	if h == HookOutput {
		ev.Out = benchLink
	} else {
		ev.In = benchLink
	}
	w.Begin()
	defer w.End()
	return w.Decide(&ev)
}

// batchSize is how many packets share one Begin and End, as in the queue loop.
const batchSize = 16

// run decides packets in batches until b ends; next fills the buffer.
func run(b *testing.B, e *Engine, w *Worker, next func(buf []byte, i int), want bool) {
	buf := make([]byte, 40)
	ev := Event{Frame: packet.Frame{Bytes: buf}, Hook: HookInput, In: benchLink}
	b.ReportAllocs()
	b.ResetTimer()
	wrong := 0
	for i := 0; i < b.N; {
		w.Begin()
		for range min(batchSize, b.N-i) {
			next(buf, i)
			if w.Decide(&ev) != want {
				wrong++
			}
			i++
		}
		w.End()
	}
	b.StopTimer()
	if wrong > 0 {
		b.Fatalf("%d of %d packets decided wrongly, last: %v, %+v", wrong, b.N, w.Last(),
			e.Flows().Stats())
	}
}

// BenchmarkEstablished is the whole decision for a segment of an established
// flow, ingress: parse, find the flow, judge, update. Flows are met in
// pseudo-random order. Control is the least that any such program does: the
// same copy into the buffer and a Go map hit among as many flows.
func BenchmarkEstablished(b *testing.B) {
	for _, flows := range []int{1, 1000, 100_000, 1_000_000} {
		segments := make([][]byte, flows)
		e := benchEngine(1000, 2*flows)
		w := e.NewWorker()
		for i := range segments {
			segments[i] = open(w, i, 1000)
		}
		order := rand.New(rand.NewPCG(7, 8)).Perm(flows)
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			i := 0
			run(b, e, w, func(buf []byte, _ int) {
				copy(buf, segments[order[i]])
				if i++; i == flows {
					i = 0
				}
			}, true)
		})
		b.Run(fmt.Sprintf("control/flows=%d", flows), func(b *testing.B) {
			type tuple [13]byte
			m := make(map[tuple]int, flows)
			key := func(s []byte) (t tuple) {
				copy(t[:], s[12:24])
				t[12] = s[9]
				return t
			}
			for i, s := range segments {
				m[key(s)] = i + 1
			}
			buf := make([]byte, 40)
			i := 0
			for b.Loop() {
				copy(buf, segments[order[i]])
				if i++; i == flows {
					i = 0
				}
				if m[key(buf)] == 0 {
					b.Fatal("lost")
				}
			}
		})
	}
}

// BenchmarkDeny is the whole decision for a SYN that no rule permits: to an open port from a
// source that no rule names, another one each time; and of a scan, to another port each time.
func BenchmarkDeny(b *testing.B) {
	syn := tcp4([4]byte{192, 168, 0, 0}, benchServer, 40000, 1001, 1, 0, conntrack.SYN)
	for _, rules := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			e := benchEngine(rules, 1000)
			w := e.NewWorker()
			run(b, e, w, func(buf []byte, i int) {
				copy(buf, syn)
				binary.BigEndian.PutUint16(buf[14:], uint16(i))
			}, false)
		})
	}
	b.Run("scan", func(b *testing.B) {
		e := benchEngine(1000, 1000)
		w := e.NewWorker()
		run(b, e, w, func(buf []byte, i int) {
			copy(buf, syn)
			binary.BigEndian.PutUint16(buf[22:], uint16(i))
		}, false)
	})
}

// BenchmarkNew is the whole decision for the first packet of a flow: parse,
// miss, match, insert. The table is emptied by its own limit: closed and
// half-open flows make room.
func BenchmarkNew(b *testing.B) {
	for _, rules := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			e := benchEngine(rules, 100_000)
			w := e.NewWorker()
			syn := tcp4([4]byte{10, 0, 0, 0}, benchServer, 0, 0, 1, 0, conntrack.SYN)
			run(b, e, w, func(buf []byte, i int) {
				copy(buf, syn)
				r := i * 7919 % rules
				buf[13], buf[14], buf[15] = byte(r>>8), byte(r), byte(i>>16)
				binary.BigEndian.PutUint16(buf[20:], uint16(i))
				binary.BigEndian.PutUint16(buf[22:], uint16(1000+r%64))
			}, true)
		})
	}
}

// BenchmarkCompile compiles and binds n rules.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		p := benchPolicy(n)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compile(p, nil)
			}
		})
	}
}

// BenchmarkCores is the established path with one worker per core, each on its
// own flows: two cores should do nearly twice the work of one.
func BenchmarkCores(b *testing.B) {
	const flows = 1000
	e := benchEngine(1000, 100_000)
	setup := e.NewWorker()
	segments := make([][]byte, 2*flows)
	for i := range segments {
		segments[i] = open(setup, i, 1000)
	}
	var next atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := e.NewWorker()
		mine := segments[int(next.Add(1)-1)%2*flows:][:flows]
		buf := make([]byte, 40)
		ev := Event{Frame: packet.Frame{Bytes: buf}, Hook: HookInput, In: benchLink}
		for i := 0; ; {
			w.Begin()
			for range batchSize {
				if !pb.Next() {
					w.End()
					return
				}
				copy(buf, mine[i])
				if i++; i == flows {
					i = 0
				}
				if !w.Decide(&ev) {
					panic(w.Last().Reason.String())
				}
			}
			w.End()
		}
	})
}
