package audit

// Codes of the checks that other code speaks of.
const (
	openSensitive     = "open-sensitive"
	openRisky         = "open-risky"
	openAmplifier     = "open-amplifier"
	allPortsIn        = "all-ports-in"
	allPortsOut       = "all-ports-out"
	telnet            = "telnet"
	badReputation     = "bad-reputation"
	wideRange         = "wide-range"
	widePeer          = "wide-peer"
	pingOpen          = "ping-open"
	stalePeer         = "stale-peer"
	looseSharedGroup  = "loose-shared-group"
	defaultInUse      = "default-in-use"
	httpClear         = "http-clear"
	noDescription     = "no-description"
	deadICMP          = "dead-icmp"
	openOut           = "open-out"
	pmtudBlocked      = "pmtud-blocked"
	shadowed          = "shadowed"
	duplicate         = "duplicate"
	nearQuota         = "near-quota"
	manyRules         = "many-rules"
	unusedRule        = "unused-rule"
	unusedGroup       = "unused-group"
	wideUse           = "wider-than-used"
	familyGap         = "family-gap"
	untrackedExposure = "untracked-exposure"
	launchWizard      = "launch-wizard"
	badIgnore         = "bad-ignore"
	worldInParts      = "everybody-in-parts"
	aclNoAnswers      = "acl-no-answers"
	aclUnreached      = "acl-unreached"
	aclAdmin          = "acl-admin-open"
	aclUnused         = "acl-unused"
)

var checks = []Check{
	{
		Code: openSensitive, Severity: High,
		Title: "a service for administrators or data is open to everybody",
		Why: "Scanners find an open port within minutes, and try passwords and known holes of what " +
			"answers.",
		Do: "Permit the addresses or the group that need it, and nobody else.",
		Instead: "a VPN, a bastion host or Session Manager for people; a group as the peer for " +
			"machines.",
		// Those that are about one port are in serviceCodes.
		Also: Also{
			Prowler: []string{prowler + "high_risk_tcp_ports"},
			AWS: []string{"EC2.19", "restricted-common-ports", "vpc-sg-port-restriction-check",
				"HCP4007jGY"}},
	},
	{
		Code: telnet, Severity: High,
		Title: "telnet is open",
		Why:   "Telnet sends passwords and all else in clear text; whoever is on the way reads them.",
		Do:    "Remove the rule.", Instead: "SSH.",
		Also: Also{Prowler: []string{prowlerPort + "telnet_23"},
			AWS: []string{"EC2.19"}},
	},
	{
		Code: allPortsIn, Severity: High,
		Title: "all ports are open to everybody",
		Why: "Whatever the machine runs, now or later, answers the whole internet, and so does what " +
			"was never meant to.",
		Do:      "Permit the ports that are served, each to those who use it.",
		Instead: "one rule for each service; a group as the peer for machines.",
		Also: Also{Checkov: []string{"CKV_AWS_277"}, Trivy: []string{"AVD-AWS-0107"},
			Prowler: []string{prowler + "all_ports",
				prowler + "any_port"},
			AWS: []string{"EC2.18", "vpc-sg-open-only-to-authorized-ports", "1iG5NDGVre"}},
	},
	{
		Code: openAmplifier, Severity: High,
		Title: "a UDP service that floods others is open to everybody",
		Why: "The source of a UDP question is easily forged. The longer answer goes to a victim: the " +
			"machine takes part in attacks, and its own line fills.",
		Do:      "Permit the addresses that use the service; switch it off if nobody does.",
		Instead: "a resolver or time server for your own networks only.",
	},
	{
		Code: badReputation, Severity: High,
		Title: "a peer is on a block list",
		Why: "The addresses are known for attacks or stolen networks: the rule lets them in, or lets " +
			"this machine talk to them.",
		Do:      "Find out why the rule is there. Remove it, or replace the address by its successor.",
		Instead: "",
	},
	{
		Code: openRisky, Severity: Medium,
		Title: "a port that is often left open by mistake is open to everybody",
		Why: "Development servers, panels and mail in clear text listen here, mostly without " +
			"passwords or encryption.",
		Do:      "Permit the addresses that need it, or put it behind a server on 443.",
		Instead: "443 with TLS; for mail 465, 587, 993 and 995.",
		Also: Also{
			Prowler: []string{prowler + "high_risk_tcp_ports"},
			AWS:     []string{"EC2.18", "EC2.19", "HCP4007jGY"}},
	},
	{
		Code: wideRange, Severity: Medium,
		Title: "a range of many ports is open to public addresses",
		Why: "Whatever listens in the range is open, too. Nobody knows later which of the ports is " +
			"needed.",
		Do:      "Permit the ports that are served.",
		Instead: "one rule for each service, or a narrow range that the service is set to.",
		Also: Also{AWS: []string{"EC2.18"},
			Prowler: []string{prowler + "any_port"}},
	},
	{
		Code: pingOpen, Severity: Medium,
		Title: "everybody can ping",
		Why: "Answers to echo requests tell scanners which addresses are worth a visit, and other ICMP " +
			"types tell more.",
		Do: "Permit echo requests (icmp type 8, icmpv6 type 128) from where you monitor. Errors about " +
			"live flows pass without any rule.",
		Instead: "monitoring by an open port or a status page.",
	},
	{
		Code: stalePeer, Severity: Medium,
		Title: "a peer stands for nobody",
		Why: "A group without members, or a list without entries, matches nothing. When somebody fills " +
			"it later, for whatever reason, the rule comes to life.",
		Do: "Remove the rule, or give the group members and the list entries.",
	},
	{
		Code: looseSharedGroup, Severity: Medium,
		Title: "a group on every interface opens ports to everybody",
		Why: "What one machine or device needs is open on all of them, and on each one that is added " +
			"later.",
		Do:      "Move what is open to everybody into a group for those that serve it.",
		Instead: "several small groups on an interface: their rules add up.",
	},
	{
		Code: defaultInUse, Severity: Medium,
		Title: "the default group permits something",
		Why: "Whatever is started without a group has this one: mistakes are connected to each other, " +
			"and to everything outside.",
		Do:      "Give each interface groups of its own, and take all rules from the default group.",
		Instead: "a group for each role.",
		Also: Also{Checkov: []string{"CKV2_AWS_12"}, Trivy: []string{"AVD-AWS-0173"},
			Prowler: []string{"ec2_securitygroup_default_restrict_traffic"},
			AWS:     []string{"EC2.2", "vpc-default-security-group-closed"},
			CIS:     []string{"CIS 6.0 6.5"}},
	},
	{
		Code: aclNoAnswers, Severity: Medium,
		Title: "a network ACL stops the answers to what it lets pass",
		Why: "A network ACL knows no connections: answers need a rule of the other direction, for the " +
			"port that the client took. Without it connections hang that everything else permits.",
		Do: "Allow tcp and udp 32768-60999 there, which Linux takes, or 1024-65535 for everybody.",
	},
	{
		Code: aclUnreached, Severity: Medium,
		Title: "a rule of a network ACL is never reached",
		Why: "The lowest number that matches decides. Whoever reads the rule believes that it does " +
			"something, most of all where it denies.",
		Do: "Give it a number before those that decide about its packets, or remove it.",
	},
	{
		Code: aclAdmin, Severity: Low,
		Title: "a network ACL lets everybody reach SSH or RDP",
		Why: "The network ACL is what stands where a group is opened by mistake: for ports of " +
			"administrators it should know from where.",
		Do: "Allow the networks of administrators, and nobody else.",
		Also: Also{Checkov: []string{"CKV_AWS_231", "CKV_AWS_232"},
			Prowler: []string{"ec2_networkacl_allow_ingress_tcp_port_22",
				"ec2_networkacl_allow_ingress_tcp_port_3389"},
			AWS: []string{"EC2.21", "nacl-no-unrestricted-ssh-rdp"},
			CIS: []string{"CIS 1.4 5.1"}},
	},
	{
		Code: httpClear, Severity: Low,
		Title: "HTTP is open to everybody, and HTTPS is not",
		Why:   "What goes over port 80 can be read and changed on the way.",
		Do:    "Serve 443 and keep 80 for the redirection to it.", Instead: "HTTPS.",
		Also: Also{Checkov: []string{"CKV_AWS_260"}},
	},
	{
		Code: widePeer, Severity: Low,
		Title: "a peer is a wide range of public addresses",
		Why: "Few organizations have so many addresses: most belong to strangers, such as customers of " +
			"the same provider.",
		Do:      "Permit the addresses that are used.",
		Instead: "a prefix list that is kept up to date.",
		Also: Also{
			Prowler: []string{"ec2_securitygroup_allow_wide_open_public_ipv4"}},
	},
	{
		Code: noDescription, Severity: Low,
		Title: "a group or a rule has no description",
		Why:   "Who reviews it later cannot tell what it is for, and nobody dares to remove it.",
		Do:    "Say who needs it and for what.",
		Also:  Also{Checkov: []string{"CKV_AWS_23"}, Trivy: []string{"AVD-AWS-0099", "AVD-AWS-0124"}},
	},
	{
		Code: deadICMP, Severity: Low,
		Title: "an ICMP rule matches nothing",
		Why: "Its type or code does not exist, or its version is not that of the peer's addresses: " +
			"somebody meant something else.",
		Do: "Write icmp with IPv4 peers and icmpv6 with IPv6 peers, and a type that exists.",
	},
	{
		Code: worldInParts, Severity: Low,
		Title: "networks of a rule are everybody together",
		Why: "Who reads 0.0.0.0/1 and 128.0.0.0/1 sees no 0.0.0.0/0, and neither do tools that look " +
			"for that text.",
		Do:      "Write 0.0.0.0/0 or ::/0 if everybody is meant.",
		Instead: "The networks that need it.",
	},
	{
		Code: badIgnore, Severity: Low,
		Title: "a comment to ignore findings does not work",
		Why: "It has expired, is not understood, or nothing is found there any more: what it was for " +
			"may be forgotten.",
		Do: "Remove it, or write it anew: sgfw:ignore CODE until 2027-01-31: reason",
	},
	{
		Code: allPortsOut, Severity: Notice,
		Title: "everything may go out to everybody",
		Why: "Whoever gets into the machine can fetch tools and carry data away. AWS opens this in " +
			"every new group, so often nobody decided it.",
		Do: "Permit what the machine uses: names, time, updates, its own services. Mind that narrow " +
			"outbound rules make all inbound flows tracked in AWS.",
		Instead: "rules for 443, 53 and 123, or a proxy.",
		Also:    Also{Checkov: []string{"CKV_AWS_382"}, Trivy: []string{"AVD-AWS-0104"}},
	},
	{
		Code: openOut, Severity: Notice,
		Title: "some ports may go out to everybody",
		Why:   "Data can be carried away on them, to anywhere.",
		Do:    "If the other side is known, name it.", Instead: "a prefix list of the service.",
		Also: Also{Trivy: []string{"AVD-AWS-0104"}},
	},
	{
		Code: pmtudBlocked, Severity: Notice,
		Title: "ICMP errors that say how long packets may be are dropped",
		Why: "With icmp_errors: rules they need a rule. Without them connections through tunnels hang " +
			"once they carry much.",
		Do:      "Permit icmp type 3 code 4 and icmpv6 type 2 from everybody.",
		Instead: "icmp_errors: related",
	},
	{
		Code: shadowed, Severity: Notice,
		Title: "a rule permits nothing that others do not",
		Why: "It looks as if it limited something. Removing it changes nothing, and who relies on it " +
			"is mistaken.",
		Do: "Remove it, or the wider one.",
	},
	{
		Code: duplicate, Severity: Notice,
		Title: "two rules permit the same",
		Why:   "Removing one of them does not close what it says.",
		Do:    "Keep one of them.",
	},
	{
		Code: nearQuota, Severity: Notice,
		Title: "a quota is nearly used up",
		Why:   "The next rules may be refused, in a moment when they are needed.",
		Do:    "Merge rules, use a prefix list, or raise the quota.",
	},
	{
		Code: manyRules, Severity: Notice,
		Title: "a group has more than 50 rules",
		Why:   "Nobody reviews so many. AWS lists such groups for the same reason.",
		Do:    "Split the group by what its rules are for; put addresses into prefix lists.",
		Also:  Also{Prowler: []string{"ec2_securitygroup_with_many_ingress_egress_rules"}},
	},
	{
		Code: unusedRule, Severity: Notice,
		Title: "a rule has permitted nothing since the daemon counts",
		Why:   "A rule that nobody uses is open for somebody who should not.",
		Do:    "Ask whom its description names, and remove it.",
	},
	{
		Code: wideUse, Severity: Notice,
		Title: "a rule is wider than what was seen of it",
		Why:   "What nobody uses need not be open.",
		Do:    "Compare what was seen with what you know, and narrow the rule.",
	},
	{
		Code: unusedGroup, Severity: Notice,
		Title: "a group is attached to nothing",
		Why:   "It is not maintained, and whoever attaches it one day gets what was right long ago.",
		Do:    "Remove it.",
		Also: Also{Checkov: []string{"CKV2_AWS_5"}, Prowler: []string{"ec2_securitygroup_not_used"},
			AWS: []string{"EC2.22", "ec2-security-group-attached-to-eni-periodic"}},
	},
	{
		Code: aclUnused, Severity: Notice,
		Title: "a network ACL is on no interface",
		Why:   "It looks as if it denied something.",
		Do:    "Give it to an interface (`network_acl`), or remove it.",
		Also:  Also{AWS: []string{"EC2.16", "vpc-network-acl-unused-check"}},
	},
	{
		Code: familyGap, Severity: Notice,
		Title: "what is open in one IP version is closed in the other",
		Why: "0.0.0.0/0 is no IPv6 address, and ::/0 no IPv4 one. Clients of the other version are " +
			"dropped, and nobody sees why.",
		Do: "Add the other family, or say in the description that it is meant so.",
	},
	{
		Code: untrackedExposure, Severity: Notice,
		Title: "flows of a rule are not tracked",
		Why: "With tracking: aws, flows that rules for everybody permit both ways are not tracked. " +
			"They end at once when the rule goes: also the SSH session in which it is removed.",
		Do: "Narrow the peer, or the outbound rule.", Instead: "tracking: always",
	},
	{
		Code: launchWizard, Severity: Notice,
		Title: "a group was made by the launch wizard",
		Why:   "It has the wizard's rules, often SSH from everybody, and a name that says nothing.",
		Do:    "Make a group for the role, and use it instead.",
		Also:  Also{Prowler: []string{"ec2_securitygroup_from_launch_wizard"}},
	},
}
