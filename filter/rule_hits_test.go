package filter

import (
	"fmt"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
)

// hitsOf returns the hits of the rule for a port.
func hitsOf(t *testing.T, e *Engine, port int) (Hits, RuleInfo) {
	t.Helper()
	hits := e.Hits(e.Ruleset())
	for id, info := range e.Ruleset().Rules() {
		if info.Rule.From == port {
			return hits[id], info
		}
	}
	t.Fatalf("no rule for port %d", port)
	return Hits{}, RuleInfo{}
}

// TestHits: a rule counts the flows that it begins and not their packets, keeps
// its count over reloads, and while it is gone.
func TestHits(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0")))
	at := func(port int, want uint64, gone bool) {
		t.Helper()
		h, info := hitsOf(t, b.Engine, port)
		if h.Packets != want || info.Gone != gone {
			t.Errorf("port %d: %d hits, gone %t; want %d, %t", port, h.Packets, info.Gone, want, gone)
		}
	}
	connect := func(port uint16) {
		b.in(tcp4(client, us, port, 80, 1, 0, conntrack.SYN))
		b.out(tcp4(us, client, 80, port, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(client, us, port, 80, 2, 10, conntrack.ACK))
	}
	at(80, 0, false)
	for i := range uint16(3) {
		connect(1000 + i)
	}
	b.in(tcp4(client, us, 1, 82, 1, 0, conntrack.SYN))
	at(80, 3, false)
	at(81, 0, false)
	b.wait(time.Minute)
	b.in(tcp4(client, us, 2000, 81, 1, 0, conntrack.SYN))
	if h, _ := hitsOf(t, b.Engine, 81); h.Packets != 1 || h.Last != b.now {
		t.Errorf("port 81: %+v at %v", h, b.now)
	}
	if h, _ := hitsOf(t, b.Engine, 80); h.Last != b.now.Add(-time.Minute) {
		t.Errorf("port 80: %+v, want a minute ago", h)
	}

	// Other places in the list, and more rules than one chunk of counters holds.
	var many []policy.Rule
	for i := range hitChunk {
		many = append(many, tcpRule(2000+i, "0.0.0.0/0"))
	}
	b.apply(onePolicy(append(many, tcpRule(81, "0.0.0.0/0"))...))
	connect(1000) // goes on
	b.in(tcp4(client, us, 3000, 2000+hitChunk-1, 1, 0, conntrack.SYN))
	at(80, 3, true)
	at(81, 1, false)
	at(2000+hitChunk-1, 1, false)
	b.apply(onePolicy(tcpRule(80, "0.0.0.0/0")))
	connect(4000)
	at(80, 4, false)
	at(81, 1, true)

	// A ruleset that was compiled and is not published yet, or no more.
	next := b.compiler.Compile(onePolicy(append(many, tcpRule(9000, "0.0.0.0/0"))...), nil)
	if hits := b.Hits(next); len(hits) != len(next.rules) || hits[len(hits)-1].Packets != 0 {
		t.Errorf("%d hits for %d rules", len(hits), len(next.rules))
	}
}

// TestHitsOfOneBatch: more rules in a batch than it has room for, from two workers.
func TestHitsOfOneBatch(t *testing.T) {
	var rules []policy.Rule
	for i := range 2*hitRuns + 1 {
		rules = append(rules, tcpRule(80+i, "0.0.0.0/0"))
	}
	b := newBench(t, onePolicy(rules...))
	for n, w := range []*Worker{b.Worker, b.NewWorker()} {
		w.Begin()
		for i := range rules {
			for j := range 2 {
				ev := Event{Frame: frame(tcp4(client, us, uint16(1000+10*n+j), uint16(80+i), 1, 0,
					conntrack.SYN)), Hook: HookInput, In: 2}
				if !w.Decide(&ev) {
					t.Fatal(w.Last().Reason)
				}
			}
		}
		w.End()
	}
	for i := range rules {
		if h, _ := hitsOf(t, b.Engine, 80+i); h.Packets != 4 {
			t.Errorf("rule %d: %d hits, want 4", i, h.Packets)
		}
	}
}

// TestHitsOfAFullTable: a packet that a rule permits and no room is left for is no hit.
func TestHitsOfAFullTable(t *testing.T) {
	b := &bench{compiler: NewCompiler()}
	rs := b.compiler.Compile(onePolicy(tcpRule(80, "0.0.0.0/0")), nil).WithLinks(testLinks)
	b.Engine = NewEngine(Config{MaxFlows: 1, Clock: func() conntrack.Time { return b.now }}, rs)
	b.Worker = b.NewWorker()
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
	b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK))
	expect(t, "no room", b.in(tcp4(client, us, 40001, 80, 1, 0, conntrack.SYN)), ReasonTableFull)
	if h, _ := hitsOf(t, b.Engine, 80); h.Packets != 1 {
		t.Errorf("%d hits, want 1", h.Packets)
	}
}

// TestLookingAllocates: new flows and drops allocate nothing for those who look on.
func TestLookingAllocates(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(64, anything)
	defer w.Close()
	for what, raw := range map[string][]byte{
		"drop":               tcp4(client, us, 40000, 81, 1, 0, conntrack.SYN),
		"permitted, no flow": icmp4(client, us, 5, 1, 0, nil),
	} {
		for range 2 * RecentDrops {
			b.in(raw)
		}
		if n := testing.AllocsPerRun(200, func() { b.in(raw) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	if n := testing.AllocsPerRun(200, func() { b.hit(1); b.countHits() }); n != 0 {
		t.Errorf("hits: %v allocations", n)
	}
}

func ExampleReasonSet() {
	fmt.Println(Dropping.Has(ReasonNoRule), Dropping.Has(ReasonFlow), Everything.Has(ReasonFlow))
	// Output: true false true
}
