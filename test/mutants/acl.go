package main

// acls are faults of network ACLs: their order, what they judge, and who is told.
var acls = []mutant{
	{
		name: "acl-last-match", what: "the highest number that matches decides (N1)",
		file: "filter/match/matcher.go", packages: []string{"./filter/match"},
		old: "(first == NoRule || r < first)", new: "(first == NoRule || r > first)",
	},
	{
		name: "acl-nearest-match", what: "the rule with the narrowest CIDR decides, not the lowest (N1)",
		file: "filter/match/matcher.go", packages: []string{"./filter/match"},
		old: "(first == NoRule || r < first)", new: "first == NoRule",
	},
	{
		name: "acl-order-of-the-file", what: "the first rule of the file decides, not the lowest (N1)",
		file: "filter/network_acl.go", packages: engine,
		old: "return cmp.Compare(a.Number, b.Number) })",
		new: "return cmp.Compare(a.Number, a.Number) })",
	},
	{
		name: "acl-deny-is-allow", what: "a deny allows (N1)",
		file: "filter/network_acl.go", packages: engine,
		old: "r.Action == policy.Allow)", new: "r.Action <= policy.Allow)",
	},
	{
		name: "acl-allows-the-rest", what: "what no rule matches passes (N2)",
		file: "filter/network_acl.go", packages: engine,
		old: "out.allows = []bool{false}", new: "out.allows = []bool{true}",
	},
	{
		name: "acl-wrong-peer", what: "what goes out is judged by its source",
		file: "filter/network_acl.go", packages: engine,
		old: "		peer = dst\n", new: "		peer = src\n",
	},
	{
		name: "acl-wrong-list", what: "what comes in is judged by the list for what goes out (N1)",
		file: "filter/network_acl.go", packages: engine,
		old: "n.lists[d][family(peer)]", new: "n.lists[d.Reverse()][family(peer)]",
	},
	{
		name: "acl-icmp-of-both-families", what: "a rule for the ICMP of the other family matches (N5)",
		file: "filter/network_acl.go", packages: engine,
		old: "			continue // the ICMP of the other family matches nothing real\n",
		new: "			r.Protocol = policy.ICMP + policy.ICMPv6 - r.Protocol\n",
	},
	{
		name: "acl-spares-flows-in", what: "packets of live flows come in whatever is denied (N7)",
		file: "filter/judge.go", packages: engine,
		old: "	if a.acl != nil && d == conntrack.Ingress {",
		new: "	if a.acl != nil && d == conntrack.Ingress && flow == nil {",
	},
	{
		name: "acl-spares-flows-out", what: "packets of live flows go out whatever is denied (N7)",
		file: "filter/judge.go", packages: engine,
		old: "	if a.acl != nil && s.Dir == conntrack.Egress && dec.Accept() &&",
		new: "	if a.acl != nil && s.Dir == conntrack.Egress && dec.Accept() && " +
			"dec.Reason != ReasonFlow &&",
	},
	{
		name: "acl-behind-groups", what: "what comes in meets the groups first (N7)",
		file: "filter/judge.go", packages: engine,
		old: "	if a.acl != nil && d == conntrack.Ingress {",
		new: "	if a.acl != nil && d == conntrack.Ingress && a.permits(Path{Src: p.Src, Dst: p.Dst, " +
			"SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto}, d) != match.NoRule {",
	},
	{
		name: "acl-before-groups", what: "what goes out meets the network ACL first (N7)",
		file: "filter/judge.go", packages: engine,
		old: "	if a.acl != nil && s.Dir == conntrack.Egress && dec.Accept() &&",
		new: "	if a.acl != nil && s.Dir == conntrack.Egress &&",
	},
	{
		name: "acl-denied-begins-flow", what: "what is denied on its way out begins a flow (N12)",
		file: "filter/judge.go", packages: engine,
		old: "dec.Reason, dec.Rule, dec.commit = ReasonNetworkACL, rule, commitNothing",
		new: "dec.Reason, dec.Rule = ReasonNetworkACL, rule",
	},
	{
		name: "acl-before-exempt", what: "questions to exempt services are judged (N11)",
		file: "filter/judge.go", packages: engine,
		old: "		dec.Reason.Exemption() == policy.NoExemption {", new: "		dec.Reason != ReasonNone {",
	},
	{
		name: "acl-before-failsafe", what: "failsafes are judged (N11)",
		file: "filter/network_acl.go", packages: engine,
		old: "!allowed && a.failsafeAt(h, p, d) != policy.NoFailsafe",
		new: "!allowed && a.failsafeAt(h, p, d) > policy.NoFailsafe+100",
	},
	{
		name: "acl-ridden-past", what: "the kernel carries a flow whose answers are denied",
		file: "filter/carry.go", packages: engine,
		old: "		!a.aclAllowsAnswers(p, w.sample.Dir):\n",
		new: "		!a.aclAllowsAnswers(p, w.sample.Dir) && !plain:\n",
	},
	{
		name: "acl-carried-uncounted", what: "what the kernel carried is no hit of a network ACL",
		file: "filter/carry.go", packages: engine,
		old: "if rule, _ := a.aclRuleOf(p, d); rule != match.NoRule {",
		new: "if rule, _ := a.aclRuleOf(p, d); rule != match.NoRule && f.Untracked() {",
	},
	{
		name: "acl-uncounted", what: "a rule of a network ACL counts nothing",
		file: "filter/worker.go", packages: engine,
		old: "	if rule := dec.aclRule(); rule != match.NoRule {",
		new: "	if rule := dec.aclRule(); rule != match.NoRule && dec.Reason == ReasonNetworkACL {",
	},
	{
		name: "acl-numbers-are-one", what: "rules with other numbers share what they counted",
		file: "filter/compile.go", packages: engine,
		old: "acl: r.ACL, number: r.Number, action", new: "acl: r.ACL, action",
	},
	{
		name: "acl-star-uncounted", what: "the rule * does not count for the quota (N10)",
		file: "policy/validate_acl.go", packages: rules,
		old: "	used := map[Family]int{IPv4: 1, IPv6: 1}\n", new: "	used := map[Family]int{}\n",
	},
	{
		name: "acl-number-per-family", what: "each family may have a number once (N1)",
		file: "policy/validate_acl.go", packages: rules,
		old: "other := seen[r.Number]; other != nil {",
		new: "other := seen[r.Number]; other != nil && FamilyOf(other.CIDR) == FamilyOf(r.CIDR) {",
	},
	{
		name: "acl-reserved-number", what: "the numbers of the rules * can be written (N1)",
		file: "policy/validate_acl.go", packages: rules,
		old: "r.Number > MaxACLNumber {", new: "r.Number > LastACLNumber(IPv6) {",
	},
	{
		name: "acl-unknown-is-none", what: "an interface with a list that is not there has none",
		file: "policy/validate_acl.go", packages: rules,
		old: "	if name == \"\" || v.p.NetworkACL(name) != nil {", new: "	if len(name) < 100 {",
	},
	{
		name: "acl-answers-unguarded", what: "a list that stops the answers of SSH is no lockout",
		file: "cmd/internal/host/ssh/guard.go", packages: []string{"./cmd/internal/host/ssh"},
		old: "x.Verdict.Accept() && x.Reply.Reason != filter.ReasonNetworkACL {",
		new: "x.Verdict.Accept() {",
	},
	{
		name: "acl-set-order", what: "diff and audit take the highest number that matches (N1)",
		file: "policy/space/network_acl.go", packages: []string{"./policy/space"},
		old: "return cmp.Compare(b.Number, a.Number)", new: "return cmp.Compare(a.Number, b.Number)",
	},
	{
		name: "acl-diff-blind", what: "diff does not see what a list denies that it allowed before",
		file: "policy/compare/interface.go", packages: []string{"./policy/compare"},
		old: "b.Minus(a), a.Minus(b)", new: "b.Minus(a), a.Minus(a)",
	},
	{
		name: "acl-answers-assumed", what: "an audit does not ask the list about answers (N8)",
		file: "policy/audit/network_acl.go", packages: []string{"./policy/audit"},
		old: "	other := policy.Egress - d\n", new: "	other := d\n",
	},
	{
		name: "acl-import-turned", what: "rules for what goes out are imported for what comes in",
		file: "policy/awsjson/network_acl.go", packages: []string{"./policy/awsjson"},
		old: "return r, v.Text == \"true\",", new: "return r, v.Text == \"false\",",
	},
	{
		name: "acl-change-untold", what: "a reload does not tell which rules of a list are others",
		file: "policy/diff.go", packages: rules,
		old: "d.sets(aclRules(dir, a), aclRules(dir, b))",
		new: "d.sets(aclRules(dir, a), aclRules(dir, a))",
	},
}
