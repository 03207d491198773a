package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Machine is what is known of the machine that a question is about; the zero value for
// nothing.
type Machine struct {
	member.Facts
	// Bridges are the devices that have others as their ports.
	Bridges []string
}

// Answer answers a question under a ruleset. A question that names no interface is about
// those that its addresses belong to: a packet from one guest to another one is judged
// twice, as AWS judges it at both network interfaces, and the answer has both
// judgements. flows may be nil: then no flow is live. Errors match [ErrQuestion].
func Answer(in api.Query, rs *filter.Ruleset, flows *conntrack.Table, now conntrack.Time,
	m Machine) (api.Explanation, error) {
	if device := m.within(in, rs.Policy()); device != "" {
		return bridged(in, device, rs)
	}
	var judged []api.Explanation
	for _, one := range crossings(in, rs.Policy(), m.Facts) {
		q, full, notices, err := Parse(one, rs.Policy(), m.Facts)
		if err != nil {
			return api.Explanation{}, err
		}
		doc := Run(rs, flows, now, q, full)
		if len(doc.Blocks) > 0 {
			q.Flags = segments[doc.Query.Segment] // of a live flow, if that was not said
			remedies(&doc, rs, flows, now, q, m.Facts)
		}
		doc.Notices = notices
		if m.mayBridge(&q) && doc.Reason != api.ReasonNotManaged {
			doc.Notices = append(doc.Notices, fmt.Sprintf("%s is a bridge: what it hands from one of "+
				"its ports to another is not judged%s; this is about what this machine routes",
				q.Device, unlessOnWire(rs, q.Device)))
		}
		judged = append(judged, doc)
	}
	if len(judged) > 1 {
		judged[0].Next = &judged[1]
	}
	return judged[0], nil
}

// mayBridge reports whether both ends of a packet may be behind the same bridge.
func (m *Machine) mayBridge(q *filter.Query) bool {
	device, there := m.Facts.Named(q.Device)
	return there && slices.Contains(m.Bridges, device.Name) &&
		q.Src.IsGlobalUnicast() && q.Dst.IsGlobalUnicast() &&
		deviceOf(m.Facts, q.Src) == "" && deviceOf(m.Facts, q.Dst) == ""
}

// within is the device that both ends of a packet are behind, as guests of it; "" for none
// and for a question that says where the packet crosses it.
func (m *Machine) within(in api.Query, p *policy.Policy) string {
	from, ferr := parseEndpoint(in.From)
	to, terr := parseEndpoint(in.To)
	if in.Direction != "" || ferr != nil || terr != nil {
		return ""
	}
	device := guestOf(p, m.Facts, from.addr)
	named, there := m.Facts.Named(device)
	asked := in.Interface == "" || in.Interface == device ||
		in.Interface == p.IDs.Interface(device) || there && in.Interface == named.Name
	if device != guestOf(p, m.Facts, to.addr) || !asked || strings.HasSuffix(device, "*") {
		return ""
	}
	return device
}

// bridged is the answer about a packet from one guest to another behind the same device,
// which no rule decides about.
func bridged(in api.Query, device string, rs *filter.Ruleset) (api.Explanation, error) {
	if _, err := parseProtocol(in.Protocol); err != nil {
		return api.Explanation{}, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	in.Interface = device
	detail := fmt.Sprintf("both ends are behind %s: what they say to each other crosses no device, "+
		"and is not judged%s", device, unlessOnWire(rs, device))
	return api.Explanation{
		Schema: api.Schema, Query: in, InterfaceID: rs.Policy().IDs.Interface(device),
		Verdict: api.VerdictAccept, Reason: api.ReasonBridged, Groups: []api.GroupTried{},
		Detail: detail,
		Notices: []string{"if this machine routes it, as between two networks, it is judged twice: " +
			"ask with --egress and with --ingress"},
	}, nil
}

// unlessOnWire is the exception to frames of a bridge being left alone, "" for a device
// without it: in prerouting they look like what is for this machine (K27).
func unlessOnWire(rs *filter.Ruleset, device string) string {
	if a := rs.Device(device); a == nil || a.Interface().View != policy.ViewWire {
		return ""
	}
	return ", unless br_netfilter hands it to IP rules: view: wire shows it to them then"
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
	sender, receiver := guestOf(p, facts, from.addr), guestOf(p, facts, to.addr)
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

// guestOf is the device of the guest that has an address, of several the one with the
// longest prefix of it. It is "" for none, and for an address of this machine's among those
// of a network.
func guestOf(p *policy.Policy, facts member.Facts, a netip.Addr) (device string) {
	if deviceOf(facts, a) != "" {
		return ""
	}
	longest := -1
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		if n.Mode != policy.ModeGuest {
			continue
		}
		for _, own := range n.Own() {
			if own.Contains(a) && own.Bits() > longest {
				device, longest = n.Device, own.Bits()
			}
		}
	}
	return device
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
