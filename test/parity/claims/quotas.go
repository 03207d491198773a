package claims

// quotas is about limits.
var quotas = []Claim{
	same("Q1", "A group has up to 60 inbound and 60 outbound rules. One raised limit covers both."),
	same("Q2", "They are counted by family: 60 inbound for IPv4, 60 inbound for IPv6, and the same "+
		"outbound."),
	partly("Q3", "A CIDR costs 1 in its family, a group 1 in each family. A prefix list costs its "+
		"maximum size in its family, not its entries, and one that AWS manages its weight.",
		"There are no lists that AWS manages. An empty list that does not say its family costs in "+
			"both; `check --as-aws` refuses it, as AWS does."),
	same("Q4", "An empty list costs its maximum size, too: one sized 500 exceeds the default limit."),
	same("Q5", "A range of ports is one rule; two ports are two."),
	same("Q6", "An interface has up to 5 groups, at most 16 when raised; rules per group times "+
		"groups per interface are at most 1,000."),
	partly("Q7", "A Region has up to 2,500 groups.",
		"The policy file stands for the Region. Paged answers do not apply."),
	same("Q8", "Too many rules are RulesPerSecurityGroupLimitExceeded; too many groups of an "+
		"interface and too many groups have codes of their own."),
	ours("Q9", "AWS's limits are the defaults, all can be set, and `check` and `status` show how "+
		"much of each is used."),
}
