package learn

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy/learn"
	"sgfw/policy/member"
	"sgfw/test/wire"
)

// watchedDevices are those of the machine of view, by number.
var watchedDevices = map[uint32]string{2: "eth0", 3: "eth1"}

// crossing is a packet on its way through the machine.
type crossing struct {
	hook    filter.Hook
	in, out uint32
	bytes   []byte
}

// talk is a conversation, packet by packet, and whether it has to pass once what was learned is
// enforced: somebody answered, or waits for it, or this machine began it.
type talk struct {
	what    string
	packets []crossing
	works   bool
}

// anyTalk makes up a conversation between few machines, so that many share rules. Clients have a
// port each time, by number.
func anyTalk(r *rand.Rand, number int) talk {
	pick := func(list ...string) netip.Addr { return netip.MustParseAddr(list[r.IntN(len(list))]) }
	far, here, behind := pick("10.0.0.1", "10.0.0.2", "9.9.9.9"), netip.MustParseAddr(own),
		pick("10.0.9.8", "10.0.9.9")
	if r.IntN(3) == 0 {
		far, here, behind = pick("2001:db8::1", "2001:db8::2"), netip.MustParseAddr("2001:db8::77"),
			pick("2001:db8:9::8", "2001:db8:9::9")
	}
	server := []uint16{22, 80, 514, 8080}[r.IntN(4)]
	// Ways from the one who begins to the other, and back.
	type way struct {
		name      string
		from, to  netip.Addr
		there, on crossing
	}
	in, out := crossing{hook: filter.HookInput, in: 2}, crossing{hook: filter.HookOutput, out: 2}
	inward := crossing{hook: filter.HookForward, in: 2, out: 3}
	outward := crossing{hook: filter.HookForward, in: 3, out: 2}
	w := []way{{"in", far, here, in, out}, {"out", here, far, out, in},
		{"inward", far, behind, inward, outward}, {"outward", behind, far, outward, inward}}[r.IntN(4)]
	from, to := netip.AddrPortFrom(w.from, uint16(20000+number)), netip.AddrPortFrom(w.to, server)
	there := func(b []byte) crossing { c := w.there; c.bytes = b; return c }
	back := func(b []byte) crossing { c := w.on; c.bytes = b; return c }
	answered := r.IntN(3) > 0
	t := talk{works: answered || w.name == "out"}
	switch r.IntN(3) {
	case 0:
		t.what = "tcp"
		t.packets = []crossing{there(wire.TCP(from, to, wire.SYN, 1, 0, nil))}
		if answered {
			t.packets = append(t.packets, back(wire.TCP(to, from, wire.SYN|wire.ACK, 100, 2, nil)),
				there(wire.TCP(from, to, wire.ACK, 2, 101, []byte("ask"))),
				back(wire.TCP(to, from, wire.ACK, 101, 5, []byte("answer"))))
		} else if r.IntN(2) == 0 {
			t.packets = append(t.packets, back(wire.TCP(to, from, wire.RST|wire.ACK, 0, 2, nil)))
		}
	case 1:
		t.what = "udp"
		t.packets = []crossing{there(wire.UDP(from, to, []byte("ask")))}
		switch {
		case answered:
			t.packets = append(t.packets, back(wire.UDP(to, from, []byte("answer"))))
		case w.name == "in" && server == 514:
			t.works = true // a listener
		case r.IntN(2) == 0:
			t.packets = append(t.packets, back(wire.PortUnreachable(w.to, t.packets[0].bytes)))
		}
	default:
		t.what = "ping"
		t.packets = []crossing{there(wire.Echo(w.from, w.to, uint16(number), 1, nil))}
		if answered {
			t.packets = append(t.packets, back(wire.EchoReply(w.to, w.from, uint16(number), 1, nil)))
		}
	}
	t.what = fmt.Sprintf("%s %s %s > %s, answered %t", w.name, t.what, from, to, answered)
	return t
}

// mixed are the packets of conversations in one order, each conversation's in its own.
func mixed(r *rand.Rand, talks []talk) (out []crossing) {
	next := make([]int, len(talks))
	for left := slices.Collect(indexes(talks)); len(left) > 0; {
		i := r.IntN(len(left))
		n := left[i]
		out = append(out, talks[n].packets[next[n]])
		if next[n]++; next[n] == len(talks[n].packets) {
			left = slices.Delete(left, i, i+1)
		}
	}
	return out
}

func indexes(talks []talk) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range talks {
			if !yield(i) {
				return
			}
		}
	}
}

// TestEnforced: whatever goes on while it is watched goes on when what was learned is enforced:
// the real engine passes each packet of each conversation that works. Those that nobody
// answered teach nothing: alone they make no policy but for what this machine asks.
func TestEnforced(t *testing.T) {
	passed, dropped := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var talks []talk
		for i := range 1 + r.IntN(30) {
			talks = append(talks, anyTalk(r, i))
		}
		rec := learn.NewRecord()
		tracker := NewTracker(rec, begin)
		v := view()
		v.own[netip.MustParseAddr("2001:db8::77")] = true
		tracker.Look(v)
		for _, c := range mixed(r, talks) {
			var p packet.Packet
			if fault := p.Parse(packet.Frame{Bytes: c.bytes}); fault != packet.NoFault {
				t.Fatal(fault)
			}
			tracker.Packet(Seen{At: begin, Hook: c.hook, In: watchedDevices[c.in],
				Out: watchedDevices[c.out], Packet: &p})
		}
		tracker.Look(v)
		result := rec.Policy(learn.Options{Devices: []learn.Device{{Name: "eth0", Group: "a"},
			{Name: "eth1", Group: "b"}}})
		if result.Policy == nil {
			t.Fatal(result.Problems)
		}
		links := []member.Link{{Name: "eth0", Index: 2}, {Name: "eth1", Index: 3}}
		rs := filter.NewCompiler().Compile(result.Policy, member.Resolve(result.Policy,
			member.Facts{Links: links})).WithLinks(links)
		engine := filter.NewEngine(filter.Config{MaxFlows: 4096}, rs)
		worker := engine.NewWorker()
		pass := func(c crossing) bool {
			worker.Begin()
			defer worker.End()
			return worker.Decide(&filter.Event{Frame: packet.Frame{Bytes: c.bytes}, Hook: c.hook, In: c.in,
				Out: c.out})
		}
		learned := rules(t, rec)
		anything := false
		for _, talk := range talks {
			anything = anything || talk.works
			for i, c := range talk.packets {
				switch ok := pass(c); {
				case talk.works && !ok:
					t.Fatalf("seed %d: packet %d of %s does not pass: %v\n%q", seed, i, talk.what,
						worker.Last().Reason, learned)
				case ok:
					passed++
				default:
					dropped++
				}
			}
		}
		if !anything && len(learned) > 0 {
			t.Fatalf("seed %d: nothing works, and it learned %q", seed, learned)
		}
	}
	if passed < 1000 || dropped < 100 {
		t.Errorf("%d packets pass, %d do not: nothing was shown", passed, dropped)
	}
}
