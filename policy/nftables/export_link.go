package nftables

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
)

// linkTalk is what a failsafe is about, as conditions of nft.
type linkTalk struct {
	failsafe policy.Failsafe
	family   policy.Family
	is       string
}

// linkTalks are the failsafes of a direction.
func linkTalks(dir policy.Direction) []linkTalk {
	client, server := "sport", "dport"
	if dir == policy.Ingress {
		client, server = server, client
	}
	return []linkTalk{
		{policy.NeighbourDiscovery, policy.IPv6, "ip6 hoplimit 255 icmpv6 type 133-137"},
		{policy.MulticastListener, policy.IPv6,
			"ip6 hoplimit 1 ip6 saddr { fe80::/10, :: } icmpv6 type { 130-132, 143 }"},
		{policy.DHCPClient, policy.IPv4,
			fmt.Sprintf("meta nfproto ipv4 udp %s 68 udp %s 67", client, server)},
		{policy.DHCPv6Client, policy.IPv6,
			fmt.Sprintf("ip6 saddr fe80::/10 udp %s 546 udp %s 547", client, server)},
	}
}

// links writes the chains of what passes between a machine and its link whatever the rules
// say. It reports whether there is anything that does.
func (x *exporter) links() bool {
	if !slices.ContainsFunc(linkTalks(policy.Ingress), x.safe) {
		return false
	}
	ways := [2]string{policy.Ingress: "To a machine from", policy.Egress: "From a machine to"}
	for dir, way := range ways {
		fmt.Fprintf(&x.chains, "\n\t# %s its link.\n\tchain link_%s {\n", way, policy.Direction(dir))
		for _, l := range linkTalks(policy.Direction(dir)) {
			if x.safe(l) {
				fmt.Fprintf(&x.chains, "\t\t%s accept\n", l.is)
			}
		}
		x.chains.WriteString("\t}\n")
	}
	return true
}

// safe reports whether rules have nothing to say about a failsafe.
func (x *exporter) safe(l linkTalk) bool { return !x.p.Settings.CutFailsafes.Has(l.failsafe) }

// own is the chain that returns for what a guest sends from its own addresses, or what is
// sent to them, and drops the rest. To groups of machines is to nobody else. A link-local
// address of IPv6 counts on the link, on which alone it is met: if none is listed any
// does. A machine without an address may ask for one, also where rules decide about that.
func (x *exporter) own(n *policy.Interface, dir policy.Direction) string {
	name := x.name("own_" + n.Device + "_" + dir.String())
	field, groups4, groups6 := "daddr", "ip daddr { 224.0.0.0/4, 255.255.255.255 }",
		"ip6 daddr ff00::/8"
	without4, without6 := "", "ip6 daddr fe80::/10 "
	if dir == policy.Egress {
		field, groups4, groups6 = "saddr", "", ""
		without4, without6 = "ip saddr 0.0.0.0 ", "ip6 saddr { ::, fe80::/10 } "
	}
	w := &strings.Builder{}
	returns := func(conditions string) {
		if conditions != "" {
			fmt.Fprintf(w, "\t\t%s return\n", conditions)
		}
	}
	returns(fmt.Sprintf("ip %s @%s", field, x.set("own", n.Device, policy.IPv4, n.Own())))
	returns(fmt.Sprintf("ip6 %s @%s", field, x.set("own", n.Device, policy.IPv6, n.Own())))
	returns(groups4)
	returns(groups6)
	listed := false
	for _, p := range n.Own() {
		listed = listed || p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()
	}
	if !listed {
		returns("ip6 " + field + " fe80::/10")
	}
	for _, l := range linkTalks(dir) {
		without := without4
		if l.family == policy.IPv6 {
			without = without6
		}
		if !x.safe(l) && without != "" {
			returns(without + l.is)
		}
	}
	fmt.Fprintf(&x.chains, "\n\t# What is %s of %s by its addresses.\n\tchain %s {\n%s\t\tdrop\n\t}\n",
		dir, oneLine(n.Device), name, w)
	return name
}
