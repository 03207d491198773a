package claims

// exemptions is about what no group ever filters.
var exemptions = []Claim{
	differs("exempt dns", "Queries to the resolver of the network are not filtered.",
		"Outside AWS nobody expects that hole. `exempt: [resolvers]` opens it, for the machine's own "+
			"resolvers and port 53."),
	same("exempt dhcp", "DHCP is not filtered. In sgfw: the exchanges of a client with its link, "+
		"which keep the lease."),
	differs("exempt metadata", "Instance metadata is not filtered.",
		"Opened by `exempt: [metadata]`: outside a cloud nothing trustworthy has that address."),
	differs("exempt ecs metadata", "Neither is the metadata of container tasks.",
		"Opened by `exempt: [metadata]`, too."),
	absent("exempt activation", "Nor is the activation of Windows.", "sgfw runs on Linux."),
	differs("exempt time", "Nor is Amazon's time service.",
		"Opened by `exempt: [time]`; other time servers need a rule."),
	absent("exempt router", "Nor are the addresses of the network's router.",
		"They are the fabric's own. What a host needs of its router, neighbour discovery and "+
			"advertisements, is X3."),
	same("X1", "What is exempt does not appear in flow logs either."),
	ours("X2", "Each exemption has a name, is listed by `status`, named by `explain`, and can be "+
		"switched."),
	ours("X3", "ARP, IPv6 neighbour discovery with hop limit 255 and MLD on the link pass without "+
		"rules. On AWS the network answers for them; on a real link nothing else does."),
	ours("X4", "Loopback, and what a host sends to its own addresses, is not filtered."),
	ours("X5", "Multicast and broadcast are judged by the rules. A unicast answer to a multicast "+
		"request comes from another address, so it belongs to no flow."),
	ours("X6", "Forwarded packets count like the host's own: inbound is what enters through the "+
		"device, outbound what leaves through it."),
	ours("X7", "Hosts need a guard against locking out their administrators: `run` and `reload` "+
		"refuse a policy that would cut a live SSH session, and a reload can be confirmed or rolled "+
		"back."),
	differs("X8", "An interface sees packets as they are on the wire, whatever the instance "+
		"rewrites behind it.",
		"The same with `view: wire`, which `preset: aws` sets. By default rules see what is "+
			"behind DNAT and before SNAT."),
}
