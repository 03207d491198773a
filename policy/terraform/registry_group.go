package terraform

import (
	"regexp"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// groupModule is one instance of a call of the module security-group.
type groupModule struct {
	*module
	*block
	decl   *decl
	inst   *instance
	sub    string // of a submodule
	create bool
	own    bool // the module makes the group
	six    bool // as version 6 has it
}

// arg is an argument of the call.
func (g *groupModule) arg(name string) field {
	if a := g.attrs[name]; a != nil {
		return g.field(a, g.inst.vars)
	}
	return field{pos: g.decl.pos}
}

// flag is a boolean argument that is true where it is not written.
func (g *groupModule) flag(name string) bool {
	f := g.arg(name)
	if !f.set() {
		return true
	}
	if !f.v.IsKnown() {
		g.unresolved(f, name)
		return false
	}
	s, _ := textOf(f.v)
	return s == "true" || s == "1"
}

var (
	versionSix  = regexp.MustCompile(`^[~>=\s]*([6-9]|[1-9][0-9])(\.|$)`)
	versionFive = regexp.MustCompile(`^[~>=\s]*[0-5](\.|$)`)
	// fiveOnly are arguments that version 6 does not have.
	fiveOnly = regexp.MustCompile(`^(auto_|computed_|number_of_|(in|e)gress_with_|` +
		`(in|e)gress_(cidr|ipv6_cidr)_blocks$|(in|e)gress_prefix_list_ids$|create_sg$)`)
	sixOnly = regexp.MustCompile(`^(ingress_cidr_ipv[46]|ingress_prefix_list_id|` +
		`ingress_referenced_security_group_id|enable_exclusive_rules|vpc_associations)$`)
)

// read finds out which version is called and what it makes.
func (g *groupModule) read() {
	g.create = g.flag("create")
	g.own = g.flag("create_sg")
	version := ""
	if a := g.attrs["version"]; a != nil {
		if v, ok := literal(a.Expression); ok {
			version = str(v)
		}
	}
	g.six = versionSix.MatchString(version) || version == "" && g.sub != ""
	for name := range g.attrs {
		switch {
		case versionFive.MatchString(version) || fiveOnly.MatchString(name):
			g.six = false
			return
		case sixOnly.MatchString(name):
			g.six = true
		}
	}
	for _, name := range []string{"ingress_rules", "egress_rules"} {
		if f := g.arg(name); f.set() && f.v.IsKnown() {
			g.six = f.v.Type().IsObjectType() || f.v.Type().IsMapType()
		}
	}
}

// group is the group that the module makes.
func (g *groupModule) group() *record {
	name := g.arg("name")
	r := &record{typ: "aws_security_group", address: g.inst.address, label: "this",
		module: g.inst.address + ".", pos: g.decl.pos, blocks: map[string][]part{},
		fields: map[string]field{"name": name, "description": g.arg("description"),
			"vpc_id": g.arg("vpc_id")}}
	if !r.fields["description"].set() {
		r.fields["description"] = field{result: result{v: cty2("Security Group managed by Terraform")}}
	}
	tags := map[string]cty.Value{}
	if !g.six && name.set() {
		tags["Name"] = name.v
	}
	if f := g.arg("tags"); f.set() {
		if !f.v.IsKnown() || !f.v.CanIterateElements() {
			g.notice(f.pos, "", "the tags are not known")
		} else {
			for it := f.v.ElementIterator(); it.Next(); {
				key, v := it.Element()
				if key.Type() == cty.String && key.IsKnown() {
					tags[key.AsString()] = v
				}
			}
		}
	}
	r.fields["tags"] = field{result: result{v: cty.ObjectVal(tags)}, pos: g.decl.pos}
	return r
}

// rule is a rule of the module's group.
func (g *groupModule) rule(d policy.Direction, fields map[string]field, pos policy.Pos) *record {
	g.spend(30)
	fields["type"] = field{result: result{v: cty2(d.String())}, pos: pos}
	fields["security_group_id"] = field{result: result{v: sentinel(g.inst.address)}, pos: pos}
	if id := g.arg("security_group_id"); !g.own && id.set() {
		fields["security_group_id"] = id
	}
	return &record{typ: "aws_security_group_rule", address: g.inst.address, module: g.path,
		label: g.decl.label, pos: pos, fields: fields}
}

// rules are all rules of the module's group.
func (g *groupModule) rules() (out []*record) {
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		if g.six {
			out = append(out, g.sixRules(d)...)
		} else {
			out = append(out, g.fiveRules(d)...)
		}
	}
	return out
}

// setPorts fills protocol and ports of a preset in.
func setPorts(fields map[string]field, p preset, pos policy.Pos) {
	number := func(n int) field {
		return field{result: result{v: cty.NumberIntVal(int64(n))}, pos: pos}
	}
	fields["from_port"], fields["to_port"] = number(p.from), number(p.to)
	fields["protocol"] = field{result: result{v: cty2(p.protocol)}, pos: pos}
}
