package claims

// flowLogs is about the records of traffic that was let through or refused.
var flowLogs = []Claim{
	same("F1", "A record is values with a space between two. The default format has the 14 fields of "+
		"version 2; another format picks any fields in any order."),
	partly("F2", "The version is the highest one among the fields. What is missing, or means "+
		"nothing, is `-`.",
		"Of what AWS has a host knows: fields of versions 2 and 3, and of later ones `region`, "+
			"`az-id` and `flow-direction`. All others are `-`."),
	same("F3", "A format names fields as ${field}, with a space between two."),
	same("F4", "Of the interface's own side a record has its primary IPv4 address, whichever the "+
		"packets had; `pkt-srcaddr` and `pkt-dstaddr` have theirs."),
	same("F5", "`tcp-flags` adds up over a record: FIN 1, SYN 2, RST 4, and 18 for a SYN with "+
		"an ACK. An ACK alone is 0."),
	differs("F6", "`traffic-path` says how what goes out leaves the network.",
		"A host's network has no such paths: `-`."),
	same("F7", "ACCEPT is what groups and network ACL let through, REJECT what either refused, "+
		"or what came after its connection had closed."),
	same("F8", "A ping whose reply the network ACL refuses is an ACCEPT and a REJECT, one that both "+
		"permit two ACCEPTs, and one that no rule permits a single REJECT."),
	ours("F9", "A record is traffic of one 5-tuple through one interface, in one direction, with one "+
		"action, within one window."),
	partly("F10",
		"A window is 600 or 60 seconds. Files have at most 75 MB and come every five minutes.",
		"A window is 60 seconds, and 1 to 600 as the policy says. Files are there at once and grow."),
	same("F11", "An interface without traffic has a line NODATA for the window; one of which records "+
		"were lost a line SKIPDATA. Both have `-` for addresses, ports, protocol, counts and action."),
	partly("F12", "A flow log has what was accepted, what was rejected, or all.",
		"A policy has one flow log at most. A change ends it and begins another one, with another ID. A "+
			"destination that cannot be written to is tried again with each window."),
	same("F13", "What is exempt and what the link needs, such as DHCP, is in no flow log."),
	same("F14", "Logging delays and drops no traffic."),
	ours("F15", "AWS's fields name no rule and no group. Fields of our own do, with the reason "+
		"and the generation of the rules; their names begin with `sgfw-`."),
}
