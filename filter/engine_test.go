package filter

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"

	"sgfw/test/parity"
)

// Addresses and devices of the tests: the machine 192.0.2.1 behind eth0 (index
// 2), eth1 (index 3); docker0 (index 4) is not managed, index 9 is not known.
var (
	us        = [4]byte{192, 0, 2, 1}
	client    = [4]byte{198, 51, 100, 7}
	other     = [4]byte{203, 0, 113, 7}
	testLinks = []member.Link{{Name: "lo", Index: 1}, {Name: "eth0", Index: 2},
		{Name: "eth1", Index: 3}, {Name: "docker0", Index: 4}}
)

// bench is an engine with a hand-driven clock.
type bench struct {
	*Engine
	*Worker
	compiler *Compiler
	now      conntrack.Time
}

func newBench(t *testing.T, p *policy.Policy) *bench {
	t.Helper()
	b := &bench{compiler: NewCompiler(), now: conntrack.Time(time.Hour)}
	b.Engine = NewEngine(Config{MaxFlows: 1000, Clock: func() conntrack.Time { return b.now }},
		b.compiler.Compile(p, nil).WithLinks(testLinks))
	b.Worker = b.NewWorker()
	return b
}

func (b *bench) apply(p *policy.Policy) {
	b.Publish(b.compiler.Compile(p, nil).WithLinks(testLinks))
}

func (b *bench) wait(d time.Duration) { b.now = b.now.Add(d) }

// cross sends one packet through hook with the device indexes.
func (b *bench) cross(h Hook, in, out uint32, raw []byte) Verdict {
	b.Begin()
	defer b.End()
	ev := Event{Frame: packet.Frame{Bytes: raw}, Hook: h, In: in, Out: out}
	if got := b.Decide(&ev); got != b.Last().Accept() {
		panic("Decide disagrees with its verdict")
	}
	return b.Last()
}

func (b *bench) in(raw []byte) Verdict  { return b.cross(HookInput, 2, 0, raw) }
func (b *bench) out(raw []byte) Verdict { return b.cross(HookOutput, 0, 2, raw) }

func expect(t *testing.T, what string, got Verdict, want Reason) {
	t.Helper()
	if got.Reason != want {
		t.Errorf("%s: %s, want %s", what, got.Reason, want)
	}
}

// udp4 is a UDP/IPv4 datagram with four bytes of payload.
func udp4(src, dst [4]byte, srcPort, dstPort uint16) []byte {
	b := make([]byte, 32)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], 32)
	b[8], b[9] = 64, conntrack.ProtoUDP
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[20:], srcPort)
	binary.BigEndian.PutUint16(b[22:], dstPort)
	binary.BigEndian.PutUint16(b[24:], 12) // UDP length
	return b
}

// icmp4 is an ICMP message with rest as bytes 4 to 7 and a body.
func icmp4(src, dst [4]byte, typ, code byte, rest uint32, body []byte) []byte {
	b := make([]byte, 28, 28+len(body))
	b[0] = 0x45
	b[8], b[9] = 64, conntrack.ProtoICMP
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	b[20], b[21] = typ, code
	binary.BigEndian.PutUint32(b[24:], rest)
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func tcpRule(port int, cidr string) policy.Rule {
	return policy.Rule{Protocol: policy.TCP, From: port, To: port,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix(cidr)}}
}

// TestStateful: replies pass in both roles whatever the rules say (T1), and
// nothing else does (D3).
func TestStateful(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(443, "198.51.100.0/24")))
	expect(t, "SYN from a stranger", b.in(tcp4(other, us, 40000, 443, 1, 0, conntrack.SYN)),
		ReasonNoRule)
	expect(t, "SYN to another port", b.in(tcp4(client, us, 40000, 444, 1, 0, conntrack.SYN)),
		ReasonNoRule)
	expect(t, "SYN-ACK before any SYN",
		b.out(tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonNotAFlow)
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "SYN-ACK, no egress rule",
		b.out(tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonFlow)
	expect(t, "ACK", b.in(tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)), ReasonFlow)
	expect(t, "the flow's addresses in the wrong direction",
		b.out(tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)), ReasonNotAFlow)
	expect(t, "own connection, egress []", b.out(tcp4(us, client, 50000, 443, 1, 0, conntrack.SYN)),
		ReasonNoRule)
}

// TestRuleRemoved: a tracked flow lives on, a new one fails (T15; row 11).
func TestRuleRemoved(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(22, "198.51.100.7/32")))
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 22, 1, 0, conntrack.SYN)), ReasonRule)
	b.out(tcp4(us, client, 22, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
	b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK))
	b.apply(onePolicy())
	expect(t, "data after the rule is gone",
		b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK|conntrack.PSH)), ReasonFlow)
	expect(t, "answer", b.out(tcp4(us, client, 22, 40000, 10, 2, conntrack.ACK)), ReasonFlow)
	expect(t, "new SYN on the live tuple", b.in(tcp4(client, us, 40000, 22, 5000, 0, conntrack.SYN)),
		ReasonNoRule)
	expect(t, "new connection", b.in(tcp4(client, us, 40001, 22, 1, 0, conntrack.SYN)), ReasonNoRule)
	b.wait(432001 * time.Second)
	expect(t, "data after the timer ran out (T23)",
		b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK)), ReasonNotAFlow)
}

// TestICMPError: an error passes for the live flow that it quotes and for
// nothing else (T24).
func TestICMPError(t *testing.T) {
	p := onePolicy()
	p.Groups[0].Egress = []policy.Rule{
		{Protocol: policy.AllProtocols, From: -1, To: -1,
			Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}}
	b := newBench(t, p)
	router := [4]byte{10, 9, 9, 9}
	sent := udp4(us, client, 5353, 53)
	expect(t, "query", b.out(sent), ReasonRule)

	const fragNeeded, unreachable = 4, 3
	expect(t, "frag-needed from a router on the way",
		b.in(icmp4(router, us, unreachable, fragNeeded, 1400, sent)), ReasonRelated)
	expect(t, "time exceeded", b.in(icmp4(router, us, 11, 0, 0, sent)), ReasonRelated)
	expect(t, "quoting another port",
		b.in(icmp4(router, us, unreachable, fragNeeded, 1400, udp4(us, client, 5354, 53))), ReasonNoRule)
	expect(t, "quoting the reply direction",
		b.in(icmp4(router, us, unreachable, fragNeeded, 1400, udp4(client, us, 53, 5353))), ReasonNoRule)
	expect(t, "sent to another than the quoted source",
		b.in(icmp4(router, other, unreachable, fragNeeded, 1400, sent)), ReasonNoRule)
	expect(t, "a redirect", b.in(icmp4(router, us, 5, 1, 0, sent)), ReasonNoRule)
	expect(t, "an error about an error",
		b.in(icmp4(router, us, unreachable, 0, 0, icmp4(us, router, unreachable, 3, 0, sent))),
		ReasonNoRule)

	p.Settings.ICMPErrors = policy.ICMPErrorsRules
	b.apply(p)
	expect(t, "icmp_errors: rules", b.in(icmp4(router, us, unreachable, fragNeeded, 1400, sent)),
		ReasonNoRule)
	b.apply(onePolicy())
	b.wait(31 * time.Second)
	expect(t, "after the flow expired", b.in(icmp4(router, us, unreachable, fragNeeded, 1400, sent)),
		ReasonNoRule)
}

// TestForward: a packet across two managed devices passes only if both allow,
// and the sender's flow stays when the receiver refuses (D7).
func TestForward(t *testing.T) {
	p := onePolicy()
	p.Groups[0].Ingress = []policy.Rule{tcpRule(80, "198.51.100.0/24"), tcpRule(81, "198.51.100.0/24")}
	p.Groups = append(p.Groups, policy.Group{
		Name: "two", Egress: []policy.Rule{tcpRule(80, "192.0.2.0/24")}})
	p.Interfaces = append(p.Interfaces,
		policy.Interface{Device: "eth1", Groups: []string{"two"}, Timeouts: policy.DefaultTimeouts})
	b := newBench(t, p)
	server := [4]byte{192, 0, 2, 80}
	forward := func(raw []byte) Verdict { return b.cross(HookForward, 2, 3, raw) }
	back := func(raw []byte) Verdict { return b.cross(HookForward, 3, 2, raw) }

	expect(t, "both allow", forward(tcp4(client, server, 40000, 80, 1, 0, conntrack.SYN)), ReasonRule)
	if n := b.Flows().Len(); n != 2 {
		t.Errorf("%d flows after one forwarded SYN, want one for each device", n)
	}
	expect(t, "the answer, without rules of its own",
		back(tcp4(server, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonFlow)
	expect(t, "refused where it leaves", forward(tcp4(client, server, 40000, 81, 1, 0, conntrack.SYN)),
		ReasonNoRule)
	if n := b.Flows().Len(); n != 3 {
		t.Errorf("%d flows, want 3: the first device's entry stays", n)
	}
	expect(t, "refused where it enters", forward(tcp4(other, server, 40000, 80, 1, 0, conntrack.SYN)),
		ReasonNoRule)
	if n := b.Flows().Len(); n != 3 {
		t.Errorf("%d flows, want 3: the second device was never asked", n)
	}
}

// TestLinks: what the engine does not know it drops.
func TestLinks(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	syn := tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)
	expect(t, "a device not known yet", b.cross(HookInput, 9, 0, syn), ReasonUnknownLink)
	expect(t, "on the way out, too", b.cross(HookForward, 2, 9, syn), ReasonUnknownLink)
	expect(t, "an index beyond the dense ones", b.cross(HookInput, 1<<20, 0, syn), ReasonUnknownLink)
	expect(t, "queued, but at no managed device", b.cross(HookInput, 4, 0, syn), ReasonUnmanaged)
	expect(t, "from managed to unmanaged",
		b.cross(HookForward, 2, 4, tcp4(client, us, 40001, 80, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "a fault of the parser", b.in([]byte{0x45, 0}), FaultReason(packet.FaultTruncated))

	high := append(testLinks, member.Link{Name: "eth9", Index: 1 << 20})
	p := onePolicy(tcpRule(80, "0.0.0.0/0"))
	p.Interfaces[0].Device = "eth*"
	b.Publish(b.compiler.Compile(p, nil).WithLinks(high))
	expect(t, "a device that appeared, by pattern", b.cross(HookInput, 1<<20, 0, syn), ReasonRule)
	expect(t, "the same tuple at another device is another flow (T26)",
		b.cross(HookInput, 3, 0, tcp4(client, us, 40000, 80, 2, 0, conntrack.ACK)), ReasonRule)
}

// TestKeeping: while a reload takes a device out of the policy, what waits in
// the queue is judged by that device's old rules, and all others by the new.
func TestKeeping(t *testing.T) {
	before := onePolicy(tcpRule(80, "0.0.0.0/0"))
	before.Interfaces = append(before.Interfaces, before.Interfaces[0])
	before.Interfaces[1].Device = "eth1"
	b := newBench(t, before)
	at := func(link uint32, port uint16) Verdict {
		return b.cross(HookInput, link, 0, tcp4(client, us, 40000, port, 1, 0, conntrack.SYN))
	}
	expect(t, "eth1 under the old rules", at(3, 80), ReasonRule)

	old, next := b.Ruleset(), b.compiler.Compile(onePolicy(tcpRule(81, "0.0.0.0/0")), nil)
	b.Publish(next.Keeping(old, testLinks))
	expect(t, "eth1, a flow", at(3, 80), ReasonFlow)
	expect(t, "eth1, what the old rules refuse", at(3, 81), ReasonNoRule)
	expect(t, "eth0, what the new rules refuse", at(2, 80), ReasonNoRule)
	expect(t, "eth0, what they permit", at(2, 81), ReasonRule)
	expect(t, "docker0, which nobody manages", at(4, 80), ReasonUnmanaged)
	expect(t, "a device not known yet", at(9, 80), ReasonUnknownLink)

	b.Publish(next.WithLinks(testLinks))
	expect(t, "eth1 in the end", at(3, 80), ReasonUnmanaged)
}

// TestTableFull: a permitted flow that finds no room is dropped (T30).
func TestTableFull(t *testing.T) {
	parity.Proves(t, "T30")
	b := &bench{compiler: NewCompiler()}
	rs := b.compiler.Compile(onePolicy(tcpRule(80, "0.0.0.0/0")), nil).WithLinks(testLinks)
	b.Engine = NewEngine(Config{MaxFlows: 1, Clock: func() conntrack.Time { return b.now }}, rs)
	b.Worker = b.NewWorker()
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
	b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK))
	expect(t, "a second flow beside an established one",
		b.in(tcp4(client, us, 40001, 80, 1, 0, conntrack.SYN)), ReasonTableFull)
	expect(t, "the established one", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)),
		ReasonFlow)
	if c := b.Counts(); c[ReasonTableFull] != 1 || c[ReasonFlow] != 3 || c[ReasonRule] != 1 {
		t.Errorf("counts %v", c)
	}
}

// TestPublish: after Publish returns no worker decides by the older ruleset,
// and no batch sees two.
func TestPublish(t *testing.T) {
	open, shut := onePolicy(tcpRule(80, "0.0.0.0/0")), onePolicy()
	c := NewCompiler()
	rulesets := []*Ruleset{c.Compile(shut, nil).WithLinks(testLinks),
		c.Compile(open, nil).WithLinks(testLinks)}
	e := NewEngine(Config{MaxFlows: 100_000}, rulesets[0])
	var (
		inForce atomic.Int64 // what Publish has answered for
		stop    atomic.Bool
		wg      sync.WaitGroup
		batches atomic.Int64
	)
	for n := range 2 {
		w := e.NewWorker()
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				before := inForce.Load()
				w.Begin()
				first := w.rs
				for j := range 8 {
					syn := tcp4([4]byte{10, byte(n), byte(i), byte(j)}, us, uint16(i>>8)|1024, 80, 1, 0,
						conntrack.SYN)
					ev := Event{Frame: packet.Frame{Bytes: syn}, Hook: HookInput, In: 2}
					pass := w.Decide(&ev)
					if w.rs != first {
						t.Error("the ruleset changed within a batch")
					}
					if pass && first == rulesets[0] {
						t.Error("passed under rules that refuse it")
					}
				}
				w.End()
				after := inForce.Load()
				if before == after && before > 0 && first != rulesets[before%2] {
					t.Errorf("a batch begun after publication %d used the older ruleset", before)
					return
				}
				batches.Add(1)
			}
		})
	}
	for i := int64(1); i <= 300; i++ {
		e.Publish(rulesets[i%2])
		inForce.Store(i)
		for n := batches.Load(); batches.Load() < n+4 && !t.Failed(); {
			time.Sleep(10 * time.Microsecond)
		}
		// A batch that starts while inForce still says i-1 may use i: tell
		// the workers before the next publication that the number moves.
		inForce.Store(-i)
	}
	stop.Store(true)
	wg.Wait()
}

// TestPublishWaits: Publish does not answer while a batch that began under the
// older ruleset is under way; an idle worker does not hold it up.
func TestPublishWaits(t *testing.T) {
	parity.Proves(t, "R44")
	b := newBench(t, onePolicy())
	idle := b.NewWorker()
	idle.Begin()
	idle.End()
	b.Begin()
	published := make(chan struct{})
	go func() {
		b.apply(onePolicy(tcpRule(80, "0.0.0.0/0")))
		close(published)
	}()
	select {
	case <-published:
		t.Error("published while a batch uses the older rules")
	case <-time.After(50 * time.Millisecond):
	}
	b.End()
	select {
	case <-published:
	case <-time.After(10 * time.Second):
		t.Fatal("not published after the batch ended")
	}
	expect(t, "the next packet", b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)), ReasonRule)
}

// TestDecideAllocates: nothing on the established and deny paths.
func TestDecideAllocates(t *testing.T) {
	e := benchEngine(100, 1000)
	w := e.NewWorker()
	segment := open(w, 1, 100)
	syn := tcp4(other, us, 1, 1, 1, 0, conntrack.SYN)
	for what, raw := range map[string][]byte{"established": segment, "deny": syn, "fault": {0x45}} {
		if n := testing.AllocsPerRun(200, func() { decide(w, HookInput, raw) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	client := uint32(0)
	if n := testing.AllocsPerRun(2000, func() {
		client++
		raw := tcpBuffer[:]
		copy(raw, tcp4Template)
		binary.BigEndian.PutUint16(raw[20:], uint16(client))
		decide(w, HookInput, raw)
	}); n > 1 {
		t.Errorf("new flow: %v allocations", n)
	}
}

var (
	tcpBuffer    [40]byte
	tcp4Template = tcp4([4]byte{10, 0, 0, 9}, benchServer, 0, 1000, 1, 0, conntrack.SYN)
)
