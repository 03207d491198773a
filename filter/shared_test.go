package filter

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/parity"
)

// sharedPolicy has what comes in through eth0 and what goes out through eth1, which
// share their flows, and eth2, which may do nothing and shares with no one.
func sharedPolicy(scope string) *policy.Policy {
	in := func(device, group, scope string) policy.Interface {
		return policy.Interface{Device: device, Groups: []string{group}, Timeouts: policy.DefaultTimeouts,
			Scope: scope}
	}
	anyone := policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}
	return &policy.Policy{
		Groups: []policy.Group{
			{Name: "entrance", Ingress: []policy.Rule{
				tcpRule(443, "0.0.0.0/0"), {Protocol: policy.UDP, From: 53, To: 53, Peer: anyone},
				{Protocol: 47, From: -1, To: -1, Peer: anyone}}},
			{Name: "exit", Egress: []policy.Rule{tcpRule(80, "0.0.0.0/0")}},
			{Name: "closed"},
		},
		Interfaces: []policy.Interface{
			in("eth0", "entrance", scope), in("eth1", "exit", scope), in("eth2", "closed", "")},
		Settings: policy.DefaultSettings,
	}
}

var sharedLinks = []member.Link{
	{Name: "eth0", Index: 2}, {Name: "eth1", Index: 3}, {Name: "eth2", Index: 4}}

func newSharedBench(t *testing.T) *bench {
	t.Helper()
	p := sharedPolicy("uplinks")
	b := newBench(t, p)
	b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	return b
}

// TestSharedScope: a flow that came in through one device goes on through the others
// of its scope, and through no other (T26).
func TestSharedScope(t *testing.T) {
	parity.Proves(t, "T26")
	b := newSharedBench(t)
	syn := tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)
	answer := tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	ack := tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)
	expect(t, "in where no rule permits it", b.cross(HookInput, 3, 0, syn), ReasonNoRule)
	expect(t, "in", b.cross(HookInput, 2, 0, syn), ReasonRule)
	expect(t, "the answer out elsewhere", b.cross(HookOutput, 0, 4, answer), ReasonNotAFlow)
	expect(t, "the answer out through the other device", b.cross(HookOutput, 0, 3, answer), ReasonFlow)
	expect(t, "in elsewhere", b.cross(HookInput, 4, 0, ack), ReasonNotAFlow)
	expect(t, "in through the other device", b.cross(HookInput, 3, 0, ack), ReasonFlow)

	rs := b.Ruleset()
	shared := rs.Device("eth0").Scope
	if rs.Device("eth1").Scope != shared || rs.Device("eth2").Scope == shared {
		t.Error("the scope is not that of eth0 and eth1 alone")
	}
	if rs.SharedOf(shared) != "uplinks" || rs.DeviceOf(shared) != "" ||
		rs.DeviceOf(rs.Device("eth2").Scope) != "eth2" || rs.SharedOf(rs.Device("eth2").Scope) != "" {
		t.Error("the scopes go by other names")
	}
}

// TestSharedScopeIsCrossedTwice: a packet that goes from one device of a scope to
// the other is judged at both. What the first one has just let in is no reason for
// the second to let it out, not even if it looks the same in both directions.
func TestSharedScopeIsCrossedTwice(t *testing.T) {
	b := newSharedBench(t)
	beyond := [4]byte{203, 0, 113, 9}
	refused := tcp4(client, beyond, 40000, 443, 1, 0, conntrack.SYN)
	for _, what := range []string{"in and not out", "again, with a flow of where it came in"} {
		v := b.cross(HookForward, 2, 3, refused)
		expect(t, what, v, ReasonNoRule)
		if v.Direction != conntrack.Egress {
			t.Errorf("%s: refused in direction %s", what, v.Direction)
		}
	}
	// The other way round the second device's rule is of no use to the first.
	expect(t, "out and not in", b.cross(HookForward, 2, 3,
		tcp4(client, beyond, 40000, 80, 1, 0, conntrack.SYN)), ReasonNoRule)

	selfish := udp4(client, client, 53, 53)
	for range 2 {
		expect(t, "from an end to itself", b.cross(HookForward, 2, 3, selfish), ReasonNoRule)
	}
	tunnelled := udp4(client, client, 0, 0)
	tunnelled[9] = 47
	for range 2 {
		expect(t, "from an address to itself", b.cross(HookForward, 2, 3, tunnelled), ReasonNoRule)
	}
	expect(t, "from an end to itself, in through the entrance alone",
		b.cross(HookForward, 2, 9, selfish), ReasonUnknownLink)
	if n := b.Flows().Len(); n != 1 {
		t.Errorf("%d flows, want the one that came in", n)
	}
}

// TestSharedScopeIsTracked: what rules for everybody would leave untracked is tracked
// where interfaces share it: the answer may leave through one without such rules.
func TestSharedScopeIsTracked(t *testing.T) {
	parity.Proves(t, "T26")
	b := newSharedBench(t)
	p := sharedPolicy("uplinks")
	p.Settings.Tracking = policy.TrackingAWS
	p.Groups[0].Egress = policy.DefaultEgress()
	b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	expect(t, "in", b.cross(HookInput, 2, 0, tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)),
		ReasonRule)
	expect(t, "out through the other device",
		b.cross(HookOutput, 0, 3, tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonFlow)
	b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
		if got := b.Ruleset().Review().Tracking(&f); got.Untracked || got.Clause != ClauseScope {
			t.Errorf("tracking %+v", got)
		}
		return true
	})
	p.Interfaces[0].Scope, p.Interfaces[1].Scope = "", ""
	b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	expect(t, "in without a scope",
		b.cross(HookInput, 2, 0, tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonUntracked)
}

// TestScopeChanges: a device that joins a scope, or leaves it, begins without flows.
// Those of before are cut, and there again when it comes back.
func TestScopeChanges(t *testing.T) {
	b := newSharedBench(t)
	apply := func(scope string) {
		p := sharedPolicy(scope)
		b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	}
	standings := func() (s [5]int) {
		review := b.Ruleset().Review()
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool { s[review.Standing(&f)]++; return true })
		return s
	}
	apply("")
	expect(t, "in", b.cross(HookInput, 2, 0, tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)),
		ReasonRule)
	answer := tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	apply("uplinks")
	expect(t, "the answer of a flow of before", b.cross(HookOutput, 0, 2, answer), ReasonNotAFlow)
	if s := standings(); s[StandingCut] != 1 {
		t.Errorf("standings %v, want one that is cut", s)
	}
	expect(t, "in again", b.cross(HookInput, 2, 0, tcp4(client, us, 40001, 443, 1, 0, conntrack.SYN)),
		ReasonRule)
	// eth0's rule permits it, though eth1's do not.
	if s := standings(); s[StandingPermitted] != 1 || s[StandingCut] != 1 {
		t.Errorf("standings %v, want one permitted and one cut", s)
	}
	apply("other")
	expect(t, "the answer under another scope",
		b.cross(HookOutput, 0, 3, tcp4(us, client, 443, 40001, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonNotAFlow)
	if s := standings(); s[StandingCut] != 2 {
		t.Errorf("standings %v, want two that are cut", s)
	}
	p := sharedPolicy("uplinks")
	p.Interfaces[0].Device, p.Interfaces[1].Device = "eth7", "eth8"
	p.Interfaces[0].Scope, p.Interfaces[1].Scope = "", ""
	b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	if s := standings(); s[StandingUnmanaged] != 2 {
		t.Errorf("standings %v, want two of devices that are not managed", s)
	}
	apply("")
	expect(t, "the answer without a scope again", b.cross(HookOutput, 0, 2, answer), ReasonFlow)
}

// TestRetime: a timer that a reload makes shorter holds for flows that wait for no
// packet, too, and counts from the reload; a longer one from the next packet. Of a
// scope the longest counts (T20).
func TestRetime(t *testing.T) {
	parity.Proves(t, "T20")
	b := newSharedBench(t)
	timers := func(est, udp time.Duration, scope string) {
		p := sharedPolicy(scope)
		p.Interfaces[0].Timeouts.TCPEstablished, p.Interfaces[0].Timeouts.UDP = est, udp
		b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
		b.Retime()
	}
	timers(time.Hour, 30*time.Second, "")
	open := func(port uint16) {
		expect(t, "SYN", b.cross(HookInput, 2, 0, tcp4(client, us, port, 443, 1, 0, conntrack.SYN)),
			ReasonRule)
		expect(t, "SYN-ACK", b.cross(HookOutput, 0, 2,
			tcp4(us, client, 443, port, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonFlow)
		expect(t, "ACK", b.cross(HookInput, 2, 0, tcp4(client, us, port, 443, 2, 10, conntrack.ACK)),
			ReasonFlow)
	}
	data := func(port uint16) Verdict {
		return b.cross(HookOutput, 0, 2, tcp4(us, client, 443, port, 10, 2, conntrack.ACK))
	}
	ask := func(port uint16) Verdict { return b.cross(HookInput, 2, 0, udp4(client, us, port, 53)) }
	reply := func(port uint16) Verdict { return b.cross(HookOutput, 0, 2, udp4(us, client, 53, port)) }

	open(1)
	open(2)
	b.wait(30 * time.Minute)
	timers(time.Minute, 30*time.Second, "")
	b.wait(59 * time.Second)
	expect(t, "shortened, within the timer", data(1), ReasonFlow)
	b.wait(2 * time.Second)
	expect(t, "shortened, beyond the timer", data(2), ReasonNotAFlow)
	expect(t, "shortened, with a packet since", data(1), ReasonFlow)
	b.wait(61 * time.Second)
	expect(t, "shortened, idle since", data(1), ReasonNotAFlow)

	expect(t, "query", ask(3), ReasonRule)
	expect(t, "query", ask(4), ReasonRule)
	b.wait(10 * time.Second)
	timers(time.Minute, time.Minute, "")
	expect(t, "lengthened, with a packet since", ask(4), ReasonFlow)
	b.wait(25 * time.Second)
	expect(t, "lengthened, without a packet", reply(3), ReasonNoRule)
	b.wait(20 * time.Second)
	expect(t, "lengthened, with a packet since", reply(4), ReasonFlow)

	timers(time.Hour, 30*time.Second, "uplinks")
	open(5)
	timers(time.Minute, 30*time.Second, "uplinks") // eth1 has five days
	b.wait(30 * time.Minute)
	expect(t, "shortened on one device of a scope", data(5), ReasonFlow)
	b.wait(61 * time.Second)
	expect(t, "the timer of the device that it crossed", data(5), ReasonNotAFlow)
}

// TestExceeded: the packets that a full table refuses are counted for the device
// that they crossed (T31).
func TestExceeded(t *testing.T) {
	parity.Proves(t, "T31")
	p := sharedPolicy("")
	b := newBench(t, p)
	b.Engine = NewEngine(Config{MaxFlows: 1, Clock: func() conntrack.Time { return b.now }},
		b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	b.Worker = b.NewWorker()
	exceeded := func() (n [3]uint64) {
		for i, a := range b.Ruleset().Attachments() {
			n[i] = a.Exceeded()
		}
		return n
	}
	expect(t, "the only place", b.cross(HookInput, 2, 0,
		tcp4(client, us, 1, 443, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "its answer", b.cross(HookOutput, 0, 2,
		tcp4(us, client, 443, 1, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonFlow)
	expect(t, "established", b.cross(HookInput, 2, 0, tcp4(client, us, 1, 443, 2, 10, conntrack.ACK)),
		ReasonFlow)
	for i := range 3 {
		expect(t, "no room", b.cross(HookInput, 2, 0,
			tcp4(client, us, uint16(2+i), 443, 1, 0, conntrack.SYN)), ReasonTableFull)
	}
	expect(t, "no room", b.cross(HookOutput, 0, 3, tcp4(us, client, 2, 80, 1, 0, conntrack.SYN)),
		ReasonTableFull)
	expect(t, "no rule", b.cross(HookInput, 4, 0, tcp4(client, us, 2, 443, 1, 0, conntrack.SYN)),
		ReasonNoRule)
	if got, want := exceeded(), [3]uint64{3, 1, 0}; got != want {
		t.Errorf("exceeded %v, want %v", got, want)
	}
	// A batch counts them all, whatever their order; so does the next ruleset.
	b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
	b.Begin()
	for i := range 6 {
		ev := Event{Hook: HookInput, In: 2}
		ev.Frame.Bytes = tcp4(client, us, 9, 443, 1, 0, conntrack.SYN)
		if i%2 == 1 {
			ev.Hook, ev.In, ev.Out = HookOutput, 0, 3
			ev.Frame.Bytes = tcp4(us, client, 9, 80, 1, 0, conntrack.SYN)
		}
		b.Decide(&ev)
	}
	b.End()
	if got, want := exceeded(), [3]uint64{6, 4, 0}; got != want {
		t.Errorf("exceeded %v, want %v", got, want)
	}
}
