package awsjson

import (
	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

var ruleKeys = set("SecurityGroupRuleId", "GroupId", "GroupOwnerId", "IsEgress", "IpProtocol",
	"FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo",
	"Description", "Tags", "SecurityGroupRuleArn")

// rulePeers are the peers that a rule can have, of which it has one.
var rulePeers = []peerKey{
	{"", "CidrIpv4", policy.PeerCIDR, policy.IPv4, ruleKeys},
	{"", "CidrIpv6", policy.PeerCIDR, policy.IPv6, ruleKeys},
	{"", "PrefixListId", policy.PeerPrefixList, 0, ruleKeys},
	{"", "ReferencedGroupInfo", policy.PeerGroup, 0, nil},
}

// pairKeys are those of ReferencedGroupInfo.
var pairKeys = peerKey{"", "GroupId", policy.PeerGroup, 0,
	set("GroupId", "UserId", "VpcId", "VpcPeeringConnectionId", "PeeringStatus")}

// rule reads a rule of describe-security-group-rules.
func (i *importer) rule(n *tree.Node) {
	if !i.object(n, "a rule") {
		return
	}
	i.unknown(n, "the rule", ruleKeys)
	group, ok := i.id(n, "GroupId", "the rule")
	dir, known := i.direction(n)
	r, good := i.selector(n)
	found := 0
	for _, k := range rulePeers {
		v := n.Get(k.key)
		if v == nil {
			continue
		}
		if found++; found > 1 {
			i.Errorf(v.Pos(i.file), "", "the rule has more than one peer")
			return
		}
		from := n
		if k.kind == policy.PeerGroup {
			if k, from = pairKeys, v; !i.object(v, "ReferencedGroupInfo") {
				return
			}
		}
		peer, fine := i.peer(from, k)
		peer.Pos = v.Pos(i.file)
		r.Peer, good = peer, good && fine
	}
	switch {
	case !ok || !known || !good:
	case found == 0:
		i.Lost(r.Pos, "", "a rule of %s names no peer that sgfw knows: left out", r.Protocol)
	default:
		r.Description, r.Tags = i.text(n, "Description"), i.tags(n, "Tags")
		g := i.groupOf(group, r.Pos)
		if !g.described && g.Pos == (policy.Pos{}) {
			g.Pos, g.owner = n.Get("GroupId").Pos(i.file), i.text(n, "GroupOwnerId")
		}
		i.add(g, dir, rule{Rule: r, id: i.text(n, "SecurityGroupRuleId"), block: r.Pos, late: true})
	}
}

// direction reads on which side of the group a rule is.
func (i *importer) direction(n *tree.Node) (policy.Direction, bool) {
	v := n.Get("IsEgress")
	switch {
	case v == nil:
		i.Errorf(n.Pos(i.file), "", "the rule has no IsEgress")
	case v.Kind == tree.Bool && v.Text == "true":
		return policy.Egress, true
	case v.Kind == tree.Bool:
		return policy.Ingress, true
	default:
		i.Errorf(v.Pos(i.file), "", "IsEgress is neither true nor false")
	}
	return 0, false
}
