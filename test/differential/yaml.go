package differential

import (
	"fmt"
	"net/netip"
	"strings"

	"sgfw/test/naive"
)

// Text is the policy as the policy file says it. settings is put behind the
// settings that it has itself, such as "queues: { count: 1 }"; "" for none.
func Text(p *naive.Policy, settings string) string {
	var b strings.Builder
	b.WriteString("version: 1\nquotas: { rules_per_security_group: 150 }\nprefix_lists:\n")
	for _, l := range p.Lists {
		fmt.Fprintf(&b, "  - name: %s\n    entries:\n", l.Name)
		for _, e := range l.Entries {
			fmt.Fprintf(&b, "      - { cidr: %q }\n", e)
		}
	}
	b.WriteString("security_groups:\n")
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "  - name: %s\n    description: A group of a trial\n", g.Name)
		for d, rules := range g.Rules {
			if len(rules) == 0 {
				fmt.Fprintf(&b, "    %s: []\n", naive.Direction(d))
				continue
			}
			fmt.Fprintf(&b, "    %s:\n", naive.Direction(d))
			for _, r := range rules {
				fmt.Fprintf(&b, "      - { %s }\n", ruleText(g.Name, r))
			}
		}
	}
	b.WriteString(aclText(p.ACLs))
	b.WriteString("interfaces:\n")
	for _, n := range p.Interfaces {
		mode := "host"
		if n.Guest {
			mode = "guest"
		}
		fmt.Fprintf(&b, "  - device: %q\n    mode: %s\n    security_groups: [%s]\n", n.Device, mode,
			strings.Join(n.Groups, ", "))
		if len(n.Addresses) > 0 {
			fmt.Fprintf(&b, "    addresses: %s\n", addressList(n.Addresses, n.Prefixes...))
		}
		if n.ACL != "" {
			fmt.Fprintf(&b, "    network_acl: %s\n", n.ACL)
		}
		if n.Wire {
			b.WriteString("    view: wire\n")
		}
		if n.Scope != "" {
			fmt.Fprintf(&b, "    scope: %s\n", n.Scope)
		}
		if n.Guest {
			fmt.Fprintf(&b, "    source_dest_check: %t\n", n.Check)
		}
		fmt.Fprintf(&b, "    connection_tracking: { tcp_established_timeout: %.0f, "+
			"tcp_half_closed_timeout: %.0f, udp_timeout: %.0f, udp_stream_timeout: %.0f }\n",
			n.Established.Seconds(), n.HalfClosed.Seconds(), n.UDP.Seconds(), n.Stream.Seconds())
	}
	if len(p.Remotes) > 0 {
		b.WriteString("peers:\n")
	}
	for _, n := range p.Remotes {
		fmt.Fprintf(&b, "  - { name: %s, addresses: %s, security_groups: [%s] }\n", n.Name,
			addressList(n.Addresses), strings.Join(n.Groups, ", "))
	}
	var set []string
	if p.RulesForErrors {
		set = append(set, "icmp_errors: rules")
	}
	if p.AsAWS {
		set = append(set, "tracking: aws")
	}
	var exempt, cut []string
	for _, x := range p.Exempt {
		exempt = append(exempt, strings.TrimPrefix(string(x), "exempt-"))
	}
	for _, l := range p.Cut {
		cut = append(cut, l+": false")
	}
	if len(exempt) > 0 {
		set = append(set, "exempt: ["+strings.Join(exempt, ", ")+"]")
	}
	if len(cut) > 0 {
		set = append(set, "failsafe: { "+strings.Join(cut, ", ")+" }")
	}
	if settings != "" {
		set = append(set, settings)
	}
	if len(set) > 0 {
		fmt.Fprintf(&b, "settings: { %s }\n", strings.Join(set, ", "))
	}
	return b.String()
}

// ruleText is the inside of a rule's braces, in the group of that name.
func ruleText(own string, r naive.Rule) string {
	protocol := map[int]string{naive.TCP: "tcp", naive.UDP: "udp", naive.ICMP: "icmp",
		naive.ICMPv6: "icmpv6"}[r.Protocol]
	if protocol == "" {
		protocol = fmt.Sprint(r.Protocol)
	}
	text := "protocol: " + protocol
	switch r.Protocol {
	case naive.TCP, naive.UDP, naive.ICMP, naive.ICMPv6:
		text += fmt.Sprintf(", from_port: %d, to_port: %d", r.From, r.To)
	}
	switch {
	case r.CIDR.IsValid() && r.CIDR.Addr().Is4():
		text += fmt.Sprintf(", cidr_blocks: [%q]", r.CIDR)
	case r.CIDR.IsValid():
		text += fmt.Sprintf(", ipv6_cidr_blocks: [%q]", r.CIDR)
	case r.List != "":
		text += fmt.Sprintf(", prefix_lists: [%s]", r.List)
	case r.Group == own:
		text += ", self: true"
	default:
		text += fmt.Sprintf(", security_groups: [%s]", r.Group)
	}
	return text
}

func addressList(list []netip.Addr, prefixes ...netip.Prefix) string {
	var quoted []string
	for _, a := range list {
		quoted = append(quoted, fmt.Sprintf("%q", a))
	}
	for _, p := range prefixes {
		quoted = append(quoted, fmt.Sprintf("%q", p))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
