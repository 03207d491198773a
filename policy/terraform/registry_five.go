package terraform

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// fiveRules are the rules of a direction as versions up to 5 have them: names of presets,
// and lists of maps for each kind of peer, beside peers that all of them share.
func (g *groupModule) fiveRules(d policy.Direction) (out []*record) {
	dir := d.String()
	shared := map[string]field{}
	for _, name := range []string{"cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"} {
		shared[name] = g.arg(dir + "_" + name)
	}
	if d == policy.Egress {
		for name, all := range map[string]string{"cidr_blocks": "0.0.0.0/0",
			"ipv6_cidr_blocks": "::/0"} {
			if f := shared[name]; !f.set() {
				shared[name] = field{pos: f.pos,
					result: result{v: cty.TupleVal([]cty.Value{cty2(all)})}}
			}
		}
	}
	rules, of := presets()
	named := func(name string, pos policy.Pos) {
		p, known := rules[name]
		if !known {
			g.errorf(pos, "write it under "+dir+"_with_cidr_blocks, with its ports",
				"no rule of the module is called %s", describe(cty2(name)))
			return
		}
		fields := map[string]field{"description": {result: result{v: cty2(name)}, pos: pos}}
		setPorts(fields, p, pos)
		for name, f := range shared {
			fields[name] = f
		}
		out = append(out, g.rule(d, fields, pos))
	}
	if d == policy.Ingress {
		for _, name := range of[g.sub] {
			named(name, g.decl.pos)
		}
		if g.sub != "" {
			out = append(out, g.selfRule(rules["all-all"]))
		}
	} else if g.sub != "" {
		named("all-all", g.decl.pos)
	}
	for _, computed := range []string{"", "computed_"} {
		for _, i := range g.items(computed, dir+"_rules") {
			name, known := textOf(i.v)
			if !known {
				g.unresolved(i, "a rule of "+dir+"_rules")
				continue
			}
			named(name, i.pos)
		}
		for _, kind := range []string{"cidr_blocks", "ipv6_cidr_blocks", "source_security_group_id",
			"prefix_list_ids", "self"} {
			for _, i := range g.items(computed, dir+"_with_"+kind) {
				if fields := g.with(kind, dir, i, shared, rules); fields != nil {
					out = append(out, g.rule(d, fields, i.pos))
				}
			}
		}
	}
	return out
}

// selfRule lets members of a submodule's group talk to each other.
func (g *groupModule) selfRule(p preset) *record {
	pos := g.decl.pos
	fields := map[string]field{"self": {result: result{v: cty.True}, pos: pos},
		"description":     {result: result{v: cty2("Ingress Rule")}, pos: pos},
		"prefix_list_ids": g.arg("ingress_prefix_list_ids")}
	setPorts(fields, p, pos)
	return g.rule(policy.Ingress, fields, pos)
}

// items are the items of a list argument; of a computed one as many as its number says.
func (g *groupModule) items(computed, name string) (out []field) {
	f := g.arg(computed + name)
	if !f.set() {
		return nil
	}
	if !f.v.IsKnown() || !f.v.CanIterateElements() {
		g.unresolved(f, computed+name)
		return nil
	}
	i := 0
	for it := f.v.ElementIterator(); it.Next(); i++ {
		_, v := it.Element()
		one := field{result: result{v, f.gaps}, pos: f.pos}
		if i < len(f.items) {
			one.pos = f.items[i]
		}
		out = append(out, one)
	}
	if computed == "" {
		return out
	}
	count := g.arg("number_of_" + computed + name)
	n := 0
	if count.set() {
		if !count.v.IsKnown() {
			g.unresolved(count, "number_of_"+computed+name)
			return nil
		}
		s, _ := textOf(count.v)
		if _, err := fmt.Sscan(s, &n); err != nil {
			n = 0
		}
	}
	if n < len(out) {
		g.Lost(f.pos, "see number_of_"+computed+name, "%d of %d rules of %s are made", max(n, 0),
			len(out), computed+name)
	}
	return out[:min(max(n, 0), len(out))]
}

// with is a rule of a list of maps.
func (g *groupModule) with(kind, dir string, i field, shared map[string]field,
	rules map[string]preset) map[string]field {
	if !i.v.IsKnown() {
		g.unresolved(i, dir+"_with_"+kind)
		return nil
	}
	parts := partsOf(g, i, []string{"rule", "from_port", "to_port", "protocol", "description",
		"cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "source_security_group_id", "self"})
	if len(parts) != 1 {
		return nil
	}
	in := parts[0].fields
	out := map[string]field{"description": in["description"]}
	if !out["description"].set() {
		word := strings.ToUpper(dir[:1]) + dir[1:] + " Rule"
		out["description"] = field{result: result{v: cty2(word)}, pos: i.pos}
	}
	if name := in["rule"]; name.set() {
		s, known := textOf(name.v)
		p, there := rules[s]
		switch {
		case !known:
			g.unresolved(name, "rule")
			return nil
		case !there:
			g.errorf(i.pos, "", "no rule of the module is called %s", describe(name.v))
			return nil
		}
		setPorts(out, p, i.pos)
	}
	for _, name := range []string{"from_port", "to_port", "protocol"} {
		if in[name].set() {
			out[name] = in[name]
		}
	}
	if kind != "prefix_list_ids" {
		out["prefix_list_ids"] = shared["prefix_list_ids"]
	}
	switch kind {
	case "self":
		out["self"] = in["self"]
		if !in["self"].set() {
			out["self"] = field{result: result{v: cty.True}, pos: i.pos}
		}
	case "source_security_group_id":
		out[kind] = in[kind]
		if !in[kind].set() {
			g.errorf(i.pos, "", "the rule has no source_security_group_id")
			return nil
		}
	default:
		out[kind] = split(in[kind], kind != "cidr_blocks")
		if !in[kind].set() {
			out[kind] = shared[kind]
		}
	}
	return out
}

// split divides texts with commas between, as the module does. An empty item stays, to be
// refused.
func split(f field, compact bool) field {
	s, known := textOf(f.v)
	if !known {
		return f
	}
	var items []cty.Value
	for _, part := range strings.Split(s, ",") {
		if part != "" || !compact {
			items = append(items, cty2(part))
		}
	}
	f.v = cty.TupleVal(items)
	return f
}
