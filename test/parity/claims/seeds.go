package claims

const (
	importing = "The Terraform form waits for the import."
	auditing  = "The finding waits for the audit."
)

// Claims are named by document and number within it, as they are found in the
// text. What cannot be tested, being advice or opinion, is not here.

var seed0 = []Claim{
	same("seed 0.4", "At least one group is assigned when a machine starts: an interface without any is refused."),
	same("seed 0.5", "Groups can be changed at any time, and the change holds at once: for new flows. Those that are tracked go on."),
	same("seed 0.9", "The profile of a web server: 80 and 443 for everyone, 22 for the office."),
	partly("seed 0.12", "The sample: one group, four inbound rules, one outbound, tags.", "Written as YAML it loads and is enforced. "+importing),
	waits("seed 0.13", "The sample opens tcp/22 to 0.0.0.0/0, against the advice of its own page and of three others.", "It is a finding, high. "+auditing),
	partly("seed 0.14", "The sample opens ICMP -1/-1 to 0.0.0.0/0: all types and codes, of IPv4 alone.", "Another document closes it. "+auditing),
	partly("seed 0.15", "Outbound protocol -1 from 0 to 0, to 0.0.0.0/0: everything of IPv4, stored without ports.", importing),
	same("seed 0.17", "Under AWS's tracking the sample's 22, 80 and 443 are untracked: without its rule a live session of SSH is cut."),
	same("seed 0.18", "Ports form ranges, inclusive: 8000 and 9000 pass, 7999 and 9001 do not."),
}

var seed1 = []Claim{
	partly("seed 1.2", "Closing braces are missing: refused with file and line, and nothing of it is in force.", importing+" Of a brace that is never closed YAML's reader knows the line, not the column."),
	partly("seed 1.3", "`cidr_blocks` with an empty string: an error, never everyone and never skipped.", importing),
	waits("seed 1.4", "An empty interpolation, ${}, is a mistake of syntax.", "YAML has no interpolation. "+importing),
	partly("seed 1.5", "The sample is four inbound rules and one outbound; the damaged one is refused, and what runs goes on.", importing),
}

var seed2 = []Claim{
	same("seed 2.2", "Groups are added and removed on the fly, and edits hold at once: for new flows. Those that are tracked go on."),
	same("seed 2.3", "Several groups are the sum of their rules, in any order."),
	same("seed 2.10", "A database that only the web server reaches, on its port, by a group as the peer."),
	same("seed 2.13", "Two rules for one port: the one that permits more wins."),
	same("seed 2.15", "A description has up to 255 characters: the 256th is one too many."),
	same("seed 2.17", "\"Monitoring server\" is a good description. \"John's home IP\", which the page recommends as well, is not: the apostrophe is outside the set that it names."),
	same("seed 2.18", "The limit of rules is per direction and family, 60 and not 50: the 60th is taken, the 61st is not."),
	same("seed 2.19", "Five groups for an interface, up to 16 when raised, and at most 1,000 rules."),
	same("seed 2.22", "A change in a shared group reaches all who use it; live flows of an infected machine are cut by `flows revoke`."),
	same("seed 2.23", "Without the group \"SSH\" nobody new gets in by SSH; who is in stays. The last group cannot go."),
	same("seed 2.29", "A group may name itself: the members of a database reach each other on its port, and nobody else does."),
	waits("seed 2.35", "A tool that looks up addresses says what it skipped, and fails on a hit.", auditing),
}

var seed3 = []Claim{
	same("seed 3.3", "Stateful: answers pass in both roles, whatever the rules say."),
	same("seed 3.4", "A new group accepts nothing."),
	same("seed 3.5", "A new group sends everything: to 0.0.0.0/0, which is all that the document says, and to ::/0."),
	same("seed 3.7", "That rules cannot be enforced on connections that exist, as the document has it, is so for tracked ones, until `flows revoke` cuts them; untracked ones are cut at once."),
	same("seed 3.9", "SSH from one address; the rule goes in mid-session, and the session goes on."),
	same("seed 3.10", "After it has ended nobody reconnects."),
	same("seed 3.11", "There is no way to deny: a rule with an action is refused."),
	same("seed 3.13", "Groups work at interfaces, not at the level of a network: what crosses two of them is judged by the groups of both."),
	waits("seed 3.14", "A network ACL needs rules both ways, and the default one permits all.", "Network ACLs are not built."),
}

var seed4 = []Claim{
	same("seed 4.12", "A rule says what is permissible: from given addresses, from a range of them."),
	same("seed 4.13", "The answer to a request that was allowed needs no outbound rule."),
	same("seed 4.19", "A change holds at once for all that the group is attached to."),
}
