package nftables

import (
	"sgfw/policy"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
	"sgfw/policy/space"
)

// typeNames are what nft calls types of ICMPv6 beside the names of ip6tables.
var typeNames = map[string]int{"nd-router-solicit": 133, "nd-router-advert": 134,
	"nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137,
	"mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132,
	"mld-listener-reduction": 132,
	"mld2-listener-report":   143, "router-renumbering": 138, "ind-neighbor-solicit": 141,
	"ind-neighbor-advert": 142, "info-request": 15, "info-reply": 16}

// codeNames are what nft calls codes, whatever the type.
var codeNames = map[policy.Protocol]map[string]int{
	policy.ICMP: {"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2,
		"port-unreachable": 3, "frag-needed": 4, "net-prohibited": 9, "host-prohibited": 10,
		"admin-prohibited": 13},
	policy.ICMPv6: {"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3,
		"port-unreachable": 4, "policy-fail": 5, "reject-route": 6},
}

// codes reads a condition on the code of ICMP, whatever the type.
func (r *reading) codes(not bool, right *tree.Node, p policy.Protocol) {
	if (p == policy.ICMPv6) != (r.family == policy.IPv6) {
		r.rule.Match.Never = true
		return
	}
	r.only(false, nil, []space.Span{whole(p)})
	from, to, ok := numbers(right)
	if code, named := codeNames[p][right.Text]; named {
		from, to, ok = code, code, true
	}
	if !ok || from < 0 || to > policy.MaxICMPCode || from > to {
		r.unsaid("it asks for several codes of " + p.String() + ", or by name")
		return
	}
	var spans []space.Span
	for t := range policy.MaxICMPType + 1 {
		spans = append(spans, space.Span{Lo: space.Ports(p, t, from).Lo, Hi: space.Ports(p, t, to).Hi})
	}
	r.only(not, []space.Span{whole(p)}, spans)
}

// typeNumbers are the ends of a type or a range of types, by name or number.
func typeNumbers(n *tree.Node, p policy.Protocol) (from, to int, ok bool) {
	one := func(n *tree.Node) (int, bool) {
		if span, known := iptables.Type(p, n.Text); known && n.Kind == tree.Text {
			return span.Lo.Low() >> 8, true
		}
		if t, there := typeNames[n.Text]; there {
			return t, true
		}
		return n.Int()
	}
	if ends := n.Get("range").List(); len(ends) == 2 {
		from, ok = one(ends[0])
		to, also := one(ends[1])
		return from, to, ok && also
	}
	from, ok = one(n)
	return from, from, ok
}

// types reads a condition on the type of ICMP.
func (r *reading) types(not bool, right *tree.Node, p policy.Protocol) {
	if (p == policy.ICMPv6) != (r.family == policy.IPv6) {
		r.rule.Match.Never = true
		return
	}
	list, ok := r.elements(right)
	if !ok {
		r.only(false, nil, []space.Span{whole(p)})
		return
	}
	var spans []space.Span
	for _, n := range list {
		span, known := iptables.Type(p, n.Text)
		if !known {
			from, to, ok := typeNumbers(n, p)
			if !ok || from < 0 || to > policy.MaxICMPType || from > to {
				r.errorf(n.Pos(r.file), "a number is read", "this is no type of %s that is known here", p)
				return
			}
			span = space.Span{Lo: space.Ports(p, from, -1).Lo, Hi: space.Ports(p, to, -1).Hi}
		}
		spans = append(spans, span)
	}
	r.only(not, []space.Span{whole(p)}, spans)
}
