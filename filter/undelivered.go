package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
)

// undelivered says which rule permitted the packet that an ICMP error of this machine's
// own is about, NoRule for none and for all other packets. It is for packets that came in
// through the device and that the kernel could not route: those without a route, whose
// TTL ran out or that are larger than the next MTU. They die before the forward hook and
// so have no flow, while AWS's interface has seen them and follows them (T24). What its
// groups would have said of them decides.
func (a *Attachment) undelivered(h Hook, p *packet.Packet, d conntrack.Direction,
	flow *conntrack.Flow) match.RuleNumber {
	if h != HookOutput || !p.Quoted || !a.related || p.Quote.Src != p.Dst || !p.Quote.Trackable() ||
		flow != nil && !flow.Untracked() {
		return match.NoRule
	}
	q, back := &p.Quote, d.Reverse()
	peer := q.Src
	if back == conntrack.Egress {
		peer = q.Dst
	}
	return a.matchers[back][family(peer)].Match(keyOf(peer), selectorOf(&packet.Packet{
		Kind: q.Kind, Proto: q.Proto, DstPort: q.DstPort, ICMPType: q.ICMPType, ICMPCode: q.ICMPCode}))
}
