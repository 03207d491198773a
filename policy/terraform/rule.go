package terraform

import (
	"net/netip"
	"strings"

	"sgfw/policy"
)

// protocolOf reads the protocol of a rule.
func (t *translator) protocolOf(f field, name string, at policy.Pos) (policy.Protocol, bool) {
	if !f.set() {
		t.errorf(at, "tcp, udp, icmp, icmpv6, a number 0 to 255, or -1", "the rule has no %s", name)
		return 0, false
	}
	s, known := textOf(f.v)
	if !known {
		t.unresolved(f, name)
		return 0, false
	}
	p, bad := policy.ParseProtocol(strings.ToLower(s))
	if bad != nil {
		t.Add(f.pos, bad)
		return 0, false
	}
	return p, true
}

// ports reads ports, or type and code. Inline blocks need zeros for all protocols (D5);
// elsewhere AWS ignores what is written there.
func (t *translator) ports(p policy.Protocol, from, to field, strict bool,
	at policy.Pos) (a, b int, ok bool) {
	begin, good := t.number(from, "from_port")
	end, fine := t.number(to, "to_port")
	if from.set() && !good || to.set() && !fine {
		return 0, 0, false
	}
	switch {
	case p == policy.AllProtocols && strict && (begin != 0 || end != 0):
		t.errorf(from.pos, "write 0 and 0", "from_port (%d) and to_port (%d) must both be 0 to use "+
			"the ALL \"-1\" protocol", begin, end)
		return 0, 0, false
	case p.HasPorts() || p == policy.ICMP || p == policy.ICMPv6 && (good || fine):
		if !good || !fine {
			missing, what := "from_port", "from_port and to_port go together"
			if good {
				missing = "to_port"
			}
			if p.IsICMP() {
				what = "from_port is the type, to_port the code, -1 for all"
			}
			t.errorf(at, what, "the rule has no %s", missing)
			return 0, 0, false
		}
		if bad := policy.CheckRange(p, begin, end); bad != nil {
			pos := from.pos
			if bad.Field == "to_port" {
				pos = to.pos
			}
			t.Add(pos, bad)
			return 0, 0, false
		}
		return begin, end, true
	case good && fine && (begin > 0 || begin != end && end != policy.MaxPort):
		t.Lost(at, "leave the ports out", "ports are ignored: protocol %s is allowed as a whole", p)
	}
	return -1, -1, true
}

// cidr reads a CIDR of a family.
func (t *translator) cidr(i item, name string, family policy.Family) (netip.Prefix, bool) {
	if mixed(i.text) {
		t.errorf(i.pos, "", "%s has an ID in it: %s", name, short(shown(i.text)))
		return netip.Prefix{}, false
	}
	cidr, bad := policy.ParseCIDR(i.text)
	if bad != nil {
		t.Add(i.pos, bad)
		return cidr, false
	}
	if f := policy.FamilyOf(cidr); family != 0 && f != family {
		t.errorf(i.pos, "", "%s is %s, which does not go under %s", cidr, f, name)
		return cidr, false
	}
	if written, err := netip.ParsePrefix(i.text); err == nil && written != cidr {
		t.notice(i.pos, "", "%s has host bits, read as %s", i.text, cidr)
	}
	return cidr, true
}

// peers are those of a list of texts.
func (t *translator) peers(f field, name string, kind policy.PeerKind,
	family policy.Family) (out []policy.Peer, ok bool) {
	items, ok := t.list(f, name)
	for _, i := range items {
		p, good := t.peer(i, name, kind, family)
		ok = ok && good
		if good {
			out = append(out, p)
		}
	}
	return out, ok
}

// peer is that of a text.
func (t *translator) peer(i item, name string, kind policy.PeerKind,
	family policy.Family) (policy.Peer, bool) {
	p := policy.Peer{Kind: kind, Pos: i.pos}
	if kind == policy.PeerCIDR {
		cidr, ok := t.cidr(i, name, family)
		p.CIDR = cidr
		return p, ok
	}
	if i.text == "" || mixed(i.text) && address(i.text) == "" {
		t.errorf(i.pos, "", "%s: %s is no ID", name, describe(cty2(i.text)))
		return p, false
	}
	p.Name = t.peerKey(i.text, kind == policy.PeerPrefixList, i.pos)
	return p, true
}

// lists are the arguments that hold peers in lists.
var lists = []struct {
	name   string
	kind   policy.PeerKind
	family policy.Family
}{
	{"cidr_blocks", policy.PeerCIDR, policy.IPv4},
	{"ipv6_cidr_blocks", policy.PeerCIDR, policy.IPv6},
	{"prefix_list_ids", policy.PeerPrefixList, 0},
	{"security_groups", policy.PeerGroup, 0},
}

// listed are the peers of all lists of a rule, and of self.
func (t *translator) listed(fields map[string]field, key string, at policy.Pos) ([]policy.Peer,
	bool) {
	var peers []policy.Peer
	ok, written := true, false
	for _, l := range lists {
		f := fields[l.name]
		written = written || f.set()
		more, good := t.peers(f, l.name, l.kind, l.family)
		peers, ok = append(peers, more...), ok && good
	}
	self, good := t.truth(fields["self"], "self")
	ok = ok && good
	if self {
		peers = append(peers, policy.Peer{Kind: policy.PeerGroup, Name: key, Self: true,
			Pos: fields["self"].pos})
	}
	if source := fields["source_security_group_id"]; source.set() {
		written = true
		s, known := textOf(source.v)
		if !known {
			t.unresolved(source, "source_security_group_id")
			return nil, false
		}
		p, good := t.peer(item{s, source.pos}, "source_security_group_id", policy.PeerGroup, 0)
		peers, ok = append(peers, p), ok && good
	}
	switch {
	case len(peers) > 0 || !ok:
	case written:
		t.Lost(at, "", "the rule is left out: its lists of peers are empty")
	default:
		t.errorf(at, "add cidr_blocks, ipv6_cidr_blocks, prefix_list_ids, security groups or self",
			"the rule has no peer")
		ok = false
	}
	return peers, ok
}

// add adds a rule for each peer to a group.
func (t *translator) addRules(key string, d policy.Direction, shared policy.Rule,
	peers []policy.Peer) {
	t.room(shared.Pos, len(peers))
	rules := make([]policy.Rule, len(peers))
	for i, p := range peers {
		rules[i] = shared
		rules[i].Peer = p
	}
	t.Rules(key, d, rules...)
}

// inline takes a block in a group.
func (t *translator) inline(key string, d policy.Direction, p part) {
	t.rule(key, d, p.fields, p.pos, true)
}

// rule takes what a block or a rule resource says.
func (t *translator) rule(key string, d policy.Direction, fields map[string]field, at policy.Pos,
	strict bool) {
	rule := policy.Rule{Pos: at, Description: t.description(fields["description"], at)}
	var ok bool
	if rule.Protocol, ok = t.protocolOf(fields["protocol"], "protocol", at); ok {
		rule.From, rule.To, ok = t.ports(rule.Protocol, fields["from_port"], fields["to_port"],
			strict, at)
	}
	peers, good := t.listed(fields, key, at)
	if ok && good {
		t.addRules(key, d, rule, peers)
	}
}

// groupRule takes an aws_security_group_rule.
func (t *translator) groupRule(r *record) {
	kind, known := textOf(r.fields["type"].v)
	d := policy.Ingress
	switch {
	case !r.fields["type"].set():
		t.errorf(r.pos, "ingress or egress", "the rule has no type")
		return
	case !known:
		t.unresolved(r.fields["type"], "type")
		return
	case kind == "egress":
		d = policy.Egress
	case kind != "ingress":
		t.errorf(r.fields["type"].pos, "ingress or egress", "type cannot be %s",
			describe(cty2(kind)))
		return
	}
	if key, ok := t.target(r.fields["security_group_id"], r); ok {
		t.rule(key, d, r.fields, r.pos, false)
	}
}

// vpcRule takes an aws_vpc_security_group_ingress_rule or egress_rule: one peer each.
func (t *translator) vpcRule(r *record, d policy.Direction) {
	rule := policy.Rule{Pos: r.pos, Description: t.description(r.fields["description"], r.pos),
		Tags: t.tags(r.fields["tags"])}
	var ok bool
	if rule.Protocol, ok = t.protocolOf(r.fields["ip_protocol"], "ip_protocol", r.pos); ok {
		rule.From, rule.To, ok = t.ports(rule.Protocol, r.fields["from_port"], r.fields["to_port"],
			false, r.pos)
	}
	key, good := t.target(r.fields["security_group_id"], r)
	ok = ok && good
	var peers []policy.Peer
	for _, one := range []struct {
		name   string
		kind   policy.PeerKind
		family policy.Family
	}{
		{"cidr_ipv4", policy.PeerCIDR, policy.IPv4}, {"cidr_ipv6", policy.PeerCIDR, policy.IPv6},
		{"prefix_list_id", policy.PeerPrefixList, 0},
		{"referenced_security_group_id", policy.PeerGroup, 0},
	} {
		f := r.fields[one.name]
		if !f.set() {
			continue
		}
		s, known := textOf(f.v)
		if !known {
			t.unresolved(f, one.name)
			ok = false
			continue
		}
		p, good := t.peer(item{s, f.pos}, one.name, one.kind, one.family)
		peers, ok = append(peers, p), ok && good
	}
	if ok && len(peers) != 1 {
		t.errorf(r.pos, "one of cidr_ipv4, cidr_ipv6, prefix_list_id, referenced_security_group_id",
			"the rule has %d peers instead of one", len(peers))
		return
	}
	if ok {
		t.addRules(key, d, rule, peers)
	}
}
