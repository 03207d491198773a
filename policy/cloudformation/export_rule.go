package cloudformation

import (
	"strings"

	"sgfw/policy"
)

// inline writes the rules of a group in it, but for those that name itself or a group that
// comes later: groups that name each other are a circle, which CloudFormation refuses. It
// returns those.
func (x *exporter) inline(g *policy.Group, dir policy.Direction,
	rules []policy.Rule) (later []policy.Rule) {
	key := map[policy.Direction]string{policy.Ingress: "SecurityGroupIngress:",
		policy.Egress: "SecurityGroupEgress:"}[dir]
	for i := range rules {
		r := &rules[i]
		if r.Peer.Kind == policy.PeerGroup && r.Peer.Name != policy.DefaultName &&
			x.order[r.Peer.Name] >= x.order[g.Name] {
			later = append(later, *r)
			continue
		}
		if key != "" {
			x.body.line(6, key)
			key = ""
		}
		x.rule(8, g, dir, r)
	}
	return later
}

// separate writes rules as resources.
func (x *exporter) separate(g *policy.Group, id, target string, dir policy.Direction,
	rules []policy.Rule) {
	typ, word := typeIngress, "Ingress"
	if dir == policy.Egress {
		typ, word = typeEgress, "Egress"
	}
	for i := range rules {
		x.resource(x.id(sprintf("%s%s%d", id, word, i+1), ""), typ)
		x.body.line(6, "GroupId: "+target)
		x.rule(6, g, dir, &rules[i])
	}
}

// nowhere is the outbound rule in place of none, as CloudFormation's documentation has it: a
// group without any would get those that let everything out.
var nowhere = policy.Rule{Description: "No outbound traffic", Protocol: policy.AllProtocols,
	From: -1, To: -1, Peer: policy.Peer{Kind: policy.PeerCIDR, CIDR: loopback}}

// rule writes a rule: an item of a list at 8, the properties of a resource at 6.
func (x *exporter) rule(indent int, g *policy.Group, dir policy.Direction, r *policy.Rule) {
	dash := ""
	if indent == 8 {
		dash = "- "
	}
	x.body.line(indent, dash+"IpProtocol: "+quoted(r.Protocol.String()))
	indent += len(dash)
	if r.Protocol.HasPorts() || r.Protocol == policy.ICMP ||
		r.Protocol == policy.ICMPv6 && r.From != -1 {
		x.body.line(indent, sprintf("FromPort: %d", r.From))
		x.body.line(indent, sprintf("ToPort: %d", r.To))
	}
	side := "Source"
	if dir == policy.Egress {
		side = "Destination"
	}
	switch r.Peer.Kind {
	case policy.PeerCIDR:
		key := "CidrIp: "
		if policy.FamilyOf(r.Peer.CIDR) == policy.IPv6 {
			key = "CidrIpv6: "
		}
		x.body.line(indent, key+quoted(r.Peer.CIDR.String()))
	case policy.PeerGroup:
		x.body.line(indent, side+"SecurityGroupId: "+x.groupRef(r.Peer.Name))
	case policy.PeerPrefixList:
		x.listPeer(indent, side, r)
	}
	x.body.field(indent, "Description", r.Description)
	if len(r.Tags) > 0 {
		x.notice(r.Pos, "", "the tags of a rule of group %s are left out", policy.Quote(g.Name))
	}
}

// groupRef is the ID of a group. Ref would be its name, where the network is the default one.
func (x *exporter) groupRef(name string) string {
	if id := x.groupIDs[name]; id != "" {
		return "!GetAtt " + id + ".GroupId"
	}
	return "!Ref " + x.parameter(defaultParameter, typeGroupID)
}

func (x *exporter) listPeer(indent int, side string, r *policy.Rule) {
	name := r.Peer.Name
	if id := x.listIDs[name]; id != "" {
		x.body.line(indent, side+"PrefixListId: !Ref "+id)
		return
	}
	if policy.PrefixListID.Check(name) == nil {
		x.body.line(indent, side+"PrefixListId: "+quoted(name))
		return
	}
	owner, id, ok := strings.Cut(name, "/")
	if !ok {
		id, owner = name, ""
	}
	x.body.line(indent, side+"SecurityGroupId: "+quoted(id))
	switch {
	case owner == "":
	case side == "Source":
		x.body.line(indent, "SourceSecurityGroupOwnerId: "+quoted(owner))
	default:
		x.notice(r.Pos, "", "an outbound rule names group %s without its account", policy.Quote(name))
	}
}
