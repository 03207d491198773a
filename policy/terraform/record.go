package terraform

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// record is one resource, from whichever kind of source: its arguments, and its blocks by
// kind.
type record struct {
	typ, address string
	// id is what AWS calls it, where the source knows.
	id string
	// module, label and index are parts of the address.
	module, label, index string
	pos                  policy.Pos
	fields               map[string]field
	blocks               map[string][]part
}

// part is a block of a record.
type part struct {
	fields map[string]field
	pos    policy.Pos
}

// field is an argument with its value.
type field struct {
	result
	pos policy.Pos
	// items are the positions of the items of a list, where the text has them.
	items []policy.Pos
}

// set reports whether the field has a value, known or not.
func (f field) set() bool { return f.v != cty.NilVal && !(f.v.IsKnown() && f.v.IsNull()) }

// shape is what is read of a type of resource.
type shape struct {
	attrs  []string
	blocks map[string][]string
}

var ruleAttrs = []string{"description", "protocol", "from_port", "to_port", "cidr_blocks",
	"ipv6_cidr_blocks", "prefix_list_ids", "security_groups", "self"}

var groupAttrs = []string{"name", "name_prefix", "description", "vpc_id", "tags"}

var inline = map[string][]string{"ingress": ruleAttrs, "egress": ruleAttrs}

var vpcRule = shape{attrs: []string{"security_group_id", "description", "ip_protocol", "from_port",
	"to_port", "cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "tags"}}

// shapes are the types of resources that make a policy, by name.
var shapes = map[string]shape{
	"aws_security_group":         {groupAttrs, inline},
	"aws_default_security_group": {[]string{"vpc_id", "tags"}, inline},
	"aws_security_group_rule": {attrs: []string{"type", "security_group_id", "description",
		"protocol", "from_port", "to_port", "cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids",
		"source_security_group_id", "self"}},
	"aws_vpc_security_group_ingress_rule": vpcRule,
	"aws_vpc_security_group_egress_rule":  vpcRule,
	"aws_ec2_managed_prefix_list": {[]string{"name", "address_family", "max_entries"},
		map[string][]string{"entry": {"cidr", "description"}}},
	"aws_ec2_managed_prefix_list_entry": {attrs: []string{"prefix_list_id", "cidr", "description"}},
	"aws_network_interface": {attrs: []string{"security_groups", "private_ip", "private_ips",
		"private_ip_list", "ipv6_addresses", "ipv6_address_list", "ipv4_prefixes", "ipv6_prefixes",
		"tags"}},
	"aws_network_interface_sg_attachment": {attrs: []string{"security_group_id",
		"network_interface_id"}},
	"aws_instance": {attrs: []string{"vpc_security_group_ids", "security_groups", "private_ip",
		"secondary_private_ips", "ipv6_addresses", "tags", "primary_network_interface_id"}},
}

// declares are the types whose records come first: rules refer to them.
var declares = map[string]bool{"aws_security_group": true, "aws_default_security_group": true,
	"aws_ec2_managed_prefix_list": true}

// record reads one instance of a resource.
func (m *module) record(d *decl, inst *instance, s shape) *record {
	b := d.block()
	r := &record{typ: d.typ, address: inst.address, module: m.path, label: d.label,
		index: inst.index(), pos: d.pos, fields: m.fields(b.body, s.attrs, inst.vars),
		blocks: map[string][]part{}}
	for kind, attrs := range s.blocks {
		r.blocks[kind] = m.parts(b.body, kind, attrs, inst.vars)
	}
	if tags := b.of("tags"); len(tags) > 0 && r.fields["tags"].v == cty.NilVal {
		m.old(tags[0].pos, "tags { }", "tags = { }")
		values := map[string]cty.Value{}
		for name, a := range tags[0].attrs {
			values[name] = m.eval(a, inst.vars).v
		}
		r.fields["tags"] = field{result: result{v: cty.ObjectVal(values)}, pos: tags[0].pos}
	}
	return r
}

// old says once for each file that it has syntax of Terraform 0.11.
func (e *evaluator) old(pos policy.Pos, was, is string) {
	if key := pos.File + was; !e.noticed[key] {
		e.noticed[key] = true
		e.notice(pos, "", "%s is of Terraform 0.11, read as %s", was, is)
	}
}

// fields evaluates arguments of a body.
func (m *module) fields(b *body, names []string, vars scope) map[string]field {
	out := make(map[string]field, len(names))
	for _, name := range names {
		if a := b.attrs[name]; a != nil {
			out[name] = m.field(a, vars)
		}
	}
	return out
}

// field evaluates an argument.
func (m *module) field(a *attr, vars scope) field {
	f := field{result: m.eval(a, vars), pos: a.pos}
	for _, item := range a.items {
		f.items = append(f.items, item.pos)
	}
	return f
}

// parts reads the blocks of a kind: written as blocks, made by a dynamic block, or given as
// a list of objects.
func (m *module) parts(b *body, kind string, attrs []string, vars scope) (out []part) {
	for _, x := range b.blocks {
		switch {
		case x.kind == kind:
			out = append(out, part{m.fields(x.body, attrs, vars), x.pos})
		case x.kind == "dynamic" && len(x.labels) == 1 && x.labels[0] == kind:
			out = append(out, m.dynamic(x, attrs, vars)...)
		}
	}
	if a := b.attrs[kind]; a != nil {
		out = append(out, m.objects(a, attrs, vars)...)
	}
	return out
}

// dynamic reads what a dynamic block makes.
func (m *module) dynamic(b *block, attrs []string, vars scope) (out []part) {
	each, contents := b.attrs["for_each"], b.of("content")
	if each == nil || len(contents) != 1 {
		m.errorf(b.pos, "", "a dynamic block needs for_each and a block content")
		return nil
	}
	name := b.labels[0]
	if a := b.attrs["iterator"]; a != nil {
		if x, ok := plain(a.Expression).(*hclsyntax.ScopeTraversalExpr); ok {
			name = x.Traversal.RootName()
		} else if v, ok := literal(a.Expression); ok && str(v) != "" {
			name = str(v)
		}
	}
	r := m.eval(each, vars)
	pairs, ok := m.pairs(r, each, true)
	if !ok {
		if !r.known() {
			m.unresolved(field{result: r, pos: each.pos}, "for_each")
		}
		return nil
	}
	for _, p := range pairs {
		m.current = b.pos
		m.spend(20)
		one := vars.with(name, cty.ObjectVal(map[string]cty.Value{"key": p.key, "value": p.value}))
		out = append(out, part{m.fields(contents[0].body, attrs, one), contents[0].pos})
	}
	return out
}

// objects reads blocks that are given as a list of objects, or as one.
func (m *module) objects(a *attr, attrs []string, vars scope) (out []part) {
	if a.bodies == nil && !a.ready {
		a.bodies = m.bodies(a)
	}
	if a.bodies == nil {
		return partsOf(m, m.field(a, vars), attrs)
	}
	for _, b := range a.bodies {
		out = append(out, part{m.fields(b, attrs, vars), b.pos})
	}
	return out
}

// bodies are the objects of a list, nil when they are not all written out.
func (e *evaluator) bodies(a *attr) (out []*body) {
	x := plain(a.Expression)
	list, ok := x.(*hclsyntax.TupleConsExpr)
	if !ok {
		list = &hclsyntax.TupleConsExpr{Exprs: []hclsyntax.Expression{x}}
	}
	for _, x := range list.Exprs {
		b := e.objectBody(plain(x))
		if b == nil {
			return nil
		}
		out = append(out, b)
	}
	return out
}

// objectBody is an object that is written out, nil when its keys are computed.
func (e *evaluator) objectBody(x hclsyntax.Expression) *body {
	object, ok := x.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil
	}
	b := &body{attrs: map[string]*attr{}, pos: e.at(object.StartRange())}
	for _, item := range object.Items {
		name := ""
		if key, ok := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok && !key.ForceNonLiteral {
			if v, ok := literal(key.Wrapped); ok {
				name = str(v)
			} else if x, ok := key.Wrapped.(*hclsyntax.ScopeTraversalExpr); ok && len(x.Traversal) == 1 {
				name = x.Traversal.RootName()
			}
		} else if v, ok := literal(item.KeyExpr); ok {
			name = str(v)
		}
		if name == "" {
			return nil
		}
		b.attrs[name] = &attr{Expression: item.ValueExpr, pos: e.at(item.KeyExpr.StartRange())}
	}
	return b
}

// partsOf are the objects of a list as blocks.
func partsOf(m reporter, f field, attrs []string) (out []part) {
	if !f.set() {
		return nil
	}
	if !f.v.IsKnown() {
		m.unresolved(f, "the list of rules")
		return nil
	}
	one := func(v cty.Value, pos policy.Pos) {
		ty := v.Type()
		if !v.IsKnown() || v.IsNull() || !ty.IsObjectType() && !ty.IsMapType() {
			if v.IsKnown() {
				m.Errorf(pos, "", "a rule is an object with the arguments of a block, not %s", describe(v))
			} else {
				m.unresolved(field{result: result{v, f.gaps}, pos: pos}, "a rule")
			}
			return
		}
		p := part{map[string]field{}, pos}
		for _, name := range attrs {
			if ty.IsObjectType() && ty.HasAttribute(name) {
				p.fields[name] = field{result: result{v.GetAttr(name), f.gaps}, pos: pos}
			} else if key := cty.StringVal(name); ty.IsMapType() && v.HasIndex(key).True() {
				p.fields[name] = field{result: result{v.Index(key), f.gaps}, pos: pos}
			}
		}
		out = append(out, p)
	}
	ty := f.v.Type()
	if ty.IsObjectType() || ty.IsMapType() {
		one(f.v, f.pos)
		return out
	}
	if !f.v.CanIterateElements() {
		m.Errorf(f.pos, "", "rules are a list of objects, not %s", describe(f.v))
		return nil
	}
	i := 0
	for it := f.v.ElementIterator(); it.Next(); i++ {
		_, v := it.Element()
		pos := f.pos
		if i < len(f.items) {
			pos = f.items[i]
		}
		one(v, pos)
	}
	return out
}
