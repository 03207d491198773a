package claims

// outcomes are worked examples, each of which follows from claims above.
var outcomes = []Claim{
	same("row 1", "tcp/22 in from one address and from 0.0.0.0/0: anyone connects. (R5)"),
	same("row 2", "The same rule with another description: InvalidPermission.Duplicate. (R3)"),
	same("row 3", "100.68.0.18/18 beside 100.68.0.0/18: InvalidPermission.Duplicate. (R16)"),
	same("row 4", "The same CIDR twice in one request: InvalidParameterValue, and nothing is "+
		"stored. (R19, R40)"),
	same("row 5", "Protocol -1 with ports 80 to 80: everything, without ports."),
	same("row 6", "Protocol 50 with ports 1 to 2: all of ESP."),
	same("row 7", "icmp type -1 code 0: refused."),
	same("row 8", "icmp 8/-1 in, nothing out, a ping: request and reply pass. (T1, T4)"),
	same("row 9", "icmp -1/-1 from ::/0, a ping over IPv6: dropped. (R12)"),
	same("row 10", "tcp/80 in from everywhere, everything out, `tracking: aws`; the inbound rule is "+
		"removed during a transfer: cut with the next packet. (T15)"),
	same("row 11", "tcp/22 in from one address; the rule is removed during a session: the session "+
		"goes on, a new one is dropped. (T15)"),
	same("row 12", "As row 10 with only tcp/443 out: tracked, so it goes on. (T2)"),
	same("row 13", "tcp/80 in from both families, out only 0.0.0.0/0, `tracking: aws`: IPv4 is "+
		"untracked, IPv6 tracked. (R20, T3)"),
	same("row 14", "No outbound rules; the server answers a request that was allowed: the answer "+
		"passes. (T1)"),
	same("row 15", "GRE out once, GRE in after 599 and after 601 seconds: passes; judged by the "+
		"rules. (T10)"),
	same("row 16", "A UDP request, the response after 29 and after 31 seconds: passes; judged by "+
		"the rules."),
	same("row 17", "Two UDP requests with responses, then 170 seconds of silence: still passes."),
	same("row 18", "60 rules inbound for each family, then one for a group: "+
		"RulesPerSecurityGroupLimitExceeded. (Q2, Q3)"),
	same("row 19", "A prefix list sized 20 with 3 entries: costs 20. (Q3)"),
	same("row 20", "A group Web, then a group web: InvalidGroup.Duplicate."),
	partly("row 21", "A group sg-x, a group default, a name with an apostrophe: "+
		"InvalidParameterValue, InvalidGroup.Reserved, InvalidParameterValue.",
		"A name with an apostrophe is taken. "+ownWords),
	partly("row 22", "To delete a group that is attached, one that is referenced, the default "+
		"group: DependencyViolation twice, CannotDelete.",
		"To delete is to leave out of the file what is still attached or referenced, or to write "+
			"`default_security_group: []`."),
	same("row 23", "To detach the last group of an interface: refused. (R49)"),
	differs("row 24", "To change a rule's CIDR from IPv4 to IPv6: refused. (R42)",
		"In a policy file that is another rule, with another ID."),
	same("row 25", "A SYN to a port that no rule opens: silence, and one record of a refusal with "+
		"the flag SYN."),
	differs("row 26", "\"Fragmentation needed\" for a tracked flow without an ICMP rule: passes by "+
		"default, and is dropped with `icmp_errors: rules`. (T24)",
		"AWS's latest text demands the rule, as T24 says."),
}
