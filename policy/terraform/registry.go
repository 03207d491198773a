package terraform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// Modules of the registry are not read: what the widely used ones of terraform-aws-modules
// mean is known here.

// isSecurityGroupModule reports whether a source is the module security-group, or one of
// its submodules.
func isSecurityGroupModule(source string) bool {
	return strings.Contains(source, "terraform-aws-modules/security-group/aws") ||
		strings.Contains(source, "terraform-aws-modules/terraform-aws-security-group")
}

func isVPCModule(source string) bool {
	return strings.Contains(source, "terraform-aws-modules/vpc/aws") ||
		strings.Contains(source, "terraform-aws-modules/terraform-aws-vpc")
}

// vpcOutputs are outputs of the module vpc that are arguments of its call.
var vpcOutputs = map[string]string{"vpc_cidr_block": "cidr", "name": "name", "azs": "azs",
	"vpc_secondary_cidr_blocks":   "secondary_cidr_blocks",
	"private_subnets_cidr_blocks": "private_subnets", "public_subnets_cidr_blocks": "public_subnets",
	"database_subnets_cidr_blocks": "database_subnets", "intra_subnets_cidr_blocks": "intra_subnets",
	"elasticache_subnets_cidr_blocks": "elasticache_subnets",
	"redshift_subnets_cidr_blocks":    "redshift_subnets",
	"outpost_subnets_cidr_blocks":     "outpost_subnets"}

// registryOutput is an output of a module of the registry that is known.
func (m *module) registryOutput(c *call, inst *instance, name string) (result, bool) {
	args := m.argsOf(inst.address)
	if args == nil {
		return result{}, false
	}
	switch {
	case isSecurityGroupModule(c.source):
		switch strings.TrimPrefix(name, "this_") {
		case "security_group_id", "id":
			if a := args.attrs["security_group_id"]; a != nil {
				if r := m.eval(a, inst.vars); r.known() && !r.v.IsNull() && str(r.v) != "" {
					return r, true
				}
			}
			return result{v: sentinel(inst.address)}, true
		case "security_group_name", "name":
			if a := args.attrs["name"]; a != nil {
				return m.eval(a, inst.vars), true
			}
		case "security_group_vpc_id", "vpc_id":
			if a := args.attrs["vpc_id"]; a != nil {
				return m.eval(a, inst.vars), true
			}
		}
	case isVPCModule(c.source):
		if a := args.attrs[vpcOutputs[name]]; a != nil {
			return m.eval(a, inst.vars), true
		}
	}
	return result{}, false
}

// argsOf is the body of the call that an instance is of.
func (m *module) argsOf(address string) *body {
	name, _, _ := strings.Cut(strings.TrimPrefix(address, m.path+"module."), "[")
	if d := m.cfg.callNames[name]; d != nil {
		return d.block().body
	}
	return nil
}

// registry reads a call of the module security-group: its group, or its rules.
func (m *module) registry(c *call, d *decl, first bool, each func(*record)) {
	if !isSecurityGroupModule(c.source) {
		if first && c.cfg == nil && !strings.HasPrefix(c.source, ".") {
			m.foreignModule(c, d)
		}
		return
	}
	for _, inst := range c.instances {
		m.current = d.pos
		m.spend(10)
		g := &groupModule{module: m, block: d.block(), decl: d, inst: inst}
		_, sub, _ := strings.Cut(c.source, "//modules/")
		g.sub, _, _ = strings.Cut(sub, "?")
		g.read()
		if !g.create {
			continue
		}
		if first {
			if g.own {
				each(g.group())
			}
			continue
		}
		for _, r := range g.rules() {
			each(r)
		}
	}
}

// foreignModule says once that a module is not read, if it may have groups.
func (m *module) foreignModule(c *call, d *decl) {
	if isVPCModule(c.source) || !c.known {
		return
	}
	m.notice(d.pos, "import what terraform show -json says to have its groups",
		"module %s is not read: %s is not a folder beside this one", m.path+d.name,
		printable(short(c.source)))
}

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
		g.notice(f.pos, "see number_of_"+computed+name, "%d of %d rules of %s are made", max(n, 0),
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
