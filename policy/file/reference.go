package file

import (
	"fmt"
	"strings"

	"sgfw/policy"
)

// Part is one kind of mapping in the policy file, for those who describe the
// file to people or editors.
type Part struct {
	// Path is where the part stands, "" for the file itself; [] is a list.
	Path string
	// Text says what the part is, in one paragraph.
	Text string
	Keys []Key
}

// Key is a key of a part.
type Key struct {
	Name string
	// Value says in a word or two what the key takes.
	Value string
	// Default is what holds without the key; "" if the key is required or has no
	// effect when left out.
	Default string
	// Text says what the key does, in full sentences.
	Text string
}

// Reference describes every part and key of the policy file, in the order in
// which documentation shows them. The result is the caller's own.
func Reference() []Part {
	d, t, q := policy.DefaultSettings, policy.DefaultTimeouts, policy.DefaultQuotas
	seconds := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	rule := Part{
		Path: "security_groups[].ingress[] and egress[]",
		Text: "A rule permits what agrees with its protocol, its ports, and one of its peers. It needs at least one peer. Nothing can be forbidden: what no rule permits is dropped.",
		Keys: []Key{
			{"description", "text", "", fmt.Sprintf("For people; up to %d characters.", policy.MaxDescription)},
			{"protocol", "word or number", "", "tcp, udp, icmp, icmpv6, a protocol number 0 to 255, or -1 for all. Required."},
			{"ports", "number or range", "", "Destination ports of tcp and udp: 443 or 8000-9000. Short for from_port and to_port."},
			{"from_port", "number", "", "The first port; for icmp and icmpv6 the type, -1 for all."},
			{"to_port", "number", "", "The last port; for icmp and icmpv6 the code, -1 for all."},
			{"cidr_blocks", "list of IPv4 CIDRs", "", "Sources of ingress, destinations of egress. 0.0.0.0/0 is every IPv4 address and no IPv6 address."},
			{"ipv6_cidr_blocks", "list of IPv6 CIDRs", "", "The same for IPv6: ::/0 is every IPv6 address."},
			{"prefix_lists", "list of names", "", "The entries of prefix lists."},
			{"security_groups", "list of names", "", "The addresses of the interfaces and peers that have these groups. Their rules do not count."},
			{"self", "true or false", "false", "The addresses of the interfaces and peers that have this very group."},
		},
	}
	return []Part{
		{"", "The file is one YAML document.", []Key{
			{"version", "1", "", "The version of the format. Required."},
			{"prefix_lists", "list", "none", "Named lists of CIDRs, for rules to refer to."},
			{"security_groups", "list", "none", "The groups of rules."},
			{"default_security_group", "mapping", "see below", "Other rules for the default group."},
			{"interfaces", "list", "none", "The network devices that groups are attached to. Devices that no entry covers are not filtered."},
			{"peers", "list", "none", "Interfaces on other machines, so that rules that refer to groups know their addresses."},
			{"quotas", "mapping", "see below", "How much the policy may hold."},
			{"settings", "mapping", "see below", "How the daemon works."},
		}},
		{"prefix_lists[]", "A prefix list names CIDRs of one address family.", []Key{
			{"name", "text", "", "Required, and unique."},
			{"max_entries", "number", "number of entries", "How many rules a reference to the list counts as, as in AWS; see quotas."},
			{"entries", "list", "", "What the list holds."},
		}},
		{"prefix_lists[].entries[]", "", []Key{
			{"cidr", "CIDR", "", "Required."},
			{"description", "text", "", "For people."},
		}},
		{"security_groups[]", "A security group holds rules. Several groups on an interface are a union: neither their order nor that of their rules matters.", []Key{
			{"name", "text", "", fmt.Sprintf("Required, and unique; up to %d characters.", policy.MaxName)},
			{"description", "text", "", "Required, as in AWS."},
			{"tags", "mapping", "none", fmt.Sprintf("Up to %d tags, for people and other tools.", policy.MaxTags)},
			{"ingress", "list of rules", "none", "What may reach the machine that is protected."},
			{"egress", "list of rules", "everything", "What that machine may reach. Left out: everything, as in a new group in AWS. An empty list: nothing but answers."},
		}},
		rule,
		{"default_security_group", "Every policy has a group named default, as in AWS: interfaces that name no group have it, and it can be named where groups are, but not be defined or deleted. Here its rules are changed.", []Key{
			{"ingress", "list of rules", "everything from default", "What may reach its members. Left out: everything from each other. An empty list: nothing."},
			{"egress", "list of rules", "everything", "What its members may reach. Left out: everything. An empty list: nothing but answers."},
			{"tags", "mapping", "none", "As those of other groups."},
		}},
		{"interfaces[]", "An interface attaches groups to a network device.", []Key{
			{"device", "text", "", "The device's name, or the beginning of several names with one trailing *. An exact name goes before a pattern, a longer pattern before a shorter one. Required."},
			{"mode", "host or guest", "host", "Which side is protected. host: this machine; ingress comes in through the device, egress leaves through it. guest: the machine behind the device, the other way round."},
			{"security_groups", "list of names", "default", "The attached groups, at least one. Left out: the default group."},
			{"addresses", "list of addresses", "followed live", "The addresses that stand for this interface where rules refer to its groups. Those of a host are followed live when left out; those of a guest, the machine behind the device, are only known when they are listed."},
			{"source_dest_check", "true or false", "see text", "For guests: drop what the guest sends from addresses that are not its own, and what is for other addresses than its own. Without it a guest can send in the name of others, and so reach what only they may. Failsafes between the guest and this machine (neighbour discovery, MLD, DHCP) are not checked. The default is true where addresses are given, else false; for hosts it is false."},
			{"scope", "text", "none", "Interfaces with the same scope share their flows, for hosts of which a connection may leave through one device and get its answers through another: several uplinks, policy routing, asymmetric routes. What a rule of one of them admitted goes on through all of them, whatever their own rules say; what opens a flow, and a packet that is forwarded from one to the other, is judged at each as ever. So whoever is behind one device can take part in flows of the others: share only between devices that lead to the same network. A pattern shares between all devices that it names. Only for hosts. Their flows are always tracked. The idle timeouts are those of the device that a packet crosses. An interface that joins a scope, or leaves it, begins without flows, and finds those of before if it goes back before their timers run out."},
			{"connection_tracking", "mapping", "see below", "How long idle flows live."},
		}},
		{"interfaces[].connection_tracking", "Idle timeouts in seconds, with the names, defaults and ranges of AWS. A reload changes those of live flows, too: a shorter one holds from then on, after a trial from its confirmation on, and a longer one from a flow's next packet on.", []Key{
			{"tcp_established_timeout", "60 to 432000", seconds(t.TCPEstablished.Seconds()), "An established TCP connection."},
			{"udp_timeout", "30 to 60", seconds(t.UDP.Seconds()), "UDP in one direction only, or one question and one answer."},
			{"udp_stream_timeout", "60 to 180", seconds(t.UDPStream.Seconds()), "UDP with more than that."},
		}},
		{"peers[]", "A peer is an interface on another machine. Nothing is filtered there.", []Key{
			{"name", "text", "", "Required, and unique."},
			{"addresses", "list of addresses", "", "Its addresses, at least one. Required."},
			{"security_groups", "list of names", "", "The groups that it has there."},
		}},
		{"quotas", "AWS's quotas, which it raises on request: rules_per_security_group times security_groups_per_interface is at most 1000. A policy beyond one of them is refused; from four fifths of one on check and reload say so.", []Key{
			{"rules_per_security_group", fmt.Sprintf("1 to %d", policy.MaxRulesPerInterface), fmt.Sprint(q.RulesPerGroup), "How many rules a group has at most, in each direction and for each family. A CIDR counts 1 in its family, a group 1 in each, a prefix list its max_entries in its family."},
			{"security_groups_per_interface", fmt.Sprintf("1 to %d", policy.MaxGroupsPerInterface), fmt.Sprint(q.GroupsPerInterface), "How many groups an interface or a peer has at most."},
			{"security_groups", "number", fmt.Sprint(q.Groups), "How many groups there are at most."},
			{"prefix_lists", "number", fmt.Sprint(q.PrefixLists), "How many prefix lists there are at most."},
			{"prefix_list_entries", "number", fmt.Sprint(q.PrefixListEntries), "How large max_entries of a prefix list is at most."},
		}},
		{"settings", "", []Key{
			{"tracking", "always or aws", d.Tracking.String(), "Which flows are tracked, and so outlive the rule that permitted them. always: every flow. aws: as AWS does, not those of TCP and UDP that rules for everybody permit both ways, the opening one by a single rule to 0.0.0.0/0 (or ::/0), the answers by a single rule to 0.0.0.0/0 (or ::/0) for all ports. Each packet of such a flow needs a rule of its direction, and the flow is cut when its rule goes. A running daemon can change it: flows that are tracked already stay so."},
			{"icmp_errors", "related or rules", d.ICMPErrors.String(), "related: an ICMP error about a live flow passes. rules: rules alone decide."},
			{"exempt", "list of resolvers, metadata and time", "none", exemptText()},
			{"failsafe", "mapping", "all on", "What passes whatever the rules say because a machine without it loses its network: its own traffic with its link, never what it routes. What is switched off is left to the rules."},
			{"datapath", "userspace", "userspace", "The daemon judges every packet. (offload is not yet supported.)"},
			{"on_stop", "remove or keep", d.OnStop.String(), "What an ordered stop leaves. remove: nothing is filtered any more. keep: nothing passes."},
			{"on_failure", "mapping", "see below", "What holds when the daemon ends without order."},
			{"queues", "mapping", "see below", "The queues between kernel and daemon. A running daemon cannot change them."},
			{"queue_driver", "batch or go-nfqueue", string(d.QueueDriver), "How packets are read. go-nfqueue is the slow and simple reference. A running daemon cannot change it."},
			{"max_flows", fmt.Sprintf("1 to %d", policy.MaxMaxFlows), fmt.Sprint(d.MaxFlows), "How many flows are tracked at once, by all devices together: a guest can take them all, and sgfw flows revoke --interface gives them back. A running daemon cannot change it."},
			{"watch", "true or false", "false", "Reload by itself when the file has changed and settled."},
		}},
		{"settings.failsafe", "", []Key{
			{"neighbour-discovery", "true or false", "true", "IPv6 neighbour and router discovery: ICMPv6 133-137 with hop limit 255, both ways."},
			{"multicast-listener-discovery", "true or false", "true", "MLD, by which the link learns what IPv6 multicast the machine wants: ICMPv6 130-132 and 143 with hop limit 1 from fe80::/10 or ::, both ways."},
			{"dhcpv4-client", "true or false", "true", "The machine as a DHCP client: UDP 68 to 67 out, 67 to 68 in. The server of a guest is this machine."},
			{"dhcpv6-client", "true or false", "true", "The machine as a DHCPv6 client: UDP 546 to 547 out, 547 to 546 in, both from fe80::/10."},
			{"own-multicast", "true or false", "true", "What this machine sent to a multicast or broadcast address and the kernel hands back to it. ARP and lo need no failsafe: they are never filtered."},
		}},
		{"settings.on_failure", "", []Key{
			{"gone", "drop or accept", d.OnGone.String(), "The daemon died. drop: nothing but failsafes passes until it runs again or sgfw cleanup. accept: nothing is filtered."},
		}},
		{"settings.queues", "", []Key{
			{"base", "1 to 65535", fmt.Sprint(d.QueueBase), "The number of the first queue. No other program may use the numbers."},
			{"count", fmt.Sprintf("0 to %d", policy.MaxQueues), fmt.Sprint(d.QueueCount), fmt.Sprintf("How many queues, each with a loop of its own. 0: one per CPU, at most %d.", policy.MaxQueues)},
			{"balance", "cpu, hash or pinned", d.QueueBalance.String(), "Which queue takes a packet. cpu: the CPU that handles it chooses. hash: its addresses choose, so that two machines always meet one queue. pinned: as cpu, with each loop on a CPU of its own: the lowest latency, and less throughput for a single flow."},
			{"busy_poll", fmt.Sprintf("0 to %d", policy.MaxBusyPoll.Microseconds()), fmt.Sprint(d.QueueBusyPoll.Microseconds()), "For how many microseconds a loop looks for further packets before it sleeps. It does so only while packets come that close to each other, and leaves the CPU to whoever wants it. 0: it sleeps at once."},
		}},
	}
}

// exemptText describes settings.exempt with the addresses that there are.
func exemptText() string {
	list := func(x policy.Exemption) string {
		names := make([]string, len(x.Addresses()))
		for i, a := range x.Addresses() {
			names[i] = a.String()
		}
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("Services that pass whatever the rules say, as they do in AWS: what the machine asks them, and the answers, for %d s after a UDP question. Nobody else's packets do, nor connections from there; and while the daemon is dead, nothing of it. "+
		"resolvers: DNS (UDP and TCP %d) of the name servers in resolv.conf, followed live. metadata: the cloud's metadata service, TCP %d of %s. time: AWS's time service, UDP %d of %s. "+
		"Of what a host forwards nothing is exempt. Guests have the same, but for metadata that another machine than this one would answer: it would hand them this machine's credentials.",
		int(policy.AnswerTime.Seconds()),
		policy.ExemptResolvers.Port(), policy.ExemptMetadata.Port(), list(policy.ExemptMetadata), policy.ExemptTime.Port(), list(policy.ExemptTime))
}
