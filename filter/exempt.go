package filter

import (
	"net/netip"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// exemptions are the services that a ruleset exempts, with their addresses. They
// are immutable but for the pending requests, which the rulesets of one Compiler share.
type exemptions struct {
	on policy.Set[policy.Exemption]
	at [policy.NumExemptions]addressSet
	// onLink are name servers whose link-local address means something on one
	// device only.
	onLink  []linkAddress
	pending *pendingRequests
	// resolvers is what onLink and at were made of.
	resolvers []netip.Addr
}

// linkAddress is an address with its zone: a name of a device or its number, which is how
// systemd-resolved writes it.
type linkAddress struct {
	addr conntrack.Addr
	zone string
}

// newExemptions returns nil when nothing is exempt. Addresses that no packet of a
// managed device can be for, such as that of a name server on the machine itself,
// are left out.
func newExemptions(on policy.Set[policy.Exemption], resolvers []netip.Addr,
	pending *pendingRequests) *exemptions {
	if on == 0 {
		return nil
	}
	e := &exemptions{on: on, pending: pending}
	add := func(x policy.Exemption, a netip.Addr) {
		if a = a.Unmap(); a.Zone() != "" {
			e.onLink = append(e.onLink, linkAddress{conntrack.AddrFrom(a.WithZone("")), a.Zone()})
		} else {
			e.at[x] = append(e.at[x], conntrack.AddrFrom(a))
		}
	}
	for x := range on.All() {
		for _, a := range x.Addresses() {
			add(x, a)
		}
	}
	if on.Has(policy.ExemptResolvers) {
		for _, a := range resolvers {
			if (a.IsGlobalUnicast() || a.IsLinkLocalUnicast()) && !slices.Contains(e.resolvers, a) {
				e.resolvers = append(e.resolvers, a)
				add(policy.ExemptResolvers, a)
			}
		}
	}
	for x := range e.at {
		slices.SortFunc(e.at[x], compareAddr)
	}
	return e
}

// of says which exemption's service has the address and port on the device of at.
func (e *exemptions) of(at *Attachment, k packet.Kind, a conntrack.Addr,
	port uint16) policy.Exemption {
	var x policy.Exemption
	switch {
	case port == policy.PortDNS && (k == packet.KindUDP || k == packet.KindTCP):
		x = policy.ExemptResolvers
	case port == policy.PortMetadata && k == packet.KindTCP:
		x = policy.ExemptMetadata
	case port == policy.PortTime && k == packet.KindUDP:
		x = policy.ExemptTime
	default:
		return policy.NoExemption
	}
	switch {
	case e.at[x].has(a):
		return x
	case x == policy.ExemptResolvers && slices.ContainsFunc(e.onLink,
		func(l linkAddress) bool { return l.addr == a && at.zoned(l.zone) }):
		return x
	}
	return policy.NoExemption
}

// exempt says which exemption passes a packet, and by which request it asks or
// is answered (§4). What the protected machine sends to the
// service passes; what comes from there passes as the answer to that, and so does
// an ICMP error about it. A service's address is easily forged: without the
// request, its port would be a way to every port of the machine.
//
// Forwarded packets are not the machine's own traffic. Only a guest's always are
// or may be; the metadata service is for this machine alone to give to its guests,
// because the one beyond it would hand them the credentials of this machine.
func (a *Attachment) exempt(h Hook, p *packet.Packet, d conntrack.Direction) (policy.Exemption,
	request) {
	e, guest := a.exemptions, a.inward == conntrack.Egress
	if h == HookForward && !guest {
		return policy.NoExemption, 0
	}
	var x policy.Exemption
	var t conntrack.Tuple
	switch {
	case p.Quoted:
		q := &p.Quote
		if !a.related || q.Src != p.Dst || d != conntrack.Ingress {
			return policy.NoExemption, 0
		}
		if x = e.of(a, q.Kind, q.Dst, q.DstPort); x != policy.NoExemption {
			t = q.Tuple(a.Scope, conntrack.Egress)
		}
	case d == conntrack.Egress:
		x = e.of(a, p.Kind, p.Dst, p.DstPort)
	case p.Kind != packet.KindTCP || p.TCP.Flags&(conntrack.SYN|conntrack.ACK) != conntrack.SYN:
		x = e.of(a, p.Kind, p.Src, p.SrcPort)
	}
	if x == policy.NoExemption || x == policy.ExemptMetadata && h == HookForward &&
		!(a.wire && d == conntrack.Ingress) { // what was redirected elsewhere is answered from there
		return policy.NoExemption, 0
	}
	if !p.Quoted {
		p.FillTuple(&t, a.Scope, d)
	}
	pending := e.pending.of(&t)
	// An error of this machine's own tells of a request that it could not route, and that
	// no hook has seen (see undelivered).
	if p.Quoted && h == HookOutput {
		return x, pending
	}
	if d == conntrack.Ingress && !e.pending.open(pending, t.Proto()) {
		return policy.NoExemption, 0
	}
	return x, pending
}

// asksMetadata reports whether a guest sends something to the metadata service.
func (a *Attachment) asksMetadata(p *packet.Packet) bool {
	return a.exemptions != nil && a.inward == conntrack.Egress &&
		a.exemptions.of(a, p.Kind, p.Dst, p.DstPort) == policy.ExemptMetadata
}

// Exempt describes an exemption of a ruleset.
type Exempt struct {
	Exemption policy.Exemption
	// On is true if the policy names it.
	On bool
	// Addresses are those of the service, also when it is off; of the resolvers,
	// those that the ruleset was given.
	Addresses []netip.Addr
}

// Exempt lists every exemption in a fixed order.
func (rs *Ruleset) Exempt() []Exempt {
	var out []Exempt
	for _, x := range policy.Exemptions() {
		e := Exempt{Exemption: x, On: rs.policy.Settings.Exempt.Has(x), Addresses: x.Addresses()}
		if x == policy.ExemptResolvers && rs.exemptions != nil {
			e.Addresses = rs.exemptions.resolvers
		}
		out = append(out, e)
	}
	return out
}

// WithResolvers returns the same ruleset with the name servers that the machine
// uses now. It comes before [Ruleset.WithLinks].
func (rs *Ruleset) WithResolvers(list []netip.Addr) *Ruleset {
	bound := *rs
	if rs.exemptions != nil {
		bound.exemptions = newExemptions(rs.exemptions.on, list, rs.exemptions.pending)
	}
	return &bound
}
