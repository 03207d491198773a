package main

// decisions are faults of how the engine reads and judges packets and keeps its
// books about them.
var decisions = []mutant{
	{
		name: "wrong-direction", what: "ingress packets are judged by egress rules",
		file: "filter/judge.go", packages: engine,
		old: "a.matchers[d][family(peer)]", new: "a.matchers[d.Reverse()][family(peer)]",
	},
	{
		name: "wrong-peer", what: "the peer of an egress packet is its source",
		file: "filter/judge.go", packages: engine,
		old: "		peer = p.Dst\n", new: "		peer = p.Src\n",
	},
	{
		name: "undelivered-from-anywhere", what: "any error about what rules would permit passes (T24)",
		file: "filter/undelivered.go", packages: engine,
		old: "h != HookOutput || ", new: "",
	},
	{
		name: "undelivered-by-ingress", what: "what an error quotes is judged in the error's direction",
		file: "filter/undelivered.go", packages: engine,
		old: "a.matchers[back][family(peer)]", new: "a.matchers[d][family(peer)]",
	},
	{
		name: "undelivered-foreign", what: "an error about another's packet passes as the guest's (T24)",
		file: "filter/undelivered.go", packages: engine,
		old: "p.Quote.Src != p.Dst || ", new: "",
	},
	{
		name: "link-local-routed", what: "a guest's link-local addresses count beyond its link (D9)",
		file: "filter/address.go", packages: engine,
		old: "return h != HookForward && (a.own.linkLocal", new: "return (a.own.linkLocal",
	},
	{
		name: "link-local-unlisted", what: "a guest has other link-local addresses than those listed",
		file: "filter/address.go", packages: engine,
		old: "own.linkLocal = own.linkLocal && !linkLocal(a)\n", new: "_ = own.linkLocal\n",
	},
	{
		name: "prefix-too-wide", what: "a prefix of a guest is twice as large (D9)",
		file: "filter/address.go", packages: engine,
		old: "			bits += 96\n", new: "			bits += 95\n",
	},
	{
		name: "prefix-no-member", what: "a delegated prefix is no member of its groups (R31)",
		file: "policy/interface.go", packages: []string{"./policy/...", "./test/guest"},
		old: "	return append(out, prefixes...)\n", new: "	return out\n",
	},
	{
		name: "bridged-is-judged", what: "frames that stay on a bridge are judged like routed packets",
		file: "filter/worker.go", packages: engine,
		old: "	case ev.Bridged:\n		if f", new: "	case ev.Bridged && p == nil:\n		if f",
	},
	{
		name: "routed-is-bridged", what: "what goes out through a bridge passes as bridged",
		file: "filter/nfqueue/message.go", packages: []string{"./filter/nfqueue"},
		old: "m.outPort != 0 && m.ev.Hook == filter.HookForward", new: "m.outPort != 0",
	},
	{
		name: "hairpin-is-bridged", what: "what is routed back to its bridge passes in the table",
		file: "filter/nft/bridge_linux.go", packages: []string{"./filter/nft"},
		old: "unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}",
		new: "unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 1}",
	},
	{
		name: "rules-before-flow", what: "a live flow dies with its rule (T15)",
		file: "filter/judge.go", packages: engine,
		old: "		case conntrack.OutcomeMember:\n", new: "		case conntrack.OutcomeMember + 100:\n",
	},
	{
		name: "error-not-addressed", what: "an ICMP error to anyone relates to the flow it quotes (T24)",
		file: "filter/judge.go", packages: engine,
		old: "p.Quote.Src != p.Dst || ", new: "",
	},
	{
		name: "error-without-flow", what: "an ICMP error that quotes an unknown flow passes (T24)",
		file: "filter/judge.go", packages: engine,
		old: "	case flow == nil, p.Quoted",
		new: "	case p.Quoted && a.related:\n		dec.Reason = ReasonRelated\n		return\n	case flow == nil, " +
			"p.Quoted",
	},
	{
		name: "redirect-relates", what: "a redirect about a live flow passes (T24)",
		file: "filter/packet/icmp.go", packages: parser,
		old: "		case icmpUnreachable, icmpTimeExceeded, icmpParameter:\n",
		new: "		case icmpUnreachable, icmpTimeExceeded, icmpParameter, 5:\n",
	},
	{
		name: "icmp-id-ignored", what: "an echo reply with any identifier belongs to the ping (T9)",
		file: "filter/packet/tuple.go", packages: parser,
		old: "		return icmpID, conntrack.QueryPort(asked)\n	case roleAnswers:\n		return " +
			"conntrack.QueryPort(asked), icmpID\n",
		new: "		return 0, conntrack.QueryPort(asked)\n	case roleAnswers:\n		return " +
			"conntrack.QueryPort(asked), 0\n",
	},
	{
		name: "scope-ignored", what: "a flow of one interface opens another (T26)",
		file: "filter/scopes.go", packages: engine,
		old: "		a.Scope = s.lookup(a.key())\n		s.uses",
		new: "		a.Scope = min(1, s.lookup(a.key()))\n		s.uses",
	},
	{
		name: "forged-neighbour", what: "neighbour discovery from beyond the link counts as a failsafe",
		file: "filter/failsafe.go", packages: engine,
		old: "t >= 133 && t <= 137 && p.HopLimit == 255", new: "t >= 133 && t <= 137 && p.HopLimit > 0",
	},
	{
		name: "routed-failsafe", what: "the ports of DHCP pass through the machine (X3)",
		file: "filter/failsafe.go", packages: engine,
		old: "	if h == HookForward || ", new: "	if h == HookForward+1 || ",
	},
	{
		name: "publish-does-not-wait", what: "a reload answers while old rules still decide",
		file: "filter/engine.go", packages: engine,
		old: "		w.waitForBoundary()\n", new: "		_ = w\n",
	},
	{
		name: "orphans-are-none", what: "a flow without a rule is no orphan",
		file: "filter/flow_review.go", packages: engine,
		old: "opening(f)) != match.NoRule\n", new: "opening(f)) != match.NoRule+1<<31\n",
	},
	{
		name: "one-interface-of-two", what: "a forwarded packet is judged where it enters only (D7)",
		file: "filter/worker.go", packages: engine,
		old: "			return w.cross(a, ev.sending(), a.inward.Reverse())\n",
		new: "			if r == ReasonNone {\n				return w.cross(a, ev.sending(), " +
			"a.inward.Reverse())\n			}\n",
	},
	{
		name: "scope-reused-with-flows",
		what: "a device gets the number of one that is gone, and its flows (T26)",
		file: "filter/scopes.go", packages: engine,
		old: "		if dead[f.Tuple.Scope()] && e", new: "		if dead[0] && e",
	},
	{
		name: "own-answer", what: "what enters a scope from an address to itself leaves it by its own " +
			"flow (D7)",
		file: "filter/judge.go",
		old:  "	return t.Local != t.Remote || t.LocalPort != t.RemotePort\n", new: "	return true\n",
	},
	{
		name: "ports-behind-gre",
		what: "a protocol without ports has those that its payload imitates (R13)",
		file: "filter/packet/ip4.go", packages: parser,
		old: "	case protoUDP:\n", new: "	case protoUDP, 47, 136:\n",
	},
	{
		name: "hits-of-flows", what: "every packet of a flow is a hit of its rule",
		file: "filter/worker.go", packages: engine,
		old: "	case ReasonRule, ReasonUntracked, ReasonNoRoom:\n		w.hit(dec.Rule)",
		new: "	case ReasonRule, ReasonUntracked, ReasonNoRoom, ReasonFlow:\n		w.hit(dec.Rule)",
	},
	{
		name: "log-of-another", what: "the log shows packets of other ports than asked for",
		file: "filter/selection.go", packages: engine,
		old: "&& low <= port && port <= high", new: "&& low <= high || port == 0",
	},
	{
		name: "drops-forgotten", what: "the last drops are not remembered",
		file: "filter/recent_drops.go", packages: engine,
		old: "		if !Dropping.Has(", new: "		if Dropping.Has(",
	},
	{
		name: "drops-not-folded", what: "each try of a client is a drop of its own in the log",
		file: "filter/drop_key.go", packages: engine,
		old: "		k.what |= uint64(flags)\n		*source = 0\n",
		new: "		k.what |= uint64(flags)\n",
	},
	{
		name: "noise-stays", what: "the drop that matters makes room for noise in the log",
		file: "filter/recent_drops.go", packages: engine,
		old: "size > largest ||", new: "size < largest || largest == 0 ||",
	},
	{
		name: "answers-open-flows", what: "the answer of a flow that was cut opens a tracked one (T15)",
		file: "filter/untracked.go", packages: engine,
		old: "		opener = flow.Opener()\n", new: "		opener = d\n",
	},
	{
		name: "forgotten-goes-on",
		what: "a connection that was cut and is forgotten begins again with an answer (T15, T22)",
		file: "filter/open_rules.go", packages: engine,
		old: "	return w != nil && (w.returning[d][family][0] != match.NoRule ||\n		",
		new: "	return w != nil && (",
	},
	{
		name: "past-forgotten",
		what: "a forgotten connection begins again by a narrow rule for its answers (T15)",
		file: "filter/past_openings.go", packages: engine,
		old: "	return in != nil && ", new: "	return in != nil && port == 0 && ",
	},
	{
		name: "opener-guessed",
		what: "who goes on first is remembered as the opener, where either may be (T19)",
		file: "filter/untracked.go", packages: engine,
		old: "	if tcp && flow == nil && !begins && t.open.mayAnswer(",
		new: "	o, r := t.open.untracked(d, f, p.Proto, p.DstPort)\n	if o != match.NoRule && r != " +
			"match.NoRule {\n	} else if tcp && flow == nil && !begins && t.open.mayAnswer(",
	},
	{
		name: "datagram-is-an-answer",
		what: "a datagram that goes out is the answer of whoever might have asked (T2)",
		file: "filter/untracked.go", packages: engine,
		old: "	if tcp && flow == nil && !begins && t.open.mayAnswer(",
		new: "	if flow == nil && !begins && t.open.mayAnswer(",
	},
	{
		name: "exempt-among-drops", what: "the log of the last drops has what was exempt, and room for " +
			"little else",
		file: "filter/verdict_watch.go", packages: engine,
		old: "1<<(ReasonExemptTime+1) -", new: "1<<ReasonExemptResolvers -",
	},
	{
		name: "untracked-stays", what: "an untracked flow stays untracked without its return rule (T19)",
		file: "filter/untracked.go", packages: engine,
		old: "	left := opening != match.NoRule && returning != match.NoRule\n",
		new: "	left := known && opener == flow.Opener() || opening != match.NoRule && returning != " +
			"match.NoRule\n",
	},
	{
		name: "left-behind-goes-on", what: "flows that an interface left behind are said to go on",
		file: "filter/flow_review.go", packages: engine,
		old: "	case f.Untracked || !held:\n", new: "	case f.Untracked && !held:\n",
	},
	{
		name: "unasked-answers",
		what: "what comes from an exempt service passes though nobody asked (X2)",
		file: "filter/exempt.go", packages: engine,
		old: "	if d == conntrack.Ingress && !e.pending.open(pending, t.Proto()) {\n",
		new: "	if d == conntrack.Ingress && pending == 0 {\n",
	},
	{
		name: "fragment-asks", what: "a fragment opens an exempt service's answer (T25)",
		file: "filter/judge.go", packages: engine,
		old: "d == conntrack.Egress && p.Trackable() && ", new: "d == conntrack.Egress && ",
	},
	{
		name: "corrupt-begins", what: "a packet with a wrong checksum begins a flow (T27)",
		file: "filter/judge.go", packages: engine,
		old: "		!p.Intact() {\n", new: "		false {\n",
	},
	{
		name: "corrupt-untracked",
		what: "a packet with a wrong checksum begins an untracked flow (T27)",
		file: "filter/judge.go", packages: engine,
		old: "	if (dec.commit == commitInsert || dec.commit == commitUntracked) &&",
		new: "	if dec.commit == commitInsert &&",
	},
	{
		name: "corrupt-asks",
		what: "a question with a wrong checksum opens an exempt service's answer (T27)",
		file: "filter/judge.go", packages: engine,
		old: " && p.Trackable() && p.Intact() {", new: " && p.Trackable() {",
	},
	{
		name: "partial-is-wrong",
		what: "a checksum that a device is yet to fill in counts as wrong",
		file: "filter/packet/checksum.go", packages: parser,
		old: " || info&(InfoCsumNotReady|InfoGSO) != 0 ||", new: " ||",
	},
	{
		name: "uncomputed-is-wrong", what: "a datagram without a checksum has a wrong one",
		file: "filter/packet/checksum.go", packages: parser,
		old: "		if b[6]|b[7] == 0 {", new: "		if b[6]|b[7] == 0 && len(b) == 0 {",
	},
	{
		name: "copy-is-all", what: "the sum of what was copied counts as that of the packet",
		file: "filter/packet/checksum.go", packages: parser,
		old: "		p.rerouted || len(h) != left {\n", new: "		p.rerouted {\n",
	},
	{
		name: "exempt-anywhere", what: "an exempt service is exempt at every address",
		file: "filter/exempt.go", packages: engine,
		old: "	case e.at[x].has(a):\n", new: "	case e.on.Has(x):\n",
	},
	{
		name: "zone-has-no-number", what: "a name server's zone is a device's name alone",
		file: "filter/ruleset.go", packages: []string{"./filter", "./test/rules"},
		old: "zone == a.at.number || ", new: "",
	},
	{
		name: "wire-forwards-failsafes", what: "what is routed counts as DHCP in prerouting (X6)",
		file: "filter/failsafe.go", packages: engine,
		old: "h == HookPrerouting && !grouped(p.Dst)", new: "h == HookPrerouting && p == nil",
	},
	{
		name: "wire-judged-twice",
		what: "an interface of the wire is asked in the forward hook, too (X8)",
		file: "filter/worker.go", packages: engine,
		old: "return b != nil && !b.wire && ", new: "return b != nil && b.wire && ",
	},
	{
		name: "exempt-forwarded", what: "what a host forwards to an exempt service passes (X6)",
		file: "filter/exempt.go", packages: engine,
		old: "	if h == HookForward && !guest {\n", new: "	if h == HookForward && a == nil && !guest {\n",
	},
	{
		name: "lent-credentials", what: "a guest asks the metadata service beyond this machine",
		file: "filter/exempt.go", packages: engine,
		old: " || x == policy.ExemptMetadata && h == HookForward &&\n",
		new: " || x == policy.ExemptMetadata && a == nil &&\n",
	},
	{
		name: "failsafe-half-cut", what: "a failsafe that is switched off passes in the daemon (X2)",
		file: "filter/failsafe.go", packages: engine,
		old: "if l := FailsafeOf(p, d); !t.cut.Has(l) {", new: "if l := FailsafeOf(p, d); t != nil {",
	},
}
