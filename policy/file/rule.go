package file

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

const mappingNode = yaml.MappingNode

// rules reads the rules of one direction of a group.
func (d *decoder) rules(n *node, group string, dir policy.Direction) []policy.Rule {
	var rules []policy.Rule
	for i, item := range d.items(n, dir.String()) {
		rules = d.block(rules, item, group, i)
	}
	return rules
}

// block appends the rules of one block: one for each peer (R8).
func (d *decoder) block(rules []policy.Rule, n *node, group string, index int) []policy.Rule {
	f, ok := d.mapping(n, "a rule", ruleKeys)
	if !ok {
		return rules
	}
	shared := policy.Rule{Index: index, Description: d.description(f["description"]), Pos: d.part(n)}
	protocol := f["protocol"]
	switch {
	case protocol == nil:
		d.errorAt(shared.Pos, policy.InvalidParameterValue,
			"tcp, udp, icmp, icmpv6, a number 0 to 255, or -1 for all", "the rule has no protocol")
		ok = false
	case unusable(protocol):
		ok = false
	case protocol.Kind != yaml.ScalarNode:
		d.invalid(protocol, "one rule for each protocol; -1 for all",
			"protocol must be a name or a number, not %s", describe(protocol))
		ok = false
	default:
		var bad *policy.Problem
		if shared.Protocol, bad = policy.ParseProtocol(protocol.Value); bad != nil {
			bad.Pos = d.at(protocol)
			d.found.Add(*bad)
			ok = false
		}
	}
	if ok {
		shared.From, shared.To, ok = d.span(f, shared.Protocol, shared.Pos)
	}
	peers := d.peers(f, group, shared.Pos)
	if !ok {
		return rules
	}
	rules = slices.Grow(rules, len(peers))
	for _, peer := range peers {
		shared.Peer = peer
		rules = append(rules, shared)
	}
	return rules
}

// span reads what a rule says about ports, or type and code; their ranges are for
// validation to check. What is left out has the code that AWS gives, which is not
// MissingParameter.
func (d *decoder) span(f fields, p policy.Protocol, pos policy.Pos) (from, to int, ok bool) {
	ports, fromNode, toNode := f["ports"], f["from_port"], f["to_port"]
	if ports != nil && (fromNode != nil || toNode != nil) {
		d.errorAt(d.at(ports), policy.InvalidParameterCombination,
			"ports is short for from_port and to_port; keep one form",
			"ports stands beside from_port or to_port")
		return 0, 0, false
	}
	if ports != nil && p.IsICMP() {
		d.errorAt(d.at(ports), policy.InvalidParameterCombination,
			"the type goes under from_port, the code under to_port, -1 for all",
			"%s has no ports", p)
		return 0, 0, false
	}
	given := func() (int, int, bool) {
		if ports != nil {
			return d.portRange(ports)
		}
		from, ok := d.number(fromNode, "from_port")
		to, good := d.number(toNode, "to_port")
		return from, to, ok && good
	}
	none, both := ports == nil && fromNode == nil && toNode == nil, ports != nil || fromNode != nil &&
		toNode != nil
	switch {
	case none && p.HasPorts():
		d.errorAt(pos, policy.InvalidParameterValue,
			"such as ports: 443 or ports: 8000-9000; all ports are 0-65535", "%s needs ports", p)
		return 0, 0, false
	case none && p == policy.ICMP:
		d.errorAt(pos, policy.InvalidParameterValue,
			"from_port: 8 and to_port: -1 is echo request; -1 and -1 is everything",
			"icmp needs from_port (the type) and to_port (the code)")
		return 0, 0, false
	case none:
		return -1, -1, true
	case (p.HasPorts() || p.IsICMP()) && !both:
		missing := "from_port"
		if fromNode != nil {
			missing = "to_port"
		}
		d.errorAt(pos, policy.InvalidParameterValue, "from_port and to_port go together",
			"the rule has no %s", missing)
		return 0, 0, false
	case p.HasPorts() || p.IsICMP():
		return given()
	}
	// AWS silently ignores ports of a protocol that has none. There is no notice either
	// for all ports, which other tools require there.
	if both {
		if from, to, ok = given(); !ok {
			return 0, 0, false
		}
		if !(from <= 0 && (to == from || to == policy.MaxPort)) {
			d.notice(f, "leave the ports out",
				"ports are ignored: protocol "+p.String()+" is allowed as a whole")
		}
	}
	return -1, -1, true
}

func (d *decoder) notice(f fields, hint, message string) {
	for _, key := range []string{"ports", "from_port", "to_port"} {
		if n := f[key]; n != nil {
			d.found.Add(policy.Problem{Pos: d.at(n), Severity: policy.SeverityNotice, Message: message,
				Hint: hint})
			return
		}
	}
}

var portRange = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})$`)

// portRange reads the short form: one port, or two with a dash between.
func (d *decoder) portRange(n *node) (from, to int, ok bool) {
	if n.Kind == yaml.SequenceNode {
		d.invalid(n, "write one rule for each port or range",
			"ports must be one port or one range, not a list")
		return 0, 0, false
	}
	if unusable(n) || n.Kind != yaml.ScalarNode {
		v, ok := d.number(n, "ports")
		return v, v, ok
	}
	if m := portRange.FindStringSubmatch(n.Value); m != nil {
		from, _ = strconv.Atoi(m[1])
		to, _ = strconv.Atoi(m[2])
		return from, to, true
	}
	if decimal.MatchString(n.Value) && len(n.Value) <= maxDigits {
		v, err := strconv.Atoi(n.Value)
		return v, v, err == nil
	}
	d.invalid(n, "such as 443 or 8000-9000; all ports are 0-65535; one rule for each range",
		"ports must be one port or one range, not %s", describe(n))
	return 0, 0, false
}

// peers reads the far sides of a block, at least one.
func (d *decoder) peers(f fields, group string, pos policy.Pos) []policy.Peer {
	room := 1
	for _, key := range []string{"cidr_blocks", "ipv6_cidr_blocks", "prefix_lists",
		"security_groups"} {
		if f[key] != nil {
			room += len(f[key].Content)
		}
	}
	peers := make([]policy.Peer, 0, room)
	// A key with a value means to name peers, even if none of them is valid.
	named := false
	items := func(key string) []*node {
		items, ok := d.list(f[key], key)
		named = named || !ok || len(items) > 0
		return items
	}
	for _, c := range []struct {
		key, other string
		family     policy.Family
	}{{"cidr_blocks", "ipv6_cidr_blocks", policy.IPv4},
		{"ipv6_cidr_blocks", "cidr_blocks", policy.IPv6}} {
		for _, n := range items(c.key) {
			cidr, ok := d.cidr(n, "each of "+c.key)
			if !ok {
				continue
			}
			if f := policy.FamilyOf(cidr); f != c.family {
				d.invalid(n, "it goes under "+c.other, "%s is %s", cidr, f)
				continue
			}
			peers = append(peers, policy.Peer{Kind: policy.PeerCIDR, CIDR: cidr, Pos: d.at(n)})
		}
	}
	for _, c := range []struct {
		key  string
		kind policy.PeerKind
	}{{"prefix_lists", policy.PeerPrefixList}, {"security_groups", policy.PeerGroup}} {
		for _, n := range items(c.key) {
			if name, ok := d.text(n, "each of "+c.key); ok {
				peers = append(peers, policy.Peer{Kind: c.kind, Name: name, Pos: d.at(n)})
			}
		}
	}
	self, ok := d.truth(f["self"], "self")
	if self {
		peers = append(peers, policy.Peer{
			Kind: policy.PeerGroup, Name: group, Self: true, Pos: d.at(f["self"])})
	}
	if !named && !self && ok {
		d.errorAt(pos, policy.MissingParameter,
			"add cidr_blocks, ipv6_cidr_blocks, prefix_lists, security_groups or self: true",
			"the rule has no peer")
	}
	return peers
}

// cidr reads a CIDR and adds a notice when it was not canonical (R16).
func (d *decoder) cidr(n *node, key string) (netip.Prefix, bool) {
	s, ok := d.plainText(n, key)
	if !ok {
		return netip.Prefix{}, false
	}
	cidr, bad := policy.ParseCIDR(s)
	if bad != nil {
		bad.Pos = d.at(n)
		d.found.Add(*bad)
		return cidr, false
	}
	if written, err := netip.ParsePrefix(s); err == nil && written != cidr {
		d.found.Add(policy.Problem{Pos: d.at(n), Severity: policy.SeverityNotice,
			Message: short(s) + " has host bits, read as " + cidr.String()})
	}
	return cidr, true
}
