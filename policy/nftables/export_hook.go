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
	var from, to, linkFrom, linkTo strings.Builder
	made := map[string]string{}
	for _, n := range order {
		in, out := policy.Ingress, policy.Egress
		if n.Mode == policy.ModeGuest { // what comes from it is its egress
			in, out = out, in
		}
		of, into := onDevice("iifname", n), onDevice("oifname", n)
		fmt.Fprintf(&from, "\t\t%sgoto %s\n", of, x.check(made, n, in))
		fmt.Fprintf(&to, "\t\t%sgoto %s\n", into, x.check(made, n, out))
		fmt.Fprintf(&linkFrom, "\t\t%sgoto link_%s\n", of, in)
		fmt.Fprintf(&linkTo, "\t\t%sgoto link_%s\n", into, out)
	}
	x.chains.WriteString("\n\t# What comes from a device, and what goes to one.\n")
	fmt.Fprintf(&x.chains, "\tchain from {\n\t\tiifname \"lo\" return\n%s\t}\n\n\tchain to {\n"+
		"\t\toifname \"lo\" return\n%s\t}\n", from.String(), to.String())
	in, out := "\t\tjump from\n", "\t\tjump to\n"
	if x.links() {
		fmt.Fprintf(&x.chains, "\n\tchain link_from {\n%s\t}\n\n\tchain link_to {\n%s\t}\n",
			linkFrom.String(), linkTo.String())
		in, out = "\t\tjump link_from\n"+in, "\t\tjump link_to\n"+out
	}
	const base = "\n\tchain %s {\n\t\ttype filter hook %s priority filter; policy accept;\n%s\t}\n"
	fmt.Fprintf(&x.chains, base, "incoming", "input", in)
	fmt.Fprintf(&x.chains, base, "forwarded", "forward", "\t\tjump from\n\t\tjump to\n")
	fmt.Fprintf(&x.chains, base, "outgoing", "output", out)
}

// onDevice is the condition that a packet is of a device, empty for all of them.
func onDevice(key string, n *policy.Interface) string {
	if n.Device == "*" {
		return ""
	}
	name := n.Device
	if len(name) > policy.MaxDeviceName { // nothing follows what the star stands for
		name = strings.TrimSuffix(name, "*")
	}
	// What is in quotes ends with the next one: nothing is escaped in there.
	return fmt.Sprintf("%s \"%s\" ", key, name)
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
	name := x.name(dir.String() + "_" + strings.Join(groups, "_"))
	made[key] = name
	w := &strings.Builder{}
	fmt.Fprintf(w, "\n\t# %s of %s\n\tchain %s {\n", dir, oneLine(strings.Join(groups, ", ")), name)
	if n.SourceDestCheck {
		fmt.Fprintf(w, "\t\tjump %s\n", x.own(n, dir))
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
