package nftables

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/member"
)

// Export writes a policy as a ruleset for nft -f: a table of its own, which replaces the one of
// an export before. It filters the devices of the policy as sgfw does, with the kernel's
// connection tracking. What it cannot say is a notice, or an error where it would let more
// through.
func Export(p *policy.Policy) ([]byte, policy.Problems) {
	x := &exporter{p: p, members: member.Resolve(p, member.Facts{}), sets: map[string]string{},
		names: map[string]bool{}}
	x.refuse()
	if err := x.found.Problems().Err(); err != nil {
		return nil, x.found.Problems()
	}
	x.hooks()
	problems := x.found.Problems()
	problems.Sort()
	if problems.Err() != nil {
		return nil, problems
	}
	return []byte(x.text()), problems
}

// tableName is what the table is called.
const tableName = "security_groups"

// exporter writes a ruleset.
type exporter struct {
	p       *policy.Policy
	found   policy.Collector
	members *member.Membership
	sets    map[string]string // names of sets by what they are of
	names   map[string]bool   // that are taken
	setText strings.Builder
	chains  strings.Builder
}

func (x *exporter) notice(pos policy.Pos, hint, format string, a ...any) {
	x.found.Add(policy.Problem{Pos: pos, Severity: policy.SeverityNotice, Hint: hint,
		Message: fmt.Sprintf(format, a...)})
}

// refuse reports what a ruleset would do otherwise.
func (x *exporter) refuse() {
	if len(x.p.Interfaces) == 0 {
		x.found.Add(policy.Problem{Message: "no device has groups, so nothing would be filtered",
			Hint: "write interfaces, or --attach eth0=GROUP"})
	}
	attached := map[string]bool{}
	live := map[string]bool{} // groups with members of which the policy lists no addresses
	for i := range x.p.Interfaces {
		n := &x.p.Interfaces[i]
		if n.View == policy.ViewWire {
			x.found.Add(policy.Problem{Pos: n.Pos, Hint: "view: local",
				Message: n.Device + " is judged as on the wire, which this ruleset cannot"})
		}
		if n.NetworkACL != "" {
			x.found.Add(policy.Problem{Pos: n.Pos, Hint: "take network_acl out to export the groups alone",
				Message: fmt.Sprintf("%s has network ACL %q, which this ruleset has no words for", n.Device,
					n.NetworkACL)})
		}
		if n.Timeouts != policy.DefaultTimeouts {
			x.notice(n.Pos, "sysctl net.netfilter.nf_conntrack_*",
				"the idle timeouts of %s are left out: the kernel has its own", n.Device)
		}
		x.device(n)
		for _, g := range n.Groups {
			attached[g] = true
			live[g] = live[g] || !n.Listed()
		}
	}
	for i := range x.p.Groups {
		g := &x.p.Groups[i]
		if !attached[g.Name] && !g.Default {
			x.notice(g.Pos, "", "group %q is left out: no device has it", g.Name)
		}
		for _, rules := range [][]policy.Rule{g.Ingress, g.Egress} {
			for _, r := range rules {
				if r.Peer.Kind == policy.PeerGroup && live[r.Peer.Name] && attached[g.Name] {
					x.notice(r.Pos, "list them: addresses of the interface",
						"a device has group %q whose addresses the policy does not list: as peers they "+
							"are left out", r.Peer.Name)
				}
			}
		}
	}
	if x.p.Settings.Exempt != 0 {
		x.notice(policy.Pos{}, "allow them by rules", "what settings.exempt names is left out")
	}
	if x.p.Settings.Preset != policy.NoPreset {
		x.notice(policy.Pos{}, "", "all flows are tracked, whatever the preset says")
	}
}

// device refuses names of devices that nft has no words for.
func (x *exporter) device(n *policy.Interface) {
	hint, what := "", ""
	switch {
	case strings.Contains(n.Device, `"`):
		what = "has a quotation mark, for which nft has no words"
	case strings.HasSuffix(n.Device, `\*`):
		what, hint = "ends with \\*, which nft takes for a star", "a pattern that ends earlier"
	case len(strings.TrimSuffix(n.Device, "*")) > policy.MaxDeviceName:
		what, hint = "is an altname, by which the kernel's rules know no device", "write its name"
	default:
		return
	}
	x.found.Add(policy.Problem{Pos: n.Pos, Hint: hint,
		Message: fmt.Sprintf("device %q %s", n.Device, what)})
}

// name is a name that nft takes and that is not taken. The first word of s has to begin with
// a letter.
func (x *exporter) name(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
	clean = clean[:min(len(clean), 100)]
	name := clean
	for i := 2; x.names[name]; i++ {
		name = fmt.Sprintf("%s_%d", clean, i)
	}
	x.names[name] = true
	return name
}

// set is the name of a set of prefixes of a family. Its first letters keep it apart from the
// words of nft.
func (x *exporter) set(what, name string, f policy.Family, of []netip.Prefix) string {
	key := what + f.String() + name
	if known, there := x.sets[key]; there {
		return known
	}
	kind, suffix := "ipv4_addr", "_4"
	if f == policy.IPv6 {
		kind, suffix = "ipv6_addr", "_6"
	}
	id := x.name(what + "_" + name + suffix)
	x.sets[key] = id
	fmt.Fprintf(&x.setText, "\n\t# %s %s\n\tset %s {\n\t\ttype %s\n\t\tflags interval\n"+
		"\t\tauto-merge\n", what, oneLine(name), id, kind)
	var elements []string
	for _, c := range of {
		if policy.FamilyOf(c) == f {
			elements = append(elements, c.String())
		}
	}
	if len(elements) > 0 {
		fmt.Fprintf(&x.setText, "\t\telements = {\n\t\t\t%s\n\t\t}\n",
			strings.Join(elements, ",\n\t\t\t"))
	}
	x.setText.WriteString("\t}\n")
	return id
}

// oneLine is a text that ends no comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// rule is the conditions of a rule, empty for one that matches nothing; several lines where
// it has peers of both families.
func (x *exporter) rule(r *policy.Rule, dir policy.Direction) (lines []string) {
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		if r.Protocol == policy.ICMP && f == policy.IPv6 ||
			r.Protocol == policy.ICMPv6 && f == policy.IPv4 {
			continue
		}
		peer := x.peer(r.Peer, f, dir)
		if peer == "" {
			continue
		}
		what := ""
		switch {
		case r.Protocol == policy.AllProtocols:
		case r.Protocol.HasPorts() && r.From == r.To:
			what = fmt.Sprintf(" %s dport %d", r.Protocol, r.From)
		case r.Protocol.HasPorts():
			what = fmt.Sprintf(" %s dport %d-%d", r.Protocol, r.From, r.To)
		case r.Protocol.IsICMP() && r.From >= 0:
			what = fmt.Sprintf(" %s type %d", r.Protocol, r.From)
			if r.To >= 0 {
				what += fmt.Sprintf(" %s code %d", r.Protocol, r.To)
			}
		default:
			what = fmt.Sprintf(" meta l4proto %d", int(r.Protocol))
		}
		lines = append(lines, peer+what)
	}
	return lines
}

// peer is the condition on the peer in a family, empty if it has nobody there.
func (x *exporter) peer(p policy.Peer, f policy.Family, dir policy.Direction) string {
	field := "ip"
	if f == policy.IPv6 {
		field = "ip6"
	}
	if field += " saddr "; dir == policy.Egress {
		field = strings.Replace(field, "saddr", "daddr", 1)
	}
	switch p.Kind {
	case policy.PeerCIDR:
		switch {
		case policy.FamilyOf(p.CIDR) != f:
			return ""
		case p.CIDR == policy.AnyIPv4:
			return "meta nfproto ipv4"
		case p.CIDR == policy.AnyIPv6:
			return "meta nfproto ipv6"
		}
		return field + p.CIDR.String()
	case policy.PeerPrefixList:
		i := slices.IndexFunc(x.p.PrefixLists,
			func(l policy.PrefixList) bool { return l.Name == p.Name })
		if i < 0 {
			return ""
		}
		var of []netip.Prefix
		for _, e := range x.p.PrefixLists[i].Entries {
			of = append(of, e.CIDR)
		}
		if only, _ := x.p.PrefixLists[i].FamilyOf(); only != 0 && only != f ||
			only == 0 && f == policy.IPv6 {
			return ""
		}
		return field + "@" + x.set("list", p.Name, f, of)
	}
	return field + "@" + x.set("members", p.Name, f, x.members.Addresses(p.Name))
}
