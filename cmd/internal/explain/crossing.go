package explain

import (
	"net/netip"
	"slices"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Answer answers a question under a ruleset. A question that names no interface is about
// those that its addresses belong to: a packet from one guest to another one is judged
// twice, as AWS judges it at both network interfaces, and the answer has both
// judgements. flows may be nil: then no flow is live. Errors match [ErrQuestion].
func Answer(in api.Query, rs *filter.Ruleset, flows *conntrack.Table, now conntrack.Time,
	facts member.Facts) (api.Explanation, error) {
	var judged []api.Explanation
	for _, one := range crossings(in, rs.Policy(), facts) {
		q, full, notices, err := Parse(one, rs.Policy(), facts)
		if err != nil {
			return api.Explanation{}, err
		}
		doc := Run(rs, flows, now, q, full)
		doc.Notices = notices
		judged = append(judged, doc)
	}
	if len(judged) > 1 {
		judged[0].Next = &judged[1]
	}
	return judged[0], nil
}

// crossings completes a question by the interfaces that its addresses tell: one question
// for each of them, in the packet's order. Where they tell none it stays as it is.
func crossings(in api.Query, p *policy.Policy, facts member.Facts) []api.Query {
	from, ferr := parseEndpoint(in.From)
	to, terr := parseEndpoint(in.To)
	if in.Interface != "" || ferr != nil || terr != nil {
		return []api.Query{in} // Parse says what is wrong
	}
	at := func(device string, d conntrack.Direction) api.Query {
		q := in
		q.Interface, q.Direction = device, d.String()
		return q
	}
	sender, receiver := guestOf(p, from.addr), guestOf(p, to.addr)
	if in.Direction == "" && sender != "" && receiver != "" && sender != receiver {
		return []api.Query{at(sender, conntrack.Egress), at(receiver, conntrack.Ingress)}
	}
	// What this machine exchanges with a guest crosses the guest's device alone.
	if sender == "" && receiver == "" {
		sender, receiver = deviceOf(facts, from.addr), deviceOf(facts, to.addr)
	}
	switch {
	case sender != "" && (in.Direction == conntrack.Egress.String() ||
		in.Direction == "" && receiver == ""):
		return []api.Query{at(sender, conntrack.Egress)}
	case receiver != "" && (in.Direction == conntrack.Ingress.String() ||
		in.Direction == "" && sender == ""):
		return []api.Query{at(receiver, conntrack.Ingress)}
	}
	return []api.Query{in}
}

// guestOf is the device of the guest that has an address, "" for none.
func guestOf(p *policy.Policy, a netip.Addr) string {
	for i := range p.Interfaces {
		if n := &p.Interfaces[i]; n.Mode == policy.ModeGuest && slices.Contains(n.Addresses, a) {
			return n.Device
		}
	}
	return ""
}

// deviceOf is the device of this machine that has an address, "" for none.
func deviceOf(facts member.Facts, a netip.Addr) string {
	for _, l := range facts.Links {
		if slices.Contains(l.Addresses, a) {
			return l.Name
		}
	}
	return ""
}
