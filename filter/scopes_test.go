package filter

import (
	"fmt"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
)

// manyGuests has every device veth* as a guest that may send anything.
func manyGuests() *policy.Policy {
	return &policy.Policy{
		Groups: []policy.Group{{Name: "app", Egress: policy.DefaultEgress()}},
		Interfaces: []policy.Interface{
			{Device: "veth*", Mode: policy.ModeGuest, Groups: []string{"app"},
				Timeouts: policy.DefaultTimeouts}},
		Settings: policy.DefaultSettings,
	}
}

// TestScopesStayBounded: thousands of devices that live for a moment leave a
// bounded memory, and their flows go before another device gets the number.
func TestScopesStayBounded(t *testing.T) {
	p := manyGuests()
	b := newBench(t, p)
	b.Engine = NewEngine(Config{MaxFlows: 100_000, Clock: func() conntrack.Time { return b.now }},
		b.Ruleset())
	b.Worker = b.NewWorker()
	base := b.compiler.Compile(p, nil)
	lasting := member.Link{Name: "veth-lasting", Index: 2}
	owner := make(map[conntrack.Scope]string)
	swept := 0
	const rounds, perRound = 100, 50
	for round := range rounds {
		links := []member.Link{lasting}
		for i := range perRound {
			links = append(links, member.Link{
				Name: fmt.Sprintf("veth%d-%d", round, i), Index: uint32(10 + round*perRound + i)})
		}
		rs := base.WithLinks(links)
		used := make(map[conntrack.Scope]bool)
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			used[f.Tuple.Scope()] = true
			return true
		})
		for _, a := range rs.Attachments() {
			// A number that is given again has no flow of its last owner.
			if last := owner[a.Scope]; last != "" && last != a.Device && used[a.Scope] {
				t.Fatalf("%s has the number of %s and its flows", a.Device, last)
			}
			owner[a.Scope] = a.Device
			if got := rs.DeviceOf(a.Scope); got != a.Device {
				t.Fatalf("scope of %s is that of %q", a.Device, got)
			}
		}
		b.Publish(rs)
		for i, l := range links {
			src := [4]byte{10, byte(round), byte(i), 1}
			// It leaves its sender, and the lasting guest takes nothing in.
			expect(t, l.Name, b.cross(HookForward, l.Index, 2,
				tcp4(src, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonNoRule)
		}
		swept += b.Engine.Sweep()
	}
	if n, most := len(base.scopes.uses), 1+maxAbsent+4*perRound; n > most {
		t.Errorf("%d numbers for %d devices at a time, want at most %d", n, perRound+1, most)
	}
	if n, most := len(base.scopes.byKey), 1+maxAbsent+perRound; n > most {
		t.Errorf("%d names, want at most %d", n, most)
	}
	if swept == 0 {
		t.Error("no flow of a forgotten device was removed")
	}
	if n, most := b.Flows().Len(), 2*(maxAbsent+4*perRound)+rounds; n > most {
		t.Errorf("%d flows, want at most %d", n, most)
	}
}

// TestScopeComesBack: a device that goes and comes back finds its flows, as long
// as not too many others have vanished since.
func TestScopeComesBack(t *testing.T) {
	p := manyGuests()
	b := newBench(t, p)
	base := b.compiler.Compile(p, nil)
	here := []member.Link{{Name: "eth0", Index: 2}, {Name: "veth-a", Index: 5}}
	b.Publish(base.WithLinks(here))
	syn := tcp4(appAddr, client, 40000, 443, 1, 0, conntrack.SYN)
	expect(t, "SYN", b.cross(HookForward, 5, 2, syn), ReasonRule)
	answer := tcp4(client, appAddr, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)

	gone := func(n int) {
		for i := range n {
			b.Publish(base.WithLinks([]member.Link{
				here[0], {Name: fmt.Sprint("veth", i), Index: uint32(100 + i)}}))
			b.Engine.Sweep()
		}
		back := here[1]
		back.Index = 7
		b.Publish(base.WithLinks([]member.Link{here[0], back}))
	}
	gone(maxAbsent / 2)
	expect(t, "the answer, when the device is back", b.cross(HookForward, 2, 7, answer), ReasonFlow)
	gone(2 * maxAbsent)
	expect(t, "when it is forgotten", b.cross(HookForward, 2, 7, answer), ReasonNotAFlow)
}

// TestScopesOfTheRulesetInForce: Sweep leaves alone what the ruleset in force
// still names, whatever was bound since and never published.
func TestScopesOfTheRulesetInForce(t *testing.T) {
	p := manyGuests()
	b := newBench(t, p)
	base := b.compiler.Compile(p, nil)
	b.Publish(base.WithLinks([]member.Link{{Name: "eth0", Index: 2}, {Name: "veth-a", Index: 5}}))
	expect(t, "SYN", b.cross(HookForward, 5, 2,
		tcp4(appAddr, client, 40000, 443, 1, 0, conntrack.SYN)), ReasonRule)
	for i := range 2 * maxAbsent {
		base.WithLinks([]member.Link{{Name: fmt.Sprint("veth", i), Index: 100}})
	}
	if n := b.Engine.Sweep(); n != 0 {
		t.Errorf("%d flows removed", n)
	}
	answer := tcp4(client, appAddr, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	expect(t, "the answer", b.cross(HookForward, 2, 5, answer), ReasonFlow)
	b.Publish(base.WithLinks([]member.Link{{Name: "eth0", Index: 2}, {Name: "veth-a", Index: 5}}))
	expect(t, "the answer, once the same devices are bound again", b.cross(HookForward, 2, 5, answer),
		ReasonFlow)
	for i := range 2 * maxAbsent {
		base.WithLinks([]member.Link{{Name: fmt.Sprint("veth", i), Index: 100}})
	}
	b.Publish(base.WithLinks([]member.Link{{Name: "eth0", Index: 2}}))
	if n := b.Engine.Sweep(); n != 1 {
		t.Errorf("%d flows removed, want the one", n)
	}
}

// TestScopeOfAnotherMode: a device that changes sides shares no flow with what it
// was: its directions have been turned round.
func TestScopeOfAnotherMode(t *testing.T) {
	p := manyGuests()
	b := newBench(t, p)
	links := []member.Link{{Name: "veth-a", Index: 5}}
	b.Publish(b.compiler.Compile(p, nil).WithLinks(links))
	guest := b.Ruleset().Device("veth-a").Scope
	q := manyGuests()
	q.Interfaces[0].Mode = policy.ModeHost
	b.Publish(b.compiler.Compile(q, nil).WithLinks(links))
	if host := b.Ruleset().Device("veth-a").Scope; host == guest {
		t.Errorf("scope %d in both modes", host)
	}
	b.Publish(b.compiler.Compile(p, nil).WithLinks(links))
	if again := b.Ruleset().Device("veth-a").Scope; again != guest {
		t.Errorf("scope %d, was %d", again, guest)
	}
}
