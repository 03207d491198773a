package claims

// Reasons that many claims share.
const (
	noCalls = "There are no calls that change one rule: a policy is replaced as a whole, by a " +
		"reload."
	noService = "A host has no Regions, accounts or virtual networks; one policy file is all there is."
)

// ownWords is why a policy may say more than AWS takes.
const ownWords = "On a host that is a notice, for nobody but people reads it. `check --as-aws` " +
	"refuses it with AWS's code."

// model is about rules, groups, prefix lists and names.
var model = []Claim{
	same("R1", "A rule is a direction, a protocol, a range of ports and one peer. A description, "+
		"tags and an ID belong to it."),
	same("R2", "A peer is an IPv4 CIDR, an IPv6 CIDR, a prefix list or a security group. A rule "+
		"without one is an error."),
	same("R3", "Rules with the same direction, protocol, ports and peer are one rule, whatever "+
		"their descriptions. The second is a duplicate."),
	same("R4", "Rules only allow. There is no deny, no order and no priority: one rule of one group "+
		"that permits is enough."),
	same("R5", "Rules may overlap. What any of them permits passes, so the most permissive wins."),
	same("R6", "Ports are the destination ports of the packet that opens the flow. Source ports "+
		"cannot be filtered."),
	partly("R7", "Groups, rules, prefix lists and interfaces have IDs that the service assigns: "+
		"sg-, sgr-, pl- or eni- and 17 hexadecimal digits. An ID of another shape is malformed, one "+
		"that nothing has is not found, and each kind has its own code for it.",
		"A definition that is removed and comes back has its old ID. AWS would give it a new one."),
	same("R8", "A permission with several peers is as many rules. They are listed one by one, or "+
		"folded together where protocol and ports are equal."),
	same("R9", "For a protocol without ports the range reads -1 to -1, or is left out."),
	same("R10", "A protocol by number is the one by name: 6 is tcp, 17 udp, 1 icmp, 58 icmpv6. "+
		"Number 0 is a protocol like others and not \"all\"."),
	same("R11", "ICMP codes are not checked against the type: type 8 code 8 is stored and matches "+
		"nothing that exists. sgfw warns."),
	same("R12", "An icmp rule with an IPv6 CIDR is stored and matches nothing; it is never widened "+
		"to ICMPv6. sgfw warns."),
	same("R13", "SCTP, DCCP and UDP-Lite carry ports, and yet a rule permits all of such a protocol "+
		"or nothing."),
	absent("R14", "The call that edits descriptions refuses ports where the call that adds rules "+
		"ignores them.", noCalls),
	same("R15", "Protocol -1 is every IP protocol, also those without a name: GRE, ESP, IGMP and "+
		"ICMP included."),
	same("R16", "A CIDR with host bits is stored without them, so two spellings of one network are "+
		"one rule. sgfw says that it rewrote it."),
	same("R17", "A single address is written with /32 or /128; a bare one is malformed."),
	same("R18", "A CIDR that cannot be read, or of the other family than its field, is "+
		"InvalidParameterValue."),
	same("R19", "The same peer twice in one request is InvalidParameterValue; a rule that is there "+
		"already is InvalidPermission.Duplicate."),
	same("R20", "0.0.0.0/0 never covers IPv6 and ::/0 never IPv4."),
	ours("R21", "IPv4 addresses mapped into IPv6, zones and octets with leading zeros are refused."),
	partly("R22", "A prefix list has one family and a size fixed in advance, and rules follow its "+
		"newest entries.",
		"Its versions are those of the policy file. There are no lists that AWS manages."),
	partly("R23", "An entry of a list is a CIDR and a description of up to 255 characters.",
		"How much one call may change, and that it must name the current version, is about calls that "+
			"do not exist here."),
	same("R24", "A list whose size breaks the quota of a group that uses it is refused as a whole, "+
		"and so is taking away a list that a rule still names."),
	partly("R25", "A list's name has up to 255 characters and does not begin with com.amazonaws.",
		"A host has no lists that AWS manages. "+ownWords),
	partly("R26", "There may be 100 lists, of 1,000 entries each.",
		"Stored versions and references of a list are not counted: a file has no versions, and its "+
			"rules are counted by group."),
	partly("R27", "A group as a peer stands for the private addresses of the interfaces that have "+
		"it. It copies no rules, and it is not transitive.",
		"sgfw knows no public addresses that are not on the interface: what an interface has, or a "+
			"peer lists, is what counts."),
	same("R28", "A group may name itself. Without that its members do not reach each other."),
	differs("R29", "A group of a peered network, also of another account, may be a peer.",
		noService+" Interfaces of other machines are listed under `peers`, wherever they are."),
	differs("R30", "Behind a middlebox a group does not match, although the source address is the "+
		"member's.",
		"sgfw sees addresses and nothing else, so a member is known by them, whatever is on the way."),
	ours("R31", "Every IPv4 and IPv6 address of a member counts, primary and secondary."),
	partly("R32", "A peer group that does not exist is InvalidGroup.NotFound.", noService),
	ours("R33", "A peer without addresses matches nothing, and never everything. That is what "+
		"becomes of a rule whose group has lost its members. A group that the file does not define is "+
		"refused."),
	absent("R34", "An old form of the call names a source group without a protocol and opens TCP, "+
		"UDP and ICMP.", noCalls),
	partly("R35", "A group named like sg-… is InvalidParameterValue, one named default "+
		"InvalidGroup.Reserved, a clash InvalidGroup.Duplicate; too many tags are TagLimitExceeded; a "+
		"tag key that is empty or begins with aws: is InvalidTagKey.Malformed.",
		"Too many tags, and keys that begin with aws:, as copied from AWS, are taken. "+ownWords),
	ours("R36", "AWS disagrees with itself about & in descriptions; it is taken everywhere."),
	partly("R37", "Apostrophes, quotes, other punctuation, line ends and all that is not ASCII are "+
		"refused in names and descriptions.",
		"What cannot be printed is refused, line ends included. The rest is taken. "+ownWords),
	ours("R38", "Lengths are counted in characters."),
	same("R39", "An empty description of a rule is none."),
	ours("R40", "The call that adds rules answers with them and their IDs, and so does a reload. "+
		"Whether one mistake among many refuses the rest is not documented: here nothing changes, "+
		"and all mistakes are named."),
	absent("R41", "A rule is taken back by its ID or by its properties; one that is not there is "+
		"InvalidPermission.NotFound.", noCalls),
	absent("R42", "A rule can be rewritten in place and keeps its ID, but not with another kind of "+
		"peer.", noCalls+" A rule with another peer is another rule, with another ID."),
	absent("R43", "What a rewrite leaves out is not documented.", noCalls),
	differs("R44", "Changes reach machines soon, and reads may lag behind.",
		"A reload answers when the last packet that was judged by the old rules is through: what is "+
			"sent after the answer meets the new ones."),
	differs("R45", "A dry run fails with DryRunOperation if the call would have worked.",
		"`reload --dry-run` prints the difference and exits with 0; a policy that would be refused "+
			"exits as it would without."),
	partly("R46", "A group that an interface has, or that a rule names, cannot be deleted.",
		"To delete is to leave out of the file: one that still attaches or names the group is refused."),
	ours("R47", "A group that only names itself can go."),
	same("R48", "The default group cannot be deleted. Its rules may be edited."),
	same("R49", "An interface has at least one group. What is set replaces the whole list, and too "+
		"many have a code of their own."),
	partly("R50", "Further codes say that a parameter is missing, unknown, or does not go with "+
		"another, or that a quota is exceeded.",
		"Codes about network ACLs, flow logs and interfaces of a network have nothing to be about."),
	absent("R51", "A group can be associated with further networks, and shared with other accounts.",
		noService+" Several hosts may use one file."),
}

// protocols is the table of protocols, ports, types and codes.
var protocols = []Claim{
	same("ports given", "tcp and udp take two ports from 0 to 65535, in order, and keep them."),
	same("ports missing", "tcp and udp without both ports: InvalidParameterValue."),
	same("ports outside", "tcp and udp with port -1 or above 65535: InvalidParameterValue."),
	same("ports reversed", "tcp and udp with the ports the wrong way round: refused."),
	same("icmp given", "icmp takes a type and a code, each from -1, which is all, to 255."),
	same("icmp half", "All types with one code: refused, for all types means all codes."),
	same("icmp any code", "A type with code -1 is that type with every code."),
	same("icmp outside", "A type or code above 255: InvalidParameterValue."),
	same("icmp missing", "icmp without type and code: InvalidParameterValue."),
	same("icmpv6 missing", "icmpv6 without type and code is all of them."),
	same("protocol all", "-1 is all protocols and ports; ports that were given are dropped without "+
		"an error."),
	same("protocol number", "Any other number is the whole protocol; ports that were given are "+
		"ignored."),
	same("protocol unknown", "A name that is none of the four: InvalidParameterValue. ESP is 50, "+
		"everything is -1."),
	same("protocol empty", "No protocol: an error."),
}

// texts is the table of names, descriptions and tags.
var texts = []Claim{
	partly("text group name", "1 to 255 characters out of letters, digits, spaces and some "+
		"punctuation, unique without regard to case. Spaces at the end are trimmed.",
		"Other characters that can be printed are taken. "+ownWords),
	partly("text group description", "1 to 255 characters of the same set; it must be there.",
		"Left out it is Terraform's \"Managed by Terraform\". Up to 1,024 characters that can be "+
			"printed are taken. "+ownWords),
	partly("text rule description", "0 to 255 characters of the same set, & included.",
		"Up to 1,024 characters that can be printed are taken. "+ownWords),
	partly("text reference description",
		"The same for a rule whose peer is a group or a prefix list. AWS's pages disagree about &; it "+
			"is taken.", "Up to 1,024 characters that can be printed are taken. "+ownWords),
	partly("text tag", "Keys of up to 127 and values of up to 256 characters, with regard to case; "+
		"keys do not begin with aws: and are unique.",
		"Up to 1,024 characters, and keys that begin with aws:, are taken. "+ownWords),
}
