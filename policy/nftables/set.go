package nftables

import (
	"net/netip"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
)

// set is a named set or map.
type set struct {
	kind    string // of its elements: ipv4_addr, inet_service, …
	changes bool   // by itself, so that nobody knows what is in it
	elems   *tree.Node
	list    policy.PrefixList // of addresses
}

// set reads a named set or map.
func (rs *ruleset) set(at place, o *tree.Node) {
	s := &set{kind: kindOf(o.Get("type")), elems: o.Get("elem"), changes: o.Get("timeout") != nil}
	if f := o.Get("flags"); f != nil {
		for _, flag := range values(f) {
			if flag.Text == "dynamic" || flag.Text == "timeout" {
				s.changes = true
			}
		}
	}
	if rs.sets[at] != nil {
		rs.d.Errorf(o.Pos(rs.file), "", "there are two sets %q", at.name)
		return
	}
	rs.sets[at] = s
	rs.named[at.name]++
	if s.elems != nil && s.elems.Kind != tree.List {
		rs.d.Errorf(s.elems.Pos(rs.file), "", "the elements of set %s of %s are no list", at.name,
			at.of())
		return
	}
	if s.kind != "ipv4_addr" && s.kind != "ipv6_addr" || s.changes {
		return
	}
	name := at.name
	if rs.named[name] > 1 {
		name = at.table + "-" + at.family + "-" + at.name // sets of two tables
	}
	s.list = policy.PrefixList{Name: name, Pos: o.Pos(rs.file)}
	if s.elems == nil {
		return
	}
	if len(s.elems.Items) > chains.MaxEntries {
		rs.d.Errorf(o.Pos(rs.file), "", "set %s of %s has more than %d elements", at.name,
			at.of(), chains.MaxEntries)
		return
	}
	for _, e := range s.elems.Items {
		cidrs, ok := addresses(e)
		if !ok {
			rs.d.Errorf(e.Pos(rs.file), "", "set %s of %s: %s is no address", at.name, at.of(), say(e))
			return
		}
		for _, c := range cidrs {
			s.list.Entries = append(s.list.Entries,
				policy.PrefixEntry{CIDR: c, Pos: e.Pos(rs.file)})
		}
	}
}

// kindOf is the type of elements by its name, also of what it is made like.
func kindOf(n *tree.Node) string {
	of := n.Get("typeof").Get("payload")
	if of == nil {
		if n == nil {
			return ""
		}
		return n.Text
	}
	switch field := text(of, "field"); {
	case field != "saddr" && field != "daddr":
	case text(of, "protocol") == "ip":
		return "ipv4_addr"
	case text(of, "protocol") == "ip6":
		return "ipv6_addr"
	}
	return ""
}

// addresses are the CIDRs of a value: an address, a prefix, a range or an element of a set.
func addresses(n *tree.Node) ([]netip.Prefix, bool) {
	switch {
	case n.Kind == tree.Text:
		p, ok := iptables.Prefix(n.Text)
		return []netip.Prefix{p}, ok
	case n.Get("prefix") != nil:
		p := n.Get("prefix")
		c, ok := iptables.Prefix(text(p, "addr") + "/" + text(p, "len"))
		return []netip.Prefix{c}, ok
	case n.Get("range") != nil:
		r := n.Get("range").List()
		if len(r) != 2 {
			return nil, false
		}
		return iptables.Range(r[0].Text, r[1].Text)
	case n.Get("elem") != nil && n.Get("elem").Get("val") != nil:
		return addresses(n.Get("elem").Get("val"))
	case n.Get("set") != nil || n.Kind == tree.List:
		var out []netip.Prefix
		list := n
		if s := n.Get("set"); s != nil {
			list = s
		}
		if list.Kind != tree.List {
			return nil, false
		}
		for _, item := range list.Items {
			c, ok := addresses(item)
			if !ok {
				return nil, false
			}
			out = append(out, c...)
		}
		return out, true
	}
	return nil, false
}

// values are the members of a set, or the value itself.
func values(n *tree.Node) (out []*tree.Node) {
	list := n
	switch {
	case n.Get("set") != nil:
		list = n.Get("set")
	case n.Get("elem") != nil && n.Get("elem").Get("val") != nil:
		return values(n.Get("elem").Get("val"))
	case n.Kind != tree.List:
		return []*tree.Node{n}
	}
	if list.Kind != tree.List {
		return values(list)
	}
	for _, item := range list.Items {
		out = append(out, values(item)...)
	}
	return out
}
