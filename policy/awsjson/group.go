package awsjson

import (
	"cmp"
	"fmt"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// group is a group, by what describes it or by its rules alone.
type group struct {
	policy.Group
	owner     string
	described bool
	rules     [2][]rule // by direction
	known     [2]map[policy.RuleID]int
}

// rule is a rule with one peer, whose name is an ID.
type rule struct {
	policy.Rule
	id    string // sgr-…
	block policy.Pos
	// late is true for a rule that only describe-security-group-rules has, of a group that
	// describe-security-groups has.
	late bool
}

// groupOf returns the group of that ID, a new one if there is none.
func (i *importer) groupOf(id string, pos policy.Pos) *group {
	g := i.groups[id]
	if g == nil {
		i.room(pos, len(i.groups), maxGroups, "groups")
		g = &group{}
		g.known = [2]map[policy.RuleID]int{{}, {}}
		i.groups[id] = g
		i.groupIDs = append(i.groupIDs, id)
	}
	return g
}

var (
	groupKeys = set("GroupId", "GroupName", "Description", "OwnerId", "VpcId", "Tags",
		"IpPermissions", "IpPermissionsEgress", "SecurityGroupArn")
	permissionKeys = set("IpProtocol", "FromPort", "ToPort", "IpRanges", "Ipv6Ranges",
		"PrefixListIds", "UserIdGroupPairs")
)

// group reads a group of describe-security-groups.
func (i *importer) group(n *tree.Node) {
	if !i.object(n, "a security group") {
		return
	}
	id, ok := i.id(n, "GroupId", "the security group")
	name, named := i.id(n, "GroupName", "the security group")
	if !ok || !named {
		return
	}
	g := i.groupOf(id, n.Pos(i.file))
	if !g.described {
		g.described, g.owner = true, i.text(n, "OwnerId")
		g.Group = policy.Group{Name: strings.TrimRight(name, " "), VPCID: i.text(n, "VpcId"),
			Description: i.text(n, "Description"), Tags: i.tags(n, "Tags"), Pos: n.Pos(i.file)}
	}
	i.unknown(n, "the group", groupKeys)
	for dir, key := range []string{"IpPermissions", "IpPermissionsEgress"} {
		for _, item := range i.items(n, key) {
			i.permission(g, policy.Direction(dir), item)
		}
	}
}

// permission reads a permission: rules that have protocol and ports in common.
func (i *importer) permission(g *group, dir policy.Direction, n *tree.Node) {
	if !i.object(n, "a permission") {
		return
	}
	i.unknown(n, "the permission", permissionKeys)
	shared, ok := i.selector(n)
	peers := 0
	for _, k := range peerKeys {
		for _, item := range i.items(n, k.list) {
			peers++
			if !i.object(item, "an item of "+k.list) {
				continue
			}
			peer, good := i.peer(item, k)
			if !ok || !good {
				continue
			}
			r := shared
			r.Peer, r.Description = peer, i.text(item, "Description")
			i.add(g, dir, rule{Rule: r, block: shared.Pos})
		}
	}
	if peers == 0 && ok {
		i.Lost(n.Pos(i.file), "", "a permission of %s names no peer and permits nothing: left out",
			shared.Protocol)
	}
}

// peerKey is a list of peers of a permission.
type peerKey struct {
	list, key string
	kind      policy.PeerKind
	family    policy.Family
	known     map[string]bool
}

var peerKeys = []peerKey{
	{"IpRanges", "CidrIp", policy.PeerCIDR, policy.IPv4, set("CidrIp", "Description")},
	{"Ipv6Ranges", "CidrIpv6", policy.PeerCIDR, policy.IPv6, set("CidrIpv6", "Description")},
	{"PrefixListIds", "PrefixListId", policy.PeerPrefixList, 0,
		set("PrefixListId", "Description")},
	{"UserIdGroupPairs", "GroupId", policy.PeerGroup, 0, set("GroupId", "GroupName", "UserId",
		"VpcId", "VpcPeeringConnectionId", "PeeringStatus", "Description")},
}

// peer reads a peer of a permission or of a rule.
func (i *importer) peer(n *tree.Node, k peerKey) (policy.Peer, bool) {
	i.unknown(n, "the peer", k.known)
	p := policy.Peer{Kind: k.kind, Pos: n.Pos(i.file)}
	switch k.kind {
	case policy.PeerCIDR:
		cidr, ok := i.cidr(n, k.key, k.family)
		p.CIDR = cidr
		return p, ok
	case policy.PeerPrefixList:
		id, ok := i.id(n, k.key, "the prefix list")
		p.Name = id
		if ok {
			i.refer(id, reference{list: true, pos: p.Pos})
		}
		return p, ok
	}
	ref := reference{pos: p.Pos, name: i.text(n, "GroupName"), user: i.text(n, "UserId"),
		vpc: i.text(n, "VpcId"), peering: i.text(n, "VpcPeeringConnectionId"),
		status: i.text(n, "PeeringStatus")}
	if p.Name = i.text(n, k.key); p.Name == "" {
		// As of a load balancer's group: amazon-elb/amazon-elb-sg.
		if ref.name == "" {
			i.Errorf(p.Pos, "", "the peer has no GroupId")
			return p, false
		}
		p.Name = cmp.Or(ref.user, "?") + "/" + ref.name
	}
	i.refer(p.Name, ref)
	return p, true
}

// selector reads protocol and ports.
func (i *importer) selector(n *tree.Node) (r policy.Rule, ok bool) {
	r = policy.Rule{Pos: n.Pos(i.file), From: -1, To: -1}
	name := n.Get("IpProtocol")
	if name == nil {
		i.Errorf(r.Pos, "tcp, udp, icmp, icmpv6, a number, or -1 for all", "there is no IpProtocol")
		return r, false
	}
	protocol, bad := policy.ParseProtocol(name.Text)
	if bad != nil {
		i.Add(name.Pos(i.file), bad)
		return r, false
	}
	r.Protocol = protocol
	from, good := i.number(n, "FromPort")
	to, fine := i.number(n, "ToPort")
	if !good || !fine {
		return r, false
	}
	if !protocol.HasPorts() && !protocol.IsICMP() {
		// AWS ignores ports there, and describe-security-group-rules says -1 (R9).
		if from != nil && to != nil && (*from > 0 || *to > 0 && *to != policy.MaxPort) {
			i.Lost(r.Pos, "", "ports %d-%d are ignored: protocol %s is permitted as a whole", *from, *to,
				protocol)
		}
		return r, true
	}
	if from == nil && to == nil && protocol == policy.ICMPv6 {
		return r, true
	}
	if from == nil || to == nil {
		i.Errorf(r.Pos, "all ports are 0 and 65535, all types of ICMP -1 and -1",
			"%s needs FromPort and ToPort", protocol)
		return r, false
	}
	r.From, r.To = *from, *to
	if bad := policy.CheckRange(protocol, r.From, r.To); bad != nil {
		key := "FromPort"
		if bad.Field == "to_port" {
			key = "ToPort"
		}
		i.Add(n.Get(key).Pos(i.file), bad)
		return r, false
	}
	return r, true
}

// add adds a rule to a group, or what is new about one that it has.
func (i *importer) add(g *group, dir policy.Direction, r rule) {
	if at, there := g.known[dir][r.ID()]; there {
		have := &g.rules[dir][at]
		have.Description = cmp.Or(have.Description, r.Description)
		have.id = cmp.Or(have.id, r.id)
		if len(have.Tags) == 0 {
			have.Tags = r.Tags
		}
		have.late = have.late && r.late
		return
	}
	if !i.count(r.Pos) || !i.room(r.Pos, len(g.rules[dir]), maxGroupRules, "rules in a group") {
		return
	}
	g.known[dir][r.ID()] = len(g.rules[dir])
	g.rules[dir] = append(g.rules[dir], r)
}

// placeGroups gives the groups and their rules to the draft.
func (i *importer) placeGroups() {
	owners := map[string]bool{}
	for _, id := range i.groupIDs {
		if g := i.groups[id]; g.owner != "" && g.owner != noAccount {
			owners[g.owner] = true
		}
	}
	if len(owners) == 1 {
		for owner := range owners {
			i.Comment(policy.Pos{}, "From AWS account %s.", owner)
		}
	}
	for _, id := range i.groupIDs {
		g := i.groups[id]
		if !g.described {
			g.Name = "group-" + strings.TrimPrefix(id, "sg-")
			i.Lost(g.Pos, "add the output of aws ec2 describe-security-groups",
				"%s: the name of the group is not here", id)
		} else if len(owners) > 1 {
			i.Comment(g.Pos, "%s of account %s", id, g.owner)
		} else {
			i.Comment(g.Pos, "%s", id)
		}
		i.Group(id, "", g.Group)
		for dir := range g.rules {
			i.placeRules(id, g, policy.Direction(dir))
		}
	}
}

// placeRules gives the rules of a direction to the draft, in blocks that have all but peers
// and their descriptions in common.
func (i *importer) placeRules(id string, g *group, dir policy.Direction) {
	var blocks [][]rule
	type alike struct {
		policy.Protocol
		from, to int
		tags     string
	}
	index := map[alike]int{}
	for _, r := range g.rules[dir] {
		key := alike{r.Protocol, r.From, r.To, ""}
		if len(r.Tags) > 0 {
			key.tags = fmt.Sprint(r.Tags)
		}
		at, there := index[key]
		if !there {
			at = len(blocks)
			index[key], blocks = at, append(blocks, nil)
		}
		blocks[at] = append(blocks[at], r)
	}
	taken := map[policy.Pos]bool{}
	for _, b := range blocks {
		pos := b[0].block
		if taken[pos] { // of a permission whose rules have different tags
			pos = b[0].Peer.Pos
		}
		taken[pos] = true
		i.placeBlock(id, g, dir, b, pos)
	}
}

// peerName is a peer in words, before IDs have become names.
func (i *importer) peerName(p *policy.Peer) string {
	if g := i.groups[p.Name]; p.Kind == policy.PeerGroup && g != nil {
		return cmp.Or(g.Name, p.Name)
	}
	if l := i.lists[p.Name]; p.Kind == policy.PeerPrefixList && l != nil {
		return cmp.Or(l.Name, p.Name)
	}
	return cmp.Or(p.Name, p.CIDR.String())
}

func (i *importer) placeBlock(id string, g *group, dir policy.Direction, b []rule,
	pos policy.Pos) {
	same := true
	for _, r := range b {
		same = same && r.Description == b[0].Description
	}
	rules := make([]policy.Rule, len(b))
	for j, r := range b {
		r.Pos = pos
		r.Peer.Described = !same && r.Description != ""
		rules[j] = r.Rule
		switch {
		case r.id != "" && len(b) == 1:
			i.Comment(pos, "%s", r.id)
		case r.id != "":
			i.Comment(pos, "%s %s", r.id, i.peerName(&r.Peer))
		}
		if r.late && g.described {
			i.Lost(pos, "the two answers are of different times, or one was edited: fetch both again",
				"%s is not in the answer of describe-security-groups", cmp.Or(r.id, r.String()))
		}
	}
	i.Rules(id, dir, rules...)
}
