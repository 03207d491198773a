package differential

import (
	"fmt"
	"net/netip"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
	"sgfw/test/naive"
)

// epoch is when trials begin on the engine's clock. Steps of time are half seconds:
// from here on no timer of whole seconds ends at the end of a tick.
const epoch = time.Hour + 123*time.Millisecond

// engine is the engine under a clock that moves by hand, with policies that come
// as text, packets as bytes, and a worker in between: all but the kernel.
type engine struct {
	links    []member.Link
	servers  []netip.Addr
	index    map[string]uint32
	compiler *filter.Compiler
	filter   *filter.Engine
	worker   *filter.Worker
	now      conntrack.Time
	policy   *naive.Policy
	parsed   map[*naive.Policy]*policy.Policy
}

// newEngine returns an engine without a policy. parsed remembers what was read.
func newEngine(w *World, parsed map[*naive.Policy]*policy.Policy) *engine {
	e := &engine{
		compiler: filter.NewCompiler(), now: conntrack.Time(epoch), parsed: parsed, servers: w.Resolvers,
		index: make(map[string]uint32),
	}
	for i, d := range w.Devices {
		e.links = append(e.links, member.Link{Name: d.Name, Index: uint32(i + 1), Addresses: d.Addresses,
			Broadcasts: d.Broadcasts})
		e.index[d.Name] = uint32(i + 1)
	}
	return e
}

// apply puts a policy in force.
func (e *engine) apply(p *naive.Policy) error {
	read, ok := e.parsed[p]
	if !ok {
		var err error
		if read, _, err = file.Parse("trial.yaml", []byte(Text(p, ""))); err != nil {
			return fmt.Errorf("%w\n%s", err, Text(p, ""))
		}
		e.parsed[p] = read
	}
	e.policy = p
	rs := e.compiler.Compile(read,
		member.Resolve(read, member.Facts{Links: e.links})).WithResolvers(e.servers).WithLinks(e.links)
	if e.filter != nil {
		e.filter.Publish(rs)
		e.filter.Retime()
		return nil
	}
	e.filter = filter.NewEngine(filter.Config{
		MaxFlows: 4096, Clock: func() conntrack.Time { return e.now }}, rs)
	e.worker = e.filter.NewWorker()
	return nil
}

// wait lets time pass and, as the daemon does meanwhile, looks for flows that have
// run out. That must not be seen.
func (e *engine) wait(d time.Duration) {
	e.now = e.now.Add(d)
	if e.filter != nil && d > 0 {
		e.filter.Flows().Expire(e.now, e.filter.Flows().Slots()/2)
	}
}

// revoke cuts the flows of a device as the daemon does.
func (e *engine) revoke(device string) {
	a := e.filter.Ruleset().Device(device)
	if a == nil {
		return
	}
	var all []conntrack.FlowInfo
	e.filter.Flows().Range(e.now, func(f conntrack.FlowInfo) bool {
		if f.Tuple.Scope() == a.Scope {
			all = append(all, f)
		}
		return true
	})
	for i := range all {
		e.filter.Flows().Revoke(&all[i], e.now)
	}
}

// decide judges one packet, and says whether it passes. It is asked about in each hook
// in which the table would queue it (X8).
func (e *engine) decide(way Way, p *naive.Packet) (v filter.Verdict, passes bool) {
	e.worker.Begin()
	defer e.worker.End()
	ev := filter.Event{In: e.index[way.In], Out: e.index[way.Out],
		Frame: packet.Frame{Bytes: Bytes(p, nil), Info: packet.InfoCsumNotVerified}}
	for _, ev.Hook = range e.hooks(way) {
		if passes = e.worker.Decide(&ev); !passes {
			break
		}
	}
	return e.worker.Last(), passes
}

// wire reports whether a packet crosses an interface with the view of the wire where it
// comes in, and where it goes out.
func (e *engine) wire(way Way) (in, out bool) {
	wire := func(device string) bool {
		n := e.policy.Manages(device)
		return n != nil && n.Wire
	}
	return way.Hook != naive.Output && wire(way.In), way.Hook != naive.Input && wire(way.Out)
}

// leavesOut reports whether a packet is not for a trial: on the wire nobody knows whether
// it will be forwarded, so the kernel's rules have a part in what is exempt and what is a
// failsafe. filter/crossing_test.go and the tests on real packets have that.
func (e *engine) leavesOut(way Way, p *naive.Packet) bool {
	in, out := e.wire(way)
	return (in || out) && (special(p) || p.Quote != nil && special(p.Quote))
}

// hooks are those in which a packet is queued.
func (e *engine) hooks(way Way) (list []filter.Hook) {
	in, out := e.wire(way)
	local := func(device string, wire bool) bool { return !wire && e.policy.Manages(device) != nil }
	if in {
		list = append(list, filter.HookPrerouting)
	}
	if !in && !out || way.Hook == naive.Forward && (local(way.In, in) || local(way.Out, out)) {
		list = append(list, filter.Hook(way.Hook))
	}
	if out {
		list = append(list, filter.HookPostrouting)
	}
	return list
}

// special reports whether exemptions or failsafes may be about a packet.
func special(p *naive.Packet) bool {
	if p.Src.IsLinkLocalUnicast() || p.Dst.IsLinkLocalUnicast() { // nobody forwards these
		return true
	}
	switch p.Protocol {
	case naive.TCP, naive.UDP:
		for _, port := range []int{53, 67, 68, 80, 123, 546, 547} {
			if p.SrcPort == port || p.DstPort == port {
				return true
			}
		}
	case naive.ICMPv6:
		return p.Type >= 130
	}
	return p.Part != naive.Whole
}

// permits reports whether a rule of the ruleset in force is one of those.
func (e *engine) permits(id match.RuleNumber, by []naive.Match) bool {
	info, ok := e.filter.Ruleset().Rule(id)
	if !ok {
		return false
	}
	for _, m := range by {
		r, peer := info.Rule, info.Rule.Peer
		same := info.Group == m.Group && int(r.Protocol) == m.Rule.Protocol && r.From == m.Rule.From &&
			r.To == m.Rule.To
		if same && (peer.Kind == policy.PeerCIDR && peer.CIDR == m.Rule.CIDR ||
			peer.Kind == policy.PeerPrefixList && peer.Name == m.Rule.List ||
			peer.Kind == policy.PeerGroup && peer.Name == m.Rule.Group) {
			return true
		}
	}
	return false
}
