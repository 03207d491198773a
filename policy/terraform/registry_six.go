package terraform

import (
	"slices"

	"sgfw/policy"
)

// sixRules are the rules of a direction as version 6 has them: a map of rules, and those of
// a submodule for each peer.
func (g *groupModule) sixRules(d policy.Direction) (out []*record) {
	for _, p := range g.objects6(d.String() + "_rules") {
		out = append(out, g.sixRule(d, p.fields, p.pos))
	}
	if d == policy.Egress || g.sub == "" {
		return out
	}
	sub := g.sub
	if was, ok := renamed[sub]; ok {
		sub = was
	}
	rules, of := presets()
	list := slices.Clone(added[g.sub])
	for i := len(of[sub]) - 1; i >= 0; i-- {
		list = slices.Insert(list, 0, rules[of[sub][i]])
	}
	if len(list) == 0 {
		g.errorf(g.decl.pos, "", "nothing is known of the submodule %s", short(printable(g.sub)))
	}
	for _, kind := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id",
		"referenced_security_group_id"} {
		f := g.arg("ingress_" + kind)
		if !f.set() {
			continue
		}
		if !f.v.IsKnown() || !f.v.CanIterateElements() {
			g.unresolved(f, "ingress_"+kind)
			continue
		}
		for it := f.v.ElementIterator(); it.Next(); {
			_, v := it.Element()
			for _, p := range list {
				fields := map[string]field{kind: {result: result{v, f.gaps}, pos: f.pos}}
				setPorts(fields, p, f.pos)
				fields["ip_protocol"] = fields["protocol"]
				out = append(out, g.sixRule(d, fields, f.pos))
			}
		}
	}
	return out
}

// objects6 are the objects in a map argument.
func (g *groupModule) objects6(name string) (out []part) {
	f := g.arg(name)
	if !f.set() {
		return nil
	}
	if !f.v.IsKnown() || !f.v.CanIterateElements() {
		g.unresolved(f, name)
		return nil
	}
	for it := f.v.ElementIterator(); it.Next(); {
		_, v := it.Element()
		out = append(out, partsOf(g, field{result: result{v, f.gaps}, pos: f.pos},
			append([]string{"ip_protocol"}, vpcRule.attrs...))...)
	}
	return out
}

// sixRule is a rule with one peer, of which self is the group itself.
func (g *groupModule) sixRule(d policy.Direction, fields map[string]field,
	pos policy.Pos) *record {
	r := g.rule(d, fields, pos)
	r.typ = "aws_vpc_security_group_" + d.String() + "_rule"
	if !fields["ip_protocol"].set() {
		fields["ip_protocol"] = field{result: result{v: cty2("tcp")}, pos: pos}
	}
	for a, b := range map[string]string{"from_port": "to_port", "to_port": "from_port"} {
		if !fields[a].set() {
			fields[a] = fields[b]
		}
	}
	if s, known := textOf(fields["referenced_security_group_id"].v); known && s == "self" {
		fields["referenced_security_group_id"] = field{result: result{v: sentinel(g.inst.address)},
			pos: pos}
	}
	return r
}
