package cloudformation

import (
	"strconv"
	"strings"

	"sgfw/policy"
)

// ruleProperties are those of a rule in a group, by direction; of the inbound one also those
// of networks before VPCs.
var ruleProperties = map[policy.Direction][]string{
	policy.Ingress: {"CidrIp", "CidrIpv6", "Description", "FromPort", "IpProtocol",
		"SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName",
		"SourceSecurityGroupOwnerId", "ToPort"},
	policy.Egress: {"CidrIp", "CidrIpv6", "Description", "DestinationPrefixListId",
		"DestinationSecurityGroupId", "FromPort", "IpProtocol", "ToPort"},
}

// resourceProperties are those of a rule that is a resource.
var resourceProperties = map[policy.Direction][]string{
	policy.Ingress: append([]string{"GroupId", "GroupName"}, ruleProperties[policy.Ingress]...),
	policy.Egress:  append([]string{"GroupId"}, ruleProperties[policy.Egress]...),
}

// rulesOf are the rules in a group: a list of objects, or one.
func (s *stack) rulesOf(v value, property string) []value {
	switch v.kind {
	case nothing:
		return nil
	case object:
		return []value{v}
	case unknown:
		s.unresolved(v.at, v, "", "%s", property)
		return nil
	case list:
	default:
		s.Errorf(v.at, "it takes a list of rules", "%s is %s", property, v)
		return nil
	}
	var rules []value
	for _, item := range v.items {
		switch item.kind {
		case object:
			rules = append(rules, item)
		case unknown:
			s.unresolved(item.at, item, "", "a rule of %s", property)
		default:
			s.Errorf(item.at, "a rule has IpProtocol, ports and a peer", "a rule of %s is %s", property,
				item)
		}
	}
	return rules
}

// rule reads a rule in a group.
func (s *stack) rule(v value, dir policy.Direction) (policy.Rule, bool) {
	f, ok := s.known(v, ruleProperties[dir])
	if !ok {
		return policy.Rule{}, false
	}
	return s.ruleOf(f, dir, v.at)
}

// ruleOf makes a rule of its properties. What is wrong is reported, all of it.
func (s *stack) ruleOf(f map[string]value, dir policy.Direction,
	at policy.Pos) (policy.Rule, bool) {
	r := policy.Rule{Pos: at, Description: s.line(at, f["Description"], "a description")}
	ok := s.ports(&r, f)
	peer, found := s.peer(f, dir, at)
	r.Peer = peer
	return r, ok && found
}

// ports reads protocol and ports.
func (s *stack) ports(r *policy.Rule, f map[string]value) bool {
	protocol := f["IpProtocol"]
	switch protocol.kind {
	case text:
	case nothing:
		s.Errorf(r.Pos, "tcp, udp, icmp, icmpv6, a number, or -1 for all", "the rule has no IpProtocol")
		return false
	case unknown:
		s.unresolved(protocol.at, protocol, "tcp", "IpProtocol")
		return false
	default:
		s.Errorf(protocol.at, "", "IpProtocol is %s", protocol)
		return false
	}
	var bad *policy.Problem
	if r.Protocol, bad = policy.ParseProtocol(protocol.text); bad != nil {
		s.Add(protocol.at, bad)
		return false
	}
	r.From, r.To = -1, -1
	if !r.Protocol.HasPorts() && !r.Protocol.IsICMP() {
		return true // AWS ignores ports
	}
	from, to := f["FromPort"], f["ToPort"]
	if r.Protocol == policy.ICMPv6 && from.kind == nothing && to.kind == nothing {
		return true
	}
	ok := true
	for _, end := range []struct {
		v    value
		name string
		into *int
	}{{from, "FromPort", &r.From}, {to, "ToPort", &r.To}} {
		switch n, err := strconv.Atoi(end.v.text); {
		case end.v.kind == nothing:
			hint := "all ports are FromPort 0 and ToPort 65535"
			if r.Protocol.IsICMP() {
				hint = "FromPort is the type and ToPort the code: -1 for all"
			}
			s.Errorf(r.Pos, hint, "the rule has no %s", end.name)
			ok = false
		case end.v.kind == unknown:
			s.unresolved(end.v.at, end.v, "80", "%s", end.name)
			ok = false
		case end.v.kind != text, err != nil, strconv.Itoa(n) != end.v.text:
			s.Errorf(end.v.at, "such as 443", "%s %s is no number", end.name, end.v)
			ok = false
		default:
			*end.into = n
		}
	}
	if !ok {
		return false
	}
	if bad := policy.CheckRange(r.Protocol, r.From, r.To); bad != nil {
		if bad.Field == "to_port" {
			s.Add(to.at, inTheirWords(bad))
		} else {
			s.Add(from.at, inTheirWords(bad))
		}
		return false
	}
	return true
}

// inTheirWords is a problem of ports with the names that CloudFormation has.
func inTheirWords(bad *policy.Problem) *policy.Problem {
	bad.Field = ""
	bad.Hint = strings.NewReplacer("from_port", "FromPort", "to_port", "ToPort",
		"`protocol: -1`", "IpProtocol -1").Replace(bad.Hint)
	return bad
}

// peers are the properties that say who is on the far side, by direction.
var peers = map[policy.Direction][]string{
	policy.Ingress: {"CidrIp", "CidrIpv6", "SourcePrefixListId", "SourceSecurityGroupId",
		"SourceSecurityGroupName"},
	policy.Egress: {"CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId"},
}

// peer reads the far side, of which a rule has one.
func (s *stack) peer(f map[string]value, dir policy.Direction, at policy.Pos) (policy.Peer, bool) {
	var named []string
	for _, name := range peers[dir] {
		if f[name].kind != nothing {
			named = append(named, name)
		}
	}
	if len(named) != 1 {
		hint := "one of " + strings.Join(peers[dir], ", ")
		if len(named) == 0 {
			s.Errorf(at, hint, "the rule names no peer")
		} else {
			s.Errorf(f[named[1]].at, "write a rule for each", "the rule has %s and %s", named[0], named[1])
		}
		return policy.Peer{}, false
	}
	v := f[named[0]]
	switch named[0] {
	case "CidrIp":
		return s.cidrPeer(v, named[0], policy.IPv4)
	case "CidrIpv6":
		return s.cidrPeer(v, named[0], policy.IPv6)
	case "SourcePrefixListId", "DestinationPrefixListId":
		return s.listPeer(v, named[0])
	}
	return s.groupPeer(v, named[0], f["SourceSecurityGroupOwnerId"])
}

func (s *stack) cidrPeer(v value, property string, family policy.Family) (policy.Peer, bool) {
	switch v.kind {
	case text:
	case unknown:
		s.unresolved(v.at, v, "CIDR", "%s", property)
		return policy.Peer{}, false
	default:
		s.Errorf(v.at, "one rule for each CIDR", "%s is %s", property, v)
		return policy.Peer{}, false
	}
	cidr, bad := policy.ParseCIDR(v.text)
	switch {
	case bad != nil:
		s.Add(v.at, bad)
		return policy.Peer{}, false
	case policy.FamilyOf(cidr) != family:
		other := map[policy.Family]string{policy.IPv4: "CidrIpv6", policy.IPv6: "CidrIp"}[family]
		s.Errorf(v.at, "write "+other, "%s %s is no CIDR of %s", property, v.text, family)
		return policy.Peer{}, false
	case cidr.String() != v.text:
		s.notice(v.at, "", "%s is read as %s, as AWS does", policy.Quote(v.text), cidr)
	}
	return policy.Peer{Kind: policy.PeerCIDR, CIDR: cidr, Pos: v.at}, true
}

func (s *stack) listPeer(v value, property string) (policy.Peer, bool) {
	p := policy.Peer{Kind: policy.PeerPrefixList, Name: v.text, Pos: v.at}
	switch {
	case v.kind == listRef:
	case v.kind == text && strings.HasPrefix(v.text, "pl-"):
	case v.kind == unknown && v.text != "":
		if !s.absent(v) {
			return p, false
		}
		s.Absent(v.text, v.at, "", v.why)
	case v.kind == unknown:
		s.unresolved(v.at, v, "pl-…", "%s", property)
		return p, false
	default:
		s.Errorf(v.at, "its ID begins with pl-, or !Ref names it", "%s is %s, no prefix list", property,
			v)
		return p, false
	}
	return p, true
}

func (s *stack) groupPeer(v value, property string, owner value) (policy.Peer, bool) {
	p := policy.Peer{Kind: policy.PeerGroup, Name: v.text, Pos: v.at}
	foreign := ""
	if owner.kind == text && owner.text != s.vars["AWS::AccountId"] {
		foreign = owner.text
	}
	switch {
	case v.kind == groupRef:
	case v.kind == text && property == "SourceSecurityGroupName":
		g := s.groupNamed(v.text)
		switch {
		case foreign == "" && g != nil:
			p.Name = g.key
		case s.byKey[v.text] != nil || v.text == "":
			s.notGroup(v, property)
			return p, false
		default:
			return p, s.foreign(v, foreign)
		}
	case v.kind == text && !strings.HasPrefix(v.text, "sg-"):
		s.notGroup(v, property)
		return p, false
	case v.kind == text, v.kind == unknown && v.text != "":
		return p, s.byKey[v.text] != nil || s.foreign(v, foreign)
	case v.kind == unknown:
		s.unresolved(v.at, v, "sg-…", "%s", property)
		return p, false
	default:
		s.Errorf(v.at, "!Ref names a group of the template", "%s is %s, no group", property, v)
		return p, false
	}
	return p, true
}

// foreign adds a list in place of a group that is not here, unless there are too many.
func (s *stack) foreign(v value, owner string) bool {
	if !s.absent(v) {
		return false
	}
	why, name := v.why, ""
	if why == "" {
		why = "the group is not here"
	}
	if owner != "" {
		why = "the group is of account " + owner
		name = owner + "/" + v.text
	}
	s.Absent(v.text, v.at, name, why)
	return true
}

// maxAbsent bounds the groups and lists that rules name and that are not here: AWS has fewer
// in an account.
const maxAbsent = 10_000

// absent counts what is not here, each once, and reports whether it is not too many.
func (s *stack) absent(v value) bool {
	if s.once("absent " + v.text) {
		s.missing++
		if s.missing == maxAbsent+1 {
			s.Errorf(v.at, "", "rules name more than %d groups and lists that are not here", maxAbsent)
		}
	}
	return s.missing <= maxAbsent
}
