package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy/file"
	"sgfw/policy/member"
	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/wire"
)

const (
	// explainedPackets is how many tuples are tried at each device and on each side of it.
	explainedPackets = 2500
	// salvo is how many are sent before somebody looks what arrived: fewer than any queue
	// on the way has room for.
	salvo = 50
	// askedEvery is that of so many tuples the running daemon is asked about one.
	askedEvery = 25
)

// TestExplained asks about 10,000 random tuples what would happen, of both families, with and
// without network ACLs, and then sends them: those arrive, and no others, of which it was said,
// and then the answers to these. About some the running daemon is asked as well, which says
// the same.
func TestExplained(t *testing.T) {
	seed := kernelSeed(t)
	total, passed, answers, answered, began := 0, 0, 0, 0, time.Now()
	for i, k := range kernelTrials {
		r := rand.New(rand.NewPCG(seed, uint64(i)+100))
		w := Passage(k.device, k.guest)
		w.ACLs = i%2 == 1
		trial := newExplainedTrial(t, r, w)
		for range explainedPackets / salvo {
			for _, device := range []string{"eth0", "eth1"} {
				shots := trial.ask(t, device, salvo/2)
				passed += trial.fire(t, device, shots)
				total += len(shots)
				back := trial.answers(shots)
				answered += trial.fire(t, other[device], back)
				answers += len(back)
			}
			if t.Failed() {
				t.Fatalf("again with %s=%d", kernelSeedEnv, seed)
			}
		}
	}
	t.Logf("%d of %d passed, and %d of %d answers, as was said before, in %s", passed, total,
		answered, answers, time.Since(began))
	if total != len(kernelTrials)*explainedPackets || answers != passed || seed == 1 &&
		(passed < total/10 || passed > total*9/10 || answered < answers/2 || answered == answers) {
		t.Error("this shows little")
	}
}

// other is the other device of the passage.
var other = map[string]string{"eth0": "eth1", "eth1": "eth0"}

// explainedTrial is a router with the daemon, and the same ruleset here.
type explainedTrial struct {
	way    crossing
	world  *World
	random *rand.Rand
	daemon *harness.Daemon
	rules  *filter.Ruleset
	// managed is the device that has rules, and guest on which side.
	managed string
	guest   bool
	number  uint16
	port    int
	text    string
}

// shot is a packet, and whether it was said to pass.
type shot struct {
	packet naive.Packet
	bytes  []byte
	number uint16
	passes bool
	// answered is whether the answer was said to pass.
	answered bool
	what     string
}

func newExplainedTrial(t *testing.T, r *rand.Rand, w *World) *explainedTrial {
	t.Helper()
	n := w.Interfaces[0]
	x := &explainedTrial{way: newCrossing(t, w), world: w, random: r, managed: n.Device,
		guest: n.Guest, port: 20000}
	marked := withMarkers(w.Policy(r))
	for w.ACLs && marked.Interfaces[0].ACL == "" {
		marked = withMarkers(w.Policy(r))
	}
	for i := range marked.ACLs {
		for d := range marked.ACLs[i].Rules { // in front of all others
			rules := &marked.ACLs[i].Rules[d]
			*rules = append(*rules, naive.ACLRule{Number: 1, Allow: true, Rule: naive.Rule{
				Protocol: marker, From: naive.All, To: naive.All, CIDR: zero(0)}})
		}
	}
	x.text = Text(marked, "queues: { count: 1 }")
	p, _, err := file.Parse("trial.yaml", []byte(x.text))
	if err != nil {
		t.Fatal(err)
	}
	x.rules = filter.Compile(p, member.Resolve(p, member.Facts{}))
	x.daemon = harness.Enforce(t, x.way.host, x.text)
	return x
}

// ask makes up packets that come in through a device, and says what happens to them. No two
// have a flow in common, nor is one the answer to another: protocols without ports are asked
// about in one direction alone.
func (x *explainedTrial) ask(t *testing.T, in string, n int) (shots []shot) {
	t.Helper()
	direction := conntrack.Egress
	if (in == x.managed) != x.guest {
		direction = conntrack.Ingress
	}
	for range n {
		p := x.packet(in, other[in])
		q := filter.Query{Device: x.managed, Direction: direction, Protocol: uint8(p.Protocol),
			Src: p.Src, Dst: p.Dst, SrcPort: uint16(p.SrcPort), DstPort: uint16(p.DstPort),
			Flags: conntrack.TCPFlags(p.Flags), ICMPType: uint8(p.Type), ICMPCode: uint8(p.Code),
			ICMPID: uint16(p.ID), Hook: filter.HookForward}
		said := filter.Explain(x.rules, nil, 0, q)
		s := shot{packet: p, passes: said.Verdict.Accept(), answered: said.Reply.Accept(),
			what: fmt.Sprintf("%s of %s: protocol %d, %s:%d > %s:%d, type %d code %d", direction,
				x.managed, p.Protocol, p.Src, p.SrcPort, p.Dst, p.DstPort, p.Type, p.Code)}
		x.number++
		s.number = x.number
		s.bytes = Bytes(&p, make([]byte, 8), numbered(s.number)...)
		if x.number%askedEvery == 0 {
			if said := x.daemonSays(t, &q); said != s.passes {
				t.Errorf("%s: passes: %t, the daemon says %t", s.what, s.passes, said)
			}
		}
		shots = append(shots, s)
	}
	return shots
}

// packet makes up a packet. Its source port or identifier is its own.
func (x *explainedTrial) packet(in, out string) naive.Packet {
	r := x.random
	family := r.IntN(2)
	of := func(device string) netip.Addr {
		for {
			if a := one(r, x.world.Behind[device]...); a.Is4() == (family == 0) {
				return a
			}
		}
	}
	p := naive.Packet{HopLimit: 64, Src: of(in), Dst: of(out)}
	x.port++
	switch k := r.IntN(10); {
	case k < 4:
		p.Protocol, p.SrcPort, p.DstPort, p.Flags = naive.TCP, x.port, one(r, x.world.Ports...), naive.SYN
	case k < 7:
		p.Protocol, p.SrcPort, p.DstPort = naive.UDP, x.port, one(r, x.world.Ports...)
	default:
		p.Protocol, p.ID = [...]int{naive.ICMP, naive.ICMPv6}[family], x.port
		p.Type = [...]int{8, 128}[family]
		if family == 0 && chance(r, 30) {
			p.Type = 13
		}
	}
	return p
}

// daemonSays asks the running daemon.
func (x *explainedTrial) daemonSays(t *testing.T, q *filter.Query) bool {
	t.Helper()
	ask := map[string]any{"interface": q.Device, "direction": q.Direction.String(),
		"protocol": fmt.Sprint(q.Protocol), "from": q.Src.String(), "to": q.Dst.String()}
	switch q.Protocol {
	case naive.TCP, naive.UDP:
		ask["from"] = netip.AddrPortFrom(q.Src, q.SrcPort).String()
		ask["to"] = netip.AddrPortFrom(q.Dst, q.DstPort).String()
	default:
		ask["icmp_type"], ask["icmp_code"], ask["icmp_id"] = q.ICMPType, q.ICMPCode, q.ICMPID
	}
	body, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	status, reply := x.daemon.Answer("/v1/explain", string(body))
	var doc struct{ Verdict string }
	if err := json.Unmarshal([]byte(reply), &doc); err != nil || status != 200 {
		t.Fatalf("%s: %d, %s (%v)", body, status, reply, err)
	}
	return doc.Verdict == "accept"
}

// answers are those to the packets that were said to pass.
func (x *explainedTrial) answers(shots []shot) (back []shot) {
	for _, s := range shots {
		if !s.passes {
			continue
		}
		p := s.packet
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		switch {
		case p.Protocol == naive.TCP:
			p.Flags, p.Ack = naive.SYN|naive.ACK, p.Seq+1
		case p.Type == 8:
			p.Type = 0
		case p.Protocol != naive.UDP:
			p.Type++
		}
		x.number++
		back = append(back, shot{bytes: Bytes(&p, make([]byte, 8), numbered(x.number)...),
			number: x.number, passes: s.answered, what: "the answer to " + s.what})
	}
	return back
}

// fire sends packets and a marker behind them, and compares what arrives before the marker
// with what was said. It returns how many passed.
func (x *explainedTrial) fire(t *testing.T, in string, shots []shot) (passed int) {
	t.Helper()
	out := other[in]
	x.number++
	first := func(device string) netip.Addr { return Networks(device)[0].Addr().Next() }
	end := wire.Proto(first(in), first(out), marker, nil, numbered(x.number)...)
	from := x.way.sides[in].device
	arrived := make(chan []uint16)
	go func() { arrived <- x.way.sides[out].before(x.number) }()
	for _, s := range append(shots, shot{bytes: end}) {
		if err := from.Send(s.bytes); err != nil {
			t.Error(err)
		}
	}
	got := <-arrived
	if got == nil {
		t.Errorf("no marker came through\n%s", x.text)
		return 0
	}
	for _, s := range shots {
		came := slices.Contains(got, s.number)
		if came != s.passes {
			t.Errorf("%s: was said to pass: %t, and passed: %t\n%s", s.what, s.passes, came, x.text)
		}
		if came {
			passed++
		}
	}
	return passed
}

// before is the numbers of what arrives until a marker does, that included; nil if it does not.
func (s *crossingSide) before(number uint16) (got []uint16) {
	for deadline := time.After(harness.ArrivalTimeout); ; {
		select {
		case n := <-s.arrived:
			if got = append(got, n); n == number {
				return got
			}
		case <-deadline:
			return nil
		}
	}
}
