package terraform

import (
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// inline writes a rule of the default group: its resource takes every other one away.
func (x *exporter) inline(b *hclwrite.Body, d policy.Direction, r *policy.Rule) {
	if len(b.Blocks()) > 0 {
		b.AppendNewline()
	}
	in := b.AppendNewBlock(d.String(), nil).Body()
	x.described(in, r.Description, r.Pos, true)
	in.SetAttributeValue("protocol", cty2(r.Protocol.String()))
	from, to := r.From, r.To
	if !r.Protocol.HasPorts() && !r.Protocol.IsICMP() {
		from, to = 0, 0
	}
	in.SetAttributeValue("from_port", numberVal(from))
	in.SetAttributeValue("to_port", numberVal(to))
	one := func(name, address, value string) {
		if address == "" {
			in.SetAttributeValue(name, cty.TupleVal([]cty.Value{cty2(value)}))
			return
		}
		in.SetAttributeRaw(name, hclwrite.TokensForTuple([]hclwrite.Tokens{
			hclwrite.TokensForIdentifier(address + ".id")}))
	}
	switch {
	case r.Peer.Kind == policy.PeerCIDR && policy.FamilyOf(r.Peer.CIDR) == policy.IPv6:
		one("ipv6_cidr_blocks", "", r.Peer.CIDR.String())
	case r.Peer.Kind == policy.PeerCIDR:
		one("cidr_blocks", "", r.Peer.CIDR.String())
	case r.Peer.Kind == policy.PeerGroup && r.Peer.Self:
		in.SetAttributeValue("self", cty.True)
	case r.Peer.Kind == policy.PeerGroup:
		one("security_groups", x.groups[r.Peer.Name], "")
	case x.lists[r.Peer.Name] == "" && policy.PrefixListID.Check(r.Peer.Name) != nil:
		one("security_groups", "", r.Peer.Name)
	default:
		one("prefix_list_ids", x.lists[r.Peer.Name], r.Peer.Name)
	}
	if len(r.Tags) > 0 {
		x.notice(r.Pos, "", "the tags of a rule of the default group are left out")
	}
}
