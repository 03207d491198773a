package explain_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
	"sgfw/test/differential"
	"sgfw/test/naive"
)

// question is a packet to ask about, and the same for the oracle.
type question struct {
	api.Query
	device string
	guest  bool
	// routed is true for a packet that is neither from this machine nor to it.
	routed bool
	packet naive.Packet
}

// trialOfRemedies is one policy, as text and for both judges.
type trialOfRemedies struct {
	t     *testing.T
	world *differential.World
	naive *naive.Policy
	text  string
	rules *filter.Ruleset
}

// one picks one of a list.
func one[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// factsOf are those of a world.
func factsOf(w *differential.World) (f member.Facts) {
	for i, d := range w.Devices {
		f.Links = append(f.Links, member.Link{Name: d.Name, Index: uint32(i + 1),
			Addresses: d.Addresses, Broadcasts: d.Broadcasts})
	}
	return f
}

// compiled is a text in force.
func compiled(w *differential.World, text string) (*filter.Ruleset, error) {
	p, _, err := file.Parse("trial.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return filter.Compile(p, member.Resolve(p, factsOf(w))).WithResolvers(w.Resolvers).
		WithLinks(factsOf(w).Links), nil
}

// ask makes up a packet that crosses a managed device. Of guests the address is often one
// that is not theirs.
func (x *trialOfRemedies) ask(r *rand.Rand) (q question, ok bool) {
	q.device = one(r, "eth0", "eth1", "veth-a", "veth-b")
	n := x.naive.Manages(q.device)
	if n == nil {
		return q, false
	}
	family := r.IntN(2)
	peer, own := one(r, x.world.Addresses[family]...), one(r, x.world.Addresses[family]...)
	if r.IntN(100) < 60 {
		for _, a := range append(slices.Clone(n.Addresses), own) {
			if a.Is4() == (family == 0) {
				own = a
				break
			}
		}
	}
	p := &q.packet
	*p = naive.Packet{HopLimit: 64, Src: peer, Dst: own}
	q.Interface, q.Direction, q.guest = q.device, "ingress", n.Guest
	if r.IntN(2) == 0 {
		p.Src, p.Dst, q.Direction = own, peer, "egress"
	}
	q.From, q.To = p.Src.String(), p.Dst.String()
	switch k := r.IntN(10); {
	case k < 7:
		p.Protocol, q.Protocol = naive.TCP, "tcp"
		p.Flags, q.Segment = naive.SYN, "syn"
		if k > 3 {
			p.Protocol, q.Protocol = naive.UDP, "udp"
			p.Flags, q.Segment = 0, ""
		}
		p.SrcPort, p.DstPort = 40000+r.IntN(3), one(r, x.world.Ports...)
		q.From = netip.AddrPortFrom(p.Src, uint16(p.SrcPort)).String()
		q.To = netip.AddrPortFrom(p.Dst, uint16(p.DstPort)).String()
	case k < 9:
		p.Protocol = [...]int{naive.ICMP, naive.ICMPv6}[family]
		p.Type = [...]int{8, 128}[family]
		kind := uint8(p.Type)
		q.Protocol, q.ICMPType = fmt.Sprint(p.Protocol), &kind
	default:
		p.Protocol = 47
		q.Protocol = "47"
	}
	return q, true
}

// oracle reports whether the packet and the answer to it pass at a machine that has seen
// nothing yet.
func oracle(w *differential.World, p *naive.Policy, q *question) bool {
	m := naive.NewMachine(w.Devices, w.Resolvers...)
	m.Apply(p)
	decide := func(p *naive.Packet, inward bool) bool {
		switch {
		case q.routed && inward:
			return m.Decide(naive.Forward, q.device, "free", p).Reason.Passes()
		case q.routed:
			return m.Decide(naive.Forward, "free", q.device, p).Reason.Passes()
		case inward:
			return m.Decide(naive.Input, q.device, "", p).Reason.Passes()
		}
		return m.Decide(naive.Output, "", q.device, p).Reason.Passes()
	}
	inward := (q.Direction == "ingress") != q.guest
	answer := q.packet
	answer.Src, answer.Dst = answer.Dst, answer.Src
	answer.SrcPort, answer.DstPort = answer.DstPort, answer.SrcPort
	switch {
	case answer.Protocol == naive.TCP:
		answer.Flags, answer.Ack = naive.SYN|naive.ACK, 1
	case answer.Protocol == naive.ICMP:
		answer.Type = 0
	case answer.Protocol == naive.ICMPv6:
		answer.Type = 129
	}
	return decide(&q.packet, inward) && decide(&answer, !inward)
}

// explained asks about a packet under a ruleset.
func (x *trialOfRemedies) explained(rs *filter.Ruleset, q api.Query) api.Explanation {
	x.t.Helper()
	doc, err := explain.Answer(q, rs, nil, 0, explain.Machine{Facts: factsOf(x.world)})
	if err != nil {
		x.t.Fatalf("%+v: %v\n%s", q, err, x.text)
	}
	return doc
}

// asNaive is the policy of a text with changes, for the oracle: what the pasted text has that
// the other one has not.
func (x *trialOfRemedies) asNaive(pasted *policy.Policy) *naive.Policy {
	p := copied(x.naive)
	was := x.rules.Policy()
	convert := func(r *policy.Rule) naive.Rule {
		return naive.Rule{Protocol: int(r.Protocol), From: r.From, To: r.To, CIDR: r.Peer.CIDR}
	}
	for i := range pasted.Groups {
		g := &pasted.Groups[i]
		for d := range 2 {
			old := was.Group(g.Name).Rules(policy.Direction(d))
			for _, r := range g.Rules(policy.Direction(d)) {
				if !slices.ContainsFunc(old, func(o policy.Rule) bool { return o.ID() == r.ID() }) {
					p.Groups[i].Rules[d] = append(slices.Clip(p.Groups[i].Rules[d]), convert(&r))
				}
			}
		}
	}
	for i := range pasted.NetworkACLs {
		n := &pasted.NetworkACLs[i]
		for d := range 2 {
			for _, r := range n.Rules(policy.Direction(d)) {
				if was.NetworkACL(n.Name).Rule(policy.Direction(d), r.Number) == nil {
					as := r.AsRule()
					p.ACLs[i].Rules[d] = append(slices.Clip(p.ACLs[i].Rules[d]),
						naive.ACLRule{Number: r.Number, Allow: r.Action == policy.Allow, Rule: convert(&as)})
				}
			}
		}
	}
	for i := range pasted.Interfaces {
		n := &pasted.Interfaces[i]
		p.Interfaces[i].Groups = n.Groups
		p.Interfaces[i].Addresses, p.Interfaces[i].Prefixes = n.Addresses, n.Prefixes
	}
	return p
}

// copied is a policy whose lists of parts are its own.
func copied(p *naive.Policy) *naive.Policy {
	out := *p
	out.Groups, out.ACLs = slices.Clone(p.Groups), slices.Clone(p.ACLs)
	out.Interfaces = slices.Clone(p.Interfaces)
	return &out
}

// check tries one remedy: pasted whole it turns the verdict, and with a change less it does
// not. What it lets pass beside the packet is only what another client's port makes.
func (x *trialOfRemedies) check(r *rand.Rand, q *question, m *api.Remedy) {
	what := fmt.Sprintf("%s %s %s -> %s at %s: %s", q.Direction, q.Protocol, q.From, q.To, q.device,
		m.Text)
	for i, c := range m.Changes {
		if c.After == 0 {
			x.t.Fatalf("%s: nobody says where it belongs: %+v", what, c)
		}
		without := slices.Delete(slices.Clone(m.Changes), i, i+1)
		if rs, err := compiled(x.world, paste(x.text, without)); err == nil &&
			len(x.explained(rs, q.Query).Blocks) == 0 {
			x.t.Fatalf("%s: %q is not needed\n%s", what, c.Lines, x.text)
		}
	}
	text := paste(x.text, m.Changes)
	rs, err := compiled(x.world, text)
	if err != nil {
		x.t.Fatalf("%s: %v\n%s", what, err, text)
	}
	if doc := x.explained(rs, q.Query); len(doc.Blocks) > 0 || doc.Verdict != api.VerdictAccept {
		x.t.Fatalf("%s: still %s: %+v\n%s", what, doc.Verdict, doc.Blocks, text)
	}
	changed := x.asNaive(rs.Policy())
	if !oracle(x.world, changed, q) {
		x.t.Fatalf("%s: the oracle lets it not pass\n%s", what, text)
	}
	if m.Kind != api.RemedyRule || strings.Contains(m.Text, "as an address") {
		return
	}
	for range 20 {
		o, ok := x.ask(r)
		other := o.packet.DstPort != q.packet.DstPort && o.packet.Src != q.packet.Src &&
			o.packet.Dst != q.packet.Dst
		if ok && other && !oracle(x.world, x.naive, &o) && oracle(x.world, changed, &o) {
			x.t.Fatalf("%s: lets pass %s -> %s as well\n%s", what, o.From, o.To, text)
		}
	}
}

// TestRemedies: what explain says would let a packet pass does, as lines pasted into the
// policy and by the semantics as somebody else wrote them down; and there is nearly always
// something.
func TestRemedies(t *testing.T) {
	kinds := make(map[string]int)
	blocked, several, helped := 0, 0, 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 12))
		w := differential.Laboratory()
		x := trialOfRemedies{t: t, world: w, naive: w.Policy(r)}
		x.text = differential.Text(x.naive, "")
		var err error
		if x.rules, err = compiled(w, x.text); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			q, ok := x.ask(r)
			if !ok {
				continue
			}
			doc := x.explained(x.rules, q.Query)
			q.routed = forwarded(&doc)
			if passes := oracle(x.world, x.naive, &q); passes != (len(doc.Blocks) == 0) {
				t.Fatalf("%s %s %s -> %s at %s: the oracle says %t, and it is blocked by %+v\n%s",
					q.Direction, q.Protocol, q.From, q.To, q.device, passes, doc.Blocks, x.text)
			}
			if len(doc.Blocks) == 0 {
				continue
			}
			blocked++
			changes := false
			for i := range doc.Remedies {
				m := &doc.Remedies[i]
				kinds[m.Kind]++
				if m.Kind == api.RemedyPacket {
					x.another(m)
					continue
				}
				changes = true
				if len(m.Changes) > 1 {
					several++
				}
				x.check(r, &q, m)
			}
			if changes {
				helped++
			}
		}
	}
	t.Logf("%d blocked, %d with lines for the policy, %v, %d of several changes", blocked, helped,
		kinds, several)
	if blocked < 250 || helped < blocked*95/100 || kinds[api.RemedyPacket] < blocked/3 ||
		kinds[api.RemedyGroup] < blocked/20 || several < blocked/20 {
		t.Error("hardly anything could have been found")
	}
}

// forwarded reports whether the answer is about a packet that is routed.
func forwarded(doc *api.Explanation) bool {
	return slices.ContainsFunc(doc.Notices, func(s string) bool {
		return strings.HasSuffix(s, "explained as a forwarded packet would be")
	})
}

// another tries the packet that passes instead.
func (x *trialOfRemedies) another(m *api.Remedy) {
	doc := x.explained(x.rules, *m.Query)
	if len(doc.Blocks) > 0 {
		x.t.Fatalf("%s: blocked by %+v\n%s", m.Text, doc.Blocks, x.text)
	}
	q := question{Query: *m.Query, device: m.Query.Interface, routed: forwarded(&doc)}
	q.guest = x.naive.Manages(q.device).Guest
	p := &q.packet
	p.HopLimit = 64
	proto, bad := policy.ParseProtocol(m.Query.Protocol)
	if bad != nil {
		x.t.Fatal(bad)
	}
	p.Protocol = int(proto)
	if proto.HasPorts() {
		from, to := netip.MustParseAddrPort(m.Query.From), netip.MustParseAddrPort(m.Query.To)
		p.Src, p.Dst, p.SrcPort, p.DstPort = from.Addr(), to.Addr(), int(from.Port()), int(to.Port())
	} else {
		p.Src, p.Dst = netip.MustParseAddr(m.Query.From), netip.MustParseAddr(m.Query.To)
	}
	if m.Query.ICMPType != nil {
		p.Type, p.Code = int(*m.Query.ICMPType), int(*m.Query.ICMPCode)
	}
	if p.Protocol == naive.TCP {
		p.Flags = naive.SYN
	}
	if p.Protocol == naive.ICMP && p.Type != 8 || p.Protocol == naive.ICMPv6 && p.Type != 128 {
		return // nothing answers it, and the oracle would wait for that
	}
	if !oracle(x.world, x.naive, &q) {
		x.t.Fatalf("%s (%+v): the oracle lets it not pass\n%s", m.Text, *m.Query, x.text)
	}
}
