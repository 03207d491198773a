package claims

const auditing = "The audit that reports it is not built."

// webServer is about the policy that guides give most often.
var webServer = []Claim{
	same("W1", "A web server needs 80 and 443 from everyone, and 22 from the office alone."),
	same("W2", "A published sample has one group with tags, four inbound rules and one outbound."),
	unbuilt("W3", "The sample opens tcp/22 to 0.0.0.0/0, which its own page and others warn of: a "+
		"finding of high severity.", auditing),
	partly("W4", "The sample opens ICMP -1/-1 to 0.0.0.0/0: all types and codes, of IPv4 alone.",
		"Other guides advise against it. "+auditing),
	same("W5", "With `tracking: aws` the sample's ports 22, 80 and 443 are untracked: removing the "+
		"rule for 22 cuts a live SSH session."),
	same("W6",
		"Ranges of ports are inclusive: of 8000-9000, 8000 and 9000 pass, 7999 and 9001 do not."),
}

// malformed is about policies with mistakes in their text.
var malformed = []Claim{
	partly("W7", "A missing closing brace is refused with file and line. Nothing of the policy "+
		"comes into force, and the one that runs goes on.",
		"The YAML reader knows the line of an unclosed brace, not its column."),
	same("W8", "`cidr_blocks` with an empty string is an error. It never means everyone, and is "+
		"never skipped."),
	same("W9", "An empty interpolation, ${}, is a syntax error."),
}

// practices is about how groups are laid out, shared and reviewed.
var practices = []Claim{
	same("W10", "Only the web server reaches the database, on the database's port, by naming the "+
		"web server's group as the peer."),
	same("W11", "A change to a shared group holds at once on every interface that has it. Live "+
		"flows of an infected machine are cut by `flows revoke`."),
	same("W12", "A rule permits single addresses, or a range of them as a CIDR."),
	unbuilt("W13", "A tool that checks addresses against a block list says which ones it skipped, "+
		"and fails on a hit.", auditing),
	same("W14", "A network ACL needs rules in both directions, and the default one permits "+
		"everything."),
}
