package claims

// evaluation is about defaults, and about how the groups of an interface judge a packet.
var evaluation = []Claim{
	same("D1",
		"A new group has no inbound rules and permits everything out, to 0.0.0.0/0 and to ::/0."),
	same("D2", "The group named default always exists. It permits everything in from its own "+
		"members, and everything out. An interface that names no group has it."),
	same("D3", "No outbound rules: nothing new goes out. No inbound rules: nothing new comes in. "+
		"Empty is deny."),
	same("D4", "A group keeps the default outbound rule unless another one is listed, also in "+
		"CloudFormation. Terraform removes it."),
	partly("D5", "A block with many peers is one rule for each. Terraform's update removes rules "+
		"before it adds others, which leaves a gap.",
		"A reload of sgfw leaves no gap. That Terraform demands ports 0 to 0 beside -1 in a block "+
			"holds for what is imported from it."),
	same("D6", "The rules of all attached groups are pooled. The order of groups does not matter, "+
		"and removing one removes only its rules."),
	same("D7", "Groups belong to interfaces. What goes from one interface to another is judged "+
		"twice: outbound by the sender's groups, inbound by the receiver's."),
	same("D8", "What is denied is dropped in silence: no RST, no ICMP error."),
	partly("D9", "The check of sources and destinations is a switch of the interface, on by "+
		"default: what comes in must be for one of its addresses, what goes out from one of them.",
		"It is for guests, and on once their addresses are listed. For a host's own devices the kernel "+
			"has it (rp_filter)."),
	absent("D10", "Outbound port 25 to the internet is closed for most accounts.",
		"It is a policy of accounts, not of security groups. Port 25 is a port like others."),
	differs("D11", "No interface is without a group.",
		"Devices that the file does not list are not filtered, for a machine has more devices than one "+
			"means to protect. One that is listed has the default group or those it names, and a group "+
			"without rules locks it."),
}
