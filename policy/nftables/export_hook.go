package nftables

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
)

// hooks writes the chains.
func (x *exporter) hooks() {
	// Of several entries that name a device, the first one in this order governs it.
	order := make([]*policy.Interface, len(x.p.Interfaces))
	for i := range x.p.Interfaces {
		order[i] = &x.p.Interfaces[i]
	}
	slices.SortStableFunc(order, func(a, b *policy.Interface) int {
		return cmp.Or(policy.CompareDevices(a.Device, b.Device), cmp.Compare(a.Device, b.Device))
	})
	var from, to, safeIn, safeOut strings.Builder
	made := map[string]string{}
	for _, n := range order {
		in, out := policy.Ingress, policy.Egress
		if n.Mode == policy.ModeGuest { // what comes from it is its egress
			in, out = out, in
		}
		fmt.Fprintf(&from, "\t\t%sgoto %s\n", onDevice("iifname", n), x.check(made, n, in))
		fmt.Fprintf(&to, "\t\t%sgoto %s\n", onDevice("oifname", n), x.check(made, n, out))
		x.failsafes(&safeIn, "iifname", n, in)
		x.failsafes(&safeOut, "oifname", n, out)
	}
	x.chains.WriteString("\n\t# What comes from a device, and what goes to one.\n")
	fmt.Fprintf(&x.chains, "\tchain from {\n\t\tiifname \"lo\" return\n%s\t}\n\n\tchain to {\n"+
		"\t\toifname \"lo\" return\n%s\t}\n", from.String(), to.String())
	const base = "\n\tchain %s {\n\t\ttype filter hook %s priority filter; policy accept;\n%s\t}\n"
	fmt.Fprintf(&x.chains, base, "incoming", "input", safeIn.String()+"\t\tjump from\n")
	fmt.Fprintf(&x.chains, base, "forwarded", "forward", "\t\tjump from\n\t\tjump to\n")
	fmt.Fprintf(&x.chains, base, "outgoing", "output", safeOut.String()+"\t\tjump to\n")
}

// onDevice is the condition that a packet is of a device, empty for all of them.
func onDevice(key string, n *policy.Interface) string {
	if n.Device == "*" {
		return ""
	}
	return fmt.Sprintf("%s %q ", key, n.Device)
}

// check is the name of the chain that asks the groups of an interface in a direction. It
// returns for what they allow and drops the rest.
func (x *exporter) check(made map[string]string, n *policy.Interface, dir policy.Direction) string {
	groups := slices.Sorted(slices.Values(n.Groups))
	key := fmt.Sprintf("%q %s", groups, dir)
	if n.SourceDestCheck {
		key += fmt.Sprint(n.Own())
	}
	if name, there := made[key]; there {
		return name
	}
	name := x.name(strings.Join(groups, "_") + "_" + dir.String())
	made[key] = name
	w := &strings.Builder{}
	fmt.Fprintf(w, "\n\t# %s of %s\n\tchain %s {\n", dir, oneLine(strings.Join(groups, ", ")), name)
	if n.SourceDestCheck {
		x.own(w, n, dir)
	}
	states := "established,related"
	if x.p.Settings.ICMPErrors == policy.ICMPErrorsRules {
		states = "established"
	}
	fmt.Fprintf(w, "\t\tct state %s return\n", states)
	for i := range x.p.Groups {
		g := &x.p.Groups[i]
		if !slices.Contains(groups, g.Name) {
			continue
		}
		said := ""
		for _, r := range g.Rules(dir) {
			if r.Description != said && r.Description != "" {
				fmt.Fprintf(w, "\t\t# %s\n", oneLine(r.Description))
			}
			said = r.Description
			for _, line := range x.rule(&r, dir) {
				fmt.Fprintf(w, "\t\t%s return\n", line)
			}
		}
	}
	w.WriteString("\t\tdrop\n\t}\n")
	x.chains.WriteString(w.String())
	return name
}

// own drops what a guest sends from addresses that are not its own, or what is sent to
// others.
func (x *exporter) own(w *strings.Builder, n *policy.Interface, dir policy.Direction) {
	field := "daddr"
	if dir == policy.Egress {
		field = "saddr"
	}
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		id := x.set("own", n.Device, f, n.Own())
		word := "ip"
		if f == policy.IPv6 {
			word = "ip6"
		}
		fmt.Fprintf(w, "\t\t%s %s != @%s drop\n", word, field, id)
	}
}

// failsafes writes what passes between the machine and its link whatever the rules say.
func (x *exporter) failsafes(w *strings.Builder, key string, n *policy.Interface,
	dir policy.Direction) {
	on := onDevice(key, n)
	add := func(f policy.Failsafe, conditions string) {
		if !x.p.Settings.CutFailsafes.Has(f) {
			fmt.Fprintf(w, "\t\t%s%s accept\n", on, conditions)
		}
	}
	add(policy.NeighbourDiscovery, "ip6 hoplimit 255 icmpv6 type 133-137")
	add(policy.MulticastListener, "ip6 hoplimit 1 ip6 saddr { fe80::/10, :: } "+
		"icmpv6 type { 130-132, 143 }")
	if dir == policy.Ingress {
		add(policy.DHCPClient, "meta nfproto ipv4 udp sport 67 udp dport 68")
		add(policy.DHCPv6Client, "ip6 saddr fe80::/10 udp sport 547 udp dport 546")
	} else {
		add(policy.DHCPClient, "meta nfproto ipv4 udp sport 68 udp dport 67")
		add(policy.DHCPv6Client, "ip6 saddr fe80::/10 udp sport 546 udp dport 547")
	}
}

// text is the whole ruleset.
func (x *exporter) text() string {
	return "#!/usr/sbin/nft -f\n" +
		"# Security groups, written by sgfw export nftables. Loading it again replaces the table.\n" +
		"# What is forwarded is asked about where it comes in and where it goes out.\n" +
		"# Copies of the machine's own multicast are left to the rules.\n\n" +
		"table inet " + tableName + "\ndelete table inet " + tableName + "\n\n" +
		"table inet " + tableName + " {" + x.setText.String() +
		x.chains.String() + "}\n"
}
