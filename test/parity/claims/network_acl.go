package claims

// networkACLs is about the numbered rules that allow and deny.
var networkACLs = []Claim{
	same("N1", "A network ACL is stateless. Of its numbered rules the lowest that matches allows or "+
		"denies; what comes in and what goes out have lists of their own."),
	same("N2", "What no rule matches is denied, by the rule that AWS shows as *."),
	same("N3", "The default network ACL allows everything, in rules 100 and 101."),
	same("N4", "A rule has a number, one protocol, one range of ports or a type and a code, and one "+
		"CIDR. No list and no group can be a peer."),
	same("N5", "The families are apart: rules of IPv4 never touch IPv6."),
	differs("N6", "It is applied at the edge of a subnet, and not inside it.",
		"Each interface is a subnet of its own."),
	same("N7", "What comes in meets the network ACL before the groups, what goes out after them. A "+
		"deny stops the packets of live flows at once."),
	same("N8", "Answers need a rule for the ports that clients use, 32768 to 60999 on Linux."),
	same("N9", "Path MTU discovery needs a rule for ICMP type 3, code 4; errors about live flows are "+
		"no exception."),
	same("N10", "A list has up to 20 rules for each family, at most 40 when raised, the rule * "+
		"included."),
	same("N11", "What no group filters, no network ACL filters: failsafes and exempt services."),
	ours("N12", "An interface may have one. A packet that it denies is dropped, and its flow runs "+
		"out."),
}
