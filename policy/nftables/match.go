package nftables

import (
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
	"sgfw/policy/space"
)

// match reads a condition.
func (r *reading) match(left *tree.Node, op string, right *tree.Node) {
	not := op == "!="
	if op != "==" && op != "in" && op != "!=" && op != "" {
		r.unsaid("it compares with " + op)
		return
	}
	switch {
	case left.Get("concat") != nil:
		r.concat(left.Get("concat"), not, right)
	case left.Get("meta") != nil:
		r.meta(text(left.Get("meta"), "key"), not, right)
	case left.Get("payload") != nil:
		p := left.Get("payload")
		r.payload(text(p, "protocol"), text(p, "field"), not, right)
	case left.Get("ct") != nil:
		if text(left.Get("ct"), "key") != "state" {
			r.unsaid("it asks for " + text(left.Get("ct"), "key") + " of connections")
			return
		}
		r.state(not, right)
	case left.Get("&") != nil:
		r.flags(left.Get("&"), not, right)
	case left.Get("fib") != nil:
		r.fib(left.Get("fib"), not, right)
	default:
		r.unsaid("its condition is nothing that groups have")
	}
}

// named is the set that a value names, if it does. Without, it is said why.
func (r *reading) named(right *tree.Node) (s *set, is bool) {
	name, is := strings.CutPrefix(right.Text, "@")
	if !is || right.Kind != tree.Text {
		return nil, false
	}
	s = r.sets[place{r.at.family, r.at.table, name}]
	if s == nil || s.changes {
		r.unsaid("who or what is in set " + name + " is unknown")
		return nil, true
	}
	return s, true
}

// maxValues bounds how many values a condition has.
const maxValues = 2000

// elements are the values on the right side, also of a named set; ok is false if they are
// unknown, which is said.
func (r *reading) elements(right *tree.Node) (out []*tree.Node, ok bool) {
	defer func() {
		if len(out) > maxValues {
			r.errorf(right.Pos(r.file), "", "a condition has more than %d values", maxValues)
			out, ok = nil, false
		}
	}()
	s, is := r.named(right)
	switch {
	case is && s == nil:
		return nil, false
	case is && s.elems == nil:
		return nil, true
	case is:
		return values(s.elems), true
	}
	return values(right), true
}

// only leaves the selectors of spans, within those of its protocols if it is turned round.
func (r *reading) only(not bool, within []space.Span, spans []space.Span) {
	r.what = true
	union := func(l []space.Span) (out space.Set) {
		for _, s := range l {
			out = out.Union(space.Box(s, token))
		}
		return out
	}
	set := union(spans)
	if not {
		set = union(within).Minus(set)
	}
	r.some = r.some.Intersect(set)
	if !r.anyPorts {
		r.rest = r.rest.Intersect(set)
	}
}

func (r *reading) meta(key string, not bool, right *tree.Node) {
	switch key {
	case "l4proto":
		r.protocols(not, right)
	case "nfproto", "protocol":
		is := right.Text == "ipv4" || right.Text == "ip"
		if right.Kind != tree.Text || !is && right.Text != "ipv6" && right.Text != "ip6" {
			r.unsaid("it asks for a family that is unknown")
			return
		}
		if (is == (r.family == policy.IPv4)) == not {
			r.rule.Match.Never = true
		}
	case "iif", "iifname", "oif", "oifname":
		if (key[0] == 'i') != (r.dir == policy.Ingress) {
			r.rule.Match.Never = r.rule.Match.Never || !not // there is no such device
			return
		}
		names, ok := r.elements(right)
		if !ok {
			return
		}
		var list []string
		for _, n := range names {
			if n.Kind != tree.Text || n.Text == "" {
				r.unsaid("it asks for a device that has no name")
				return
			}
			list = append(list, n.Text)
		}
		switch {
		case not:
			for _, n := range list {
				r.rule.Match.Devices = append(r.rule.Match.Devices, chains.Device{Name: n, Not: true})
			}
		case r.either != nil || len(list) == 0:
			r.unsaid("it asks for a device twice")
		default:
			r.either = list
		}
	default:
		if key == "pkttype" && (not == (right.Text == "host")) {
			r.apart()
		}
		r.unsaid("it asks for meta " + key)
	}
}

// protocolNames are those that nft prints beside those of policies.
var protocolNames = map[string]string{"ipv6-icmp": "icmpv6", "esp": "50", "ah": "51", "gre": "47",
	"sctp": "132", "dccp": "33", "udplite": "136", "comp": "108", "igmp": "2", "ospf": "89",
	"ospfigp": "89", "vrrp": "112", "ipencap": "4", "ipv6": "41", "pim": "103", "l2tp": "115",
	"ipip": "94", "hopopt": "0", "ip": "0"}

// protocols reads a condition on the protocol.
func (r *reading) protocols(not bool, right *tree.Node) {
	names, ok := r.elements(right)
	if !ok {
		return
	}
	var spans []space.Span
	for _, n := range names {
		name := n.Text
		if other, there := protocolNames[name]; there {
			name = other
		}
		p, bad := policy.ParseProtocol(name)
		if bad != nil || p == policy.AllProtocols {
			r.unsaid("it asks for a protocol that is not known here")
			return
		}
		spans = append(spans, whole(p))
	}
	r.only(not, []space.Span{{Lo: 0, Hi: space.Last}}, spans)
}

// whole are all selectors of a protocol.
func whole(p policy.Protocol) space.Span {
	if p.HasPorts() {
		return space.Ports(p, 0, policy.MaxPort)
	}
	return space.Ports(p, -1, -1)
}

func (r *reading) payload(protocol, field string, not bool, right *tree.Node) {
	switch protocol + " " + field {
	case "ip saddr", "ip6 saddr", "ip daddr", "ip6 daddr":
		if (protocol == "ip") != (r.family == policy.IPv4) {
			r.rule.Match.Never = true
			return
		}
		r.address(field, not, right)
	case "ip protocol", "ip6 nexthdr":
		if (protocol == "ip") != (r.family == policy.IPv4) {
			r.rule.Match.Never = true
			return
		}
		r.protocols(not, right)
	case "tcp dport":
		r.ports(not, right, policy.TCP)
	case "udp dport":
		r.ports(not, right, policy.UDP)
	case "th dport":
		r.th, r.anyPorts = true, true
		r.ports(not, right, policy.TCP, policy.UDP)
		r.anyPorts = false
	case "tcp sport", "udp sport":
		p := policy.TCP
		if protocol == "udp" {
			p = policy.UDP
		}
		r.only(false, nil, []space.Span{whole(p)})
		r.source = right.Text
		if r.source == "" || not {
			r.source = several
		}
	case "icmp type":
		r.types(not, right, policy.ICMP)
	case "icmpv6 type":
		r.types(not, right, policy.ICMPv6)
	case "icmp code":
		r.codes(not, right, policy.ICMP)
	case "icmpv6 code":
		r.codes(not, right, policy.ICMPv6)
	case "ip6 hoplimit":
		if r.family != policy.IPv6 {
			r.rule.Match.Never = true
		}
		if r.hop = right.Text; not {
			r.hop = "other"
		}
	case "tcp flags":
		r.only(false, nil, []space.Span{whole(policy.TCP)})
		f := iptables.Flags{Mask: iptables.FlagsOf("ALL"), Set: iptables.FlagsOf(words(right)), Not: not}
		if right.Kind != tree.Text || f.Set == 0 || !f.Restrict(&r.rule.Match) {
			r.unsaid("it asks for flags of TCP")
		}
	default:
		r.unsaid("it asks for " + protocol + " " + field)
	}
}

// words are texts with commas between them.
func words(n *tree.Node) string {
	var out []string
	for _, v := range values(n) {
		out = append(out, v.Text)
	}
	return strings.Join(out, ",")
}

// flags reads a condition on flags of TCP under a mask.
func (r *reading) flags(and *tree.Node, not bool, right *tree.Node) {
	p := &tree.Node{}
	sides := and.List()
	if len(sides) == 2 {
		if q := sides[0].Get("payload"); q != nil {
			p = q
		}
	}
	if text(p, "protocol") != "tcp" || text(p, "field") != "flags" {
		r.unsaid("it looks at single bits")
		return
	}
	r.only(false, nil, []space.Span{whole(policy.TCP)})
	set := words(right)
	f := iptables.Flags{Mask: iptables.FlagsOf(words(sides[1])),
		Set: iptables.FlagsOf(set), Not: not}
	if set != "0" && set != "0x0" && f.Set == 0 || !f.Restrict(&r.rule.Match) {
		r.unsaid("it asks for flags of TCP")
	}
}

// state reads a condition on the state of the connection.
func (r *reading) state(not bool, right *tree.Node) {
	if r.early {
		r.unsaid("connections are not known yet at the priority of its chain")
		return
	}
	names, ok := r.elements(right)
	if !ok {
		return
	}
	var s chains.State
	for _, n := range names {
		switch n.Text {
		case "new":
			s |= chains.New
		case "established":
			s |= chains.Established
		case "related":
			s |= chains.Related
		case "invalid", "untracked":
			s |= chains.Other
		default:
			r.unsaid("it asks for a state that is unknown")
			return
		}
	}
	if not {
		s = chains.AnyState &^ s
	}
	m := &r.rule.Match
	if m.States != 0 {
		s &= m.States
	}
	if m.States = s; s == 0 {
		m.Never = true
	}
}

// ports reads a condition on ports of the destination.
func (r *reading) ports(not bool, right *tree.Node, protocols ...policy.Protocol) {
	var within, spans []space.Span
	for _, p := range protocols {
		within = append(within, whole(p))
	}
	list, ok := r.elements(right)
	if !ok {
		r.only(false, nil, within)
		return
	}
	for _, n := range list {
		from, to, ok := numbers(n)
		for _, p := range protocols {
			if !ok || policy.CheckRange(p, from, to) != nil {
				r.errorf(n.Pos(r.file), "", "this is no port")
				return
			}
			spans = append(spans, space.Ports(p, from, to))
		}
	}
	r.only(not, within, spans)
}

// numbers are the ends of a number or a range.
func numbers(n *tree.Node) (from, to int, ok bool) {
	if ends := n.Get("range").List(); len(ends) == 2 {
		from, ok = ends[0].Int()
		to, also := ends[1].Int()
		return from, to, ok && also
	}
	from, ok = n.Int()
	return from, from, ok
}
