package terraform

import (
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// peersOutput is the output that has the machines of a policy: Terraform makes nothing of it.
// Interfaces as resources would be made, in AWS, of machines that are there.
const peersOutput = "sgfw_peers"

// machines takes those that [Export] has written.
func (t *translator) machines() {
	for _, m := range t.roots {
		d := m.cfg.outputs[peersOutput]
		if d == nil {
			continue
		}
		a := d.block().attrs["value"]
		if a == nil {
			continue
		}
		v := m.eval(a, nil).v
		if v == cty.NilVal || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
			t.errorf(a.pos, peersHint, "output %s is no list that is known", peersOutput)
			continue
		}
		for it := v.ElementIterator(); it.Next(); {
			_, of := it.Element()
			t.machine(of, a.pos)
		}
	}
}

const peersHint = "as in { name = \"db\", addresses = [\"10.0.0.7\"], security_groups = [" +
	"aws_security_group.db.id] }"

// machine takes one of them.
func (t *translator) machine(v cty.Value, pos policy.Pos) {
	part := func(name string) field {
		if !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
			return field{}
		}
		return field{result: result{v: v.GetAttr(name)}}
	}
	name, named := textOf(part("name").v)
	m := member{Remote: policy.Remote{Name: name, Pos: pos}, groups: known(part("security_groups"))}
	for i, g := range m.groups {
		m.groups[i] = orElse(address(g), g)
	}
	for _, s := range known(part("addresses")) {
		p, bad := policy.ParseAddress(s)
		switch {
		case bad != nil:
			bad.Pos = pos
			t.add1(*bad)
		case p.IsSingleIP():
			m.Addresses = append(m.Addresses, p.Addr())
		default:
			m.Prefixes = append(m.Prefixes, p)
		}
	}
	if !named || len(m.groups) == 0 || !m.Listed() {
		t.errorf(pos, peersHint, "an item of output %s is no machine with a name, addresses and "+
			"groups", peersOutput)
		return
	}
	t.members = append(t.members, m)
}

// peers writes the machines of a policy.
func (x *exporter) peers() {
	if len(x.p.Remotes) == 0 {
		return
	}
	b := x.block("output", peersOutput)
	b.SetAttributeValue("description",
		cty2("Machines that have the groups: Terraform makes nothing of them, sgfw import reads them"))
	var items []hclwrite.Tokens
	for i := range x.p.Remotes {
		r := &x.p.Remotes[i]
		var own []cty.Value
		for _, p := range r.Own() {
			own = append(own, cty2(policy.OwnText(p)))
		}
		var groups []hclwrite.Tokens
		for _, g := range r.Groups {
			groups = append(groups, hclwrite.TokensForIdentifier(x.groups[g]+".id"))
		}
		name := func(s string) hclwrite.Tokens { return hclwrite.TokensForIdentifier(s) }
		items = append(items, hclwrite.TokensForObject([]hclwrite.ObjectAttrTokens{
			{Name: name("name"), Value: hclwrite.TokensForValue(cty2(r.Name))},
			{Name: name("addresses"), Value: hclwrite.TokensForValue(cty.TupleVal(own))},
			{Name: name("security_groups"), Value: hclwrite.TokensForTuple(groups)},
		}))
	}
	b.SetAttributeRaw("value", hclwrite.TokensForTuple(items))
	x.notice(x.p.Remotes[0].Pos, "in AWS, whatever runs there has the group",
		"peers stand in the output %s, of which Terraform makes nothing", peersOutput)
}
