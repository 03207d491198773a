package main

// mutant is one seeded fault: a text of one file and what stands there instead.
type mutant struct {
	name, what string
	file       string
	old, new   string
	// packages are tested first, being quick; the black-box tests come after.
	packages []string
	// total mutants are judged by every black-box test on its own.
	total bool
}

// withoutPackets are black-box tests that no fault of the engine can concern.
var withoutPackets = map[string]bool{
	"TestNevers":           true,
	"TestImports":          true,
	"TestDaemonAloneWires": true,
	"TestServiceExposure":  true,
	"TestServiceConfines":  true,
}

var (
	engine = []string{"./filter"}
	table  = []string{"./conntrack", "./filter"}
	daemon = []string{"./cmd/internal/daemon"}
	parser = []string{"./filter/packet", "./filter"}
	// random are the random trials: these are faults that need the right packet at
	// the right time.
	random = []string{"./test/differential"}
	rules  = []string{"./policy", "./policy/file"}
)

var mutants = []mutant{
	{
		name: "accept-all", what: "every packet passes", total: true,
		file: "filter/worker.go",
		old:  "	return r.Accepts()\n", new: "	_ = r\n	return true\n",
	},
	{
		name: "drop-all", what: "no packet passes", total: true,
		file: "filter/worker.go",
		old:  "	return r.Accepts()\n", new: "	_ = r\n	return false\n",
	},
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
		name: "zero-crosses-families", what: "0.0.0.0/0 admits IPv6, ::/0 admits IPv4 (R20)",
		file: "filter/compile.go", packages: engine,
		old: "		grants[f] = append(grants[f], grant{",
		new: "		if n == 0 {\n			grants[1-f] = append(grants[1-f], grant{key: k, bits: n, span: span{lo: lo, hi: hi, rule: id}})\n		}\n		grants[f] = append(grants[f], grant{",
	},
	{
		name: "icmp-widened", what: "an icmp rule with an IPv6 CIDR matches something (R12)",
		file: "filter/compile.go", packages: engine,
		old: "r.Protocol == policy.ICMP && f == 1 || ", new: "",
	},
	{
		name: "no-default-egress", what: "members of the default group send nothing (D1)",
		file: "policy/group.go", packages: []string{"./policy/file"},
		old: "		Ingress: DefaultIngress(), Egress: DefaultEgress(),\n", new: "		Ingress: DefaultIngress(),\n",
	},
	{
		name: "default-group-open", what: "the default group lets everybody in (D2)",
		file: "policy/group.go", packages: []string{"./policy/file"},
		old: "Peer: Peer{Kind: PeerGroup, Name: DefaultName, Self: true}", new: "Peer: Peer{Kind: PeerCIDR, CIDR: AnyIPv4}",
	},
	{
		name: "ids-of-a-run", what: "every start of the daemon gives other IDs (R7)",
		file: "cmd/internal/state/seed.go", packages: []string{"./cmd/internal/state"},
		old: "	if err == nil {\n		return s, nil\n	}\n	s, ok :=", new: "	if err == nil {\n		_, _ = rand.Read(s[:])\n		return s, nil\n	}\n	s, ok :=",
	},
	{
		name: "description-is-identity", what: "a rule with another description has another ID (R3)",
		file: "policy/rule.go", packages: []string{"./policy"},
		old: "r.Peer.CIDR, r.Peer.Name}\n", new: "r.Peer.CIDR, r.Peer.Name + r.Description}\n",
	},
	{
		name: "id-selects-all", what: "the ID of a rule selects the flows of its whole group",
		file: "cmd/internal/explain/select.go", packages: []string{"./cmd/internal/explain"},
		old: "return filter.RuleID(f.Rule) == id })", new: "return filter.RuleID(f.Rule) == id || id > 0 })",
	},
	{
		name: "port-off-by-one-high", what: "the port above a range passes",
		file: "filter/selector.go", packages: engine,
		old: "base | selector(r.From), base | selector(r.To)", new: "base | selector(r.From), (base | selector(r.To)) + 1",
	},
	{
		name: "port-off-by-one-low", what: "the lowest port of a range does not pass",
		file: "filter/selector.go", packages: engine,
		old: "base | selector(r.From), base | selector(r.To)", new: "(base | selector(r.From)) + 1, base | selector(r.To)",
	},
	{
		name: "source-port", what: "rules look at the source port (R6)",
		file: "filter/selector.go", packages: engine,
		old: "selector(p.Proto)<<16 | selector(p.DstPort)", new: "selector(p.Proto)<<16 | selector(p.SrcPort)",
	},
	{
		name: "icmp-code-ignored", what: "a rule for one code admits every code of the type",
		file: "filter/selector.go", packages: engine,
		old: "		case r.To < 0:\n", new: "		case r.To < 256:\n",
	},
	{
		name: "icmp-type-ignored", what: "a rule for one type admits every type",
		file: "filter/selector.go", packages: engine,
		old: "		case r.From < 0:\n", new: "		case r.From < 256:\n",
	},
	{
		name: "fragment-has-port-0", what: "a later fragment is judged as port 0 (T25)",
		file: "filter/selector.go", packages: engine,
		old: "		return portless\n", new: "		return selector(p.Proto) << 16\n",
	},
	{
		name: "union-of-one", what: "only the first of several groups counts (D6)",
		file: "filter/compile.go", packages: engine,
		old: "	names = slices.Compact(slices.Sorted(slices.Values(names)))\n",
		new: "	names = slices.Compact(slices.Sorted(slices.Values(names[:min(1, len(names))])))\n",
	},
	{
		name: "group-peer-is-anyone", what: "a group reference admits every address (R27)",
		file: "filter/compile.go", packages: engine,
		old: "			out[i] = netip.PrefixFrom(a, a.BitLen())\n", new: "			out[i] = netip.PrefixFrom(a, 0).Masked()\n",
	},
	{
		name: "rules-before-flow", what: "a live flow dies with its rule (T15)",
		file: "filter/judge.go", packages: engine,
		old: "		case conntrack.OutcomeMember:\n", new: "		case conntrack.OutcomeMember + 100:\n",
	},
	{
		name: "reply-not-tracked", what: "replies are judged by rules (T1)",
		file: "conntrack/flow.go", packages: table,
		old: "	if s.Class != f.class {\n", new: "	if s.Class != f.class || s.Dir != f.Opener() {\n",
	},
	{
		name: "error-not-addressed", what: "an ICMP error to anyone relates to the flow it quotes (T24)",
		file: "filter/judge.go", packages: engine,
		old: "p.Quote.Src != p.Dst || ", new: "",
	},
	{
		name: "error-without-flow", what: "an ICMP error that quotes an unknown flow passes (T24)",
		file: "filter/judge.go", packages: engine,
		old: "	case flow == nil, p.Quoted", new: "	case p.Quoted && a.related:\n		dec.Reason = ReasonRelated\n		return\n	case flow == nil, p.Quoted",
	},
	{
		name: "redirect-relates", what: "a redirect about a live flow passes (T24)",
		file: "filter/packet/icmp.go", packages: parser,
		old: "		case icmpUnreachable, icmpTimeExceeded, icmpParameter:\n", new: "		case icmpUnreachable, icmpTimeExceeded, icmpParameter, 5:\n",
	},
	{
		name: "icmp-id-ignored", what: "an echo reply with any identifier belongs to the ping (T9)",
		file: "filter/packet/tuple.go", packages: parser,
		old: "		return icmpID, conntrack.QueryPort(asked)\n	case roleAnswers:\n		return conntrack.QueryPort(asked), icmpID\n",
		new: "		return 0, conntrack.QueryPort(asked)\n	case roleAnswers:\n		return conntrack.QueryPort(asked), 0\n",
	},
	{
		name: "scope-ignored", what: "a flow of one interface opens another (T26)",
		file: "filter/scopes.go", packages: engine,
		old: "		a.Scope = s.lookup(a.key())\n		s.uses", new: "		a.Scope = min(1, s.lookup(a.key()))\n		s.uses",
	},
	{
		name: "timer-not-refreshed", what: "a flow in use ends with its first timer",
		file: "conntrack/cell.go", packages: table,
		old: "	if refresh {\n", new: "	if refresh && f.packets == [2]uint32{} {\n",
	},
	{
		name: "tag-is-enough", what: "a packet goes by the flow whose tag its hash has (T26)",
		file: "conntrack/table.go", packages: table,
		old: "			if f.key.equal(k) {\n				return s", new: "			if true {\n				return s",
	},
	{
		name: "ack-passes-revoked", what: "an ACK goes on with a flow that was revoked",
		file: "conntrack/flow.go", packages: table,
		old: "	if f.state == StateEstablished && s.Class", new: "	if f.class == ClassTCP && s.Class",
	},
	{
		name: "flow-never-expires", what: "a flow outlives its timer (T23)",
		file: "conntrack/gate.go", packages: table,
		old: "return now.tick() >= f.deadline()", new: "return false",
	},
	{
		name: "rst-trusted", what: "any RST ends a flow",
		file: "conntrack/tcp_state.go", packages: table,
		old: "	return seg.Seq == f.half[d.Reverse()].ack || seg.Seq == f.half[d].end\n", new: "	return true\n",
	},
	{
		name: "syn-replaces-flow", what: "any SYN starts a live flow over",
		file: "conntrack/tcp.go", packages: table,
		old: "	case StateLastAck, StateTimeWait, StateClose:\n		return OutcomeReopen\n	}\n	return OutcomeRules\n",
		new: "	}\n	return OutcomeReopen\n",
	},
	{
		name: "fin-trusted", what: "a FIN anywhere half-closes a flow",
		file: "conntrack/tcp_state.go", packages: table,
		old: "			f.setClaim(flagClaimFIN, d, end)\n		}\n	case after(end, mine.end):\n",
		new: "			f.flags |= flagFIN << d\n		}\n	case after(end, mine.end):\n",
	},
	{
		name: "handshake-unproven", what: "a SYN-ACK with any acknowledgement is believed",
		file: "conntrack/tcp_state.go", packages: table,
		old: "		if !taken || f.state == StateSynRecv && seg.Seq+1 == mine.end {\n", new: "		if f.state == StateSynRecv && seg.Seq+1 == mine.end {\n",
	},
	{
		name: "udp-never-stream", what: "a UDP stream keeps the short timer",
		file: "conntrack/udp.go", packages: table,
		old: "		f.state = StateStream\n", new: "		f.state = StateReplied\n",
	},
	{
		name: "established-evicted", what: "a full table makes room with established flows (T33)",
		file: "conntrack/state.go", packages: table,
		old: "	case s.HalfOpen():\n		return queueHalfOpen\n", new: "	case s.HalfOpen():\n		return queueHalfOpen\n	case s == StateEstablished:\n		return queueUnreplied\n",
	},
	{
		name: "forged-neighbour", what: "neighbour discovery from beyond the link counts as a life line",
		file: "filter/lifeline.go", packages: engine,
		old: "t >= 133 && t <= 137 && p.HopLimit == 255", new: "t >= 133 && t <= 137 && p.HopLimit > 0",
	},
	{
		name: "routed-life-line", what: "the ports of DHCP pass through the machine (X3)",
		file: "filter/lifeline.go", packages: engine,
		old: "	if h == HookForward {\n", new: "	if h == HookForward+1 {\n",
	},
	{
		name: "publish-does-not-wait", what: "a reload answers while old rules still decide",
		file: "filter/engine.go", packages: engine,
		old: "		w.waitForBoundary()\n", new: "		_ = w\n",
	},
	{
		name: "revoked-is-picked-up", what: "a revoked flow is picked up mid-stream by what rules permit (T22)",
		file: "conntrack/flow.go", packages: table,
		old: "	if f.state == StateRevoked {\n", new: "	if f.state == StateRevoked && s.Bytes == 1<<31 {\n",
	},
	{
		name: "orphans-are-none", what: "a flow without a rule is no orphan",
		file: "filter/standing.go", packages: engine,
		old: "opening(f)) != NoRule {\n", new: "opening(f)) != NoRule+1<<31 {\n",
	},
	{
		name: "trial-never-ends", what: "what is not confirmed in time stays",
		file: "cmd/internal/daemon/trial_linux.go", packages: daemon,
		old: "	if left > 0 {\n		return min(left, trialTick)\n", new: "	if left >= 0 {\n		return trialTick\n",
	},
	{
		name: "trial-forgets-its-target", what: "a second reload during a trial changes what to go back to",
		file: "cmd/internal/daemon/reload_linux.go", packages: daemon,
		old: "r := state.Record{File: d.record.File, Confirmed: d.record.Confirmed}", new: "r := state.Record{File: d.record.File, Confirmed: d.current.source}",
	},
	{
		name: "trial-not-kept", what: "a crash during a trial makes the policy final",
		file: "cmd/internal/daemon/trial_linux.go", packages: daemon,
		old: "	return d.store.Save(r)\n", new: "	return nil\n",
	},
	{
		name: "restart-takes-the-rejected", what: "a restart puts in force what was rolled back",
		file: "cmd/internal/daemon/trial_linux.go", packages: daemon,
		old: "last.Rejected.Sum != file.Sum", new: "last.Rejected.Sum == file.Sum",
	},
	{
		name: "revoke-takes-any", what: "one selector of several is enough",
		file: "cmd/internal/explain/select.go", packages: []string{"./cmd/internal/explain"},
		old: "return !test(f) })\n", new: "return !test(f) }) || len(s.tests) > 2\n",
	},
	{
		name: "one-interface-of-two", what: "a forwarded packet is judged where it enters only (D7)",
		file: "filter/worker.go", packages: engine,
		old: "			return w.cross(out.attachment, ev.Hook, out.attachment.inward.Reverse())\n", new: "			if r == ReasonNone {\n				return w.cross(out.attachment, ev.Hook, out.attachment.inward.Reverse())\n			}\n",
	},
	{
		name: "guest-is-host", what: "a guest's device is judged as the machine's own (X6)",
		file: "filter/compile.go", packages: engine,
		old: "			inward = conntrack.Egress\n", new: "			inward = conntrack.Ingress\n",
	},
	{
		name: "sources-unchecked", what: "a guest sends from any address (D9)",
		file: "filter/address.go", packages: engine,
		old: "		return t.own.has(p.Src) || ", new: "		return true || ",
	},
	{
		name: "destinations-unchecked", what: "a guest gets what is for others (D9)",
		file: "filter/address.go", packages: engine,
		old: "	return t.own.has(p.Dst) || ", new: "	return true || ",
	},
	{
		name: "guest-life-lines", what: "a guest's life lines pass in the direction of a host's (X3)",
		file: "filter/nft/rules_linux.go", packages: []string{"./filter/nft"},
		old: "judged(slices.Concat(outOfProtected(p), ourMulticast(p, f)))", new: "judged(slices.Concat(intoProtected(p), ourMulticast(p, f)))",
	},
	{
		name: "pattern-before-name", what: "the first entry that covers a device decides, not the closest",
		file: "filter/nft/plan.go", packages: []string{"./filter/nft"},
		old: "		if aGlob != bGlob {\n			if bGlob {\n", new: "		if aGlob != bGlob {\n			if !bGlob {\n",
	},
	{
		name: "scope-reused-with-flows", what: "a device gets the number of one that is gone, and its flows (T26)",
		file: "filter/scopes.go", packages: engine,
		old: "		if dead[f.Tuple.Scope()] && e", new: "		if dead[0] && e",
	},
	{
		name: "idle-keeps-its-timer", what: "a shorter timer waits for a packet of the flow (T20)",
		file: "cmd/internal/daemon/change_linux.go", packages: daemon,
		old: "		d.engine.Retime()\n", new: "",
	},
	{
		name: "stream-at-once", what: "an answered question of UDP lives as long as a stream",
		file: "conntrack/timers.go", packages: daemon,
		old: "		if s == StateStream {\n", new: "		if s != StateUnreplied {\n",
	},
	{
		name: "scope-of-one", what: "devices of one scope do not share their flows (T26)",
		file: "filter/ruleset.go",
		old:  "scopeKey{shared: a.iface.Scope, ", new: "scopeKey{",
	},
	{
		name: "own-answer", what: "what enters a scope from an address to itself leaves it by its own flow (D7)",
		file: "filter/judge.go",
		old:  "	return t.Local != t.Remote || t.LocalPort != t.RemotePort\n", new: "	return true\n",
	},
	{
		name: "spoofed-dhcp", what: "DHCP exempts any source from the check (D9)",
		file: "filter/address.go", packages: engine,
		old: "(unspecified(p.Src) || linkLocal(p.Src)) && ", new: "",
	},
	{
		name: "ports-behind-gre", what: "a protocol without ports has those that its payload imitates (R13)",
		file: "filter/packet/ip4.go", packages: parser,
		old: "	case protoUDP:\n", new: "	case protoUDP, 47, 136:\n",
	},
	{
		name: "hits-of-flows", what: "every packet of a flow is a hit of its rule",
		file: "filter/worker.go", packages: engine,
		old: "	case ReasonRule, ReasonUntracked:\n		w.hit(dec.Rule)", new: "	case ReasonRule, ReasonUntracked, ReasonFlow:\n		w.hit(dec.Rule)",
	},
	{
		name: "log-hides-losses", what: "verdicts beyond the rate of the log are not counted",
		file: "cmd/internal/daemon/look_linux.go", packages: daemon,
		old: "			lost.Rate += uint64(len(records) - n)\n", new: "",
	},
	{
		name: "log-without-bound", what: "the log shows more than it was asked for",
		file: "cmd/internal/daemon/look_linux.go", packages: daemon,
		old: "	n = min(n, int(a.saved))\n", new: "",
	},
	{
		name: "log-of-another", what: "the log shows packets of other ports than asked for",
		file: "filter/watch.go", packages: engine,
		old: "	if s.Port >= 0 &&", new: "	if s.Port > 65535 &&",
	},
	{
		name: "drops-forgotten", what: "the last drops are not remembered",
		file: "filter/recent.go", packages: engine,
		old: "		if !Dropping.Has(", new: "		if Dropping.Has(",
	},
	{
		name: "stolen-queue-open", what: "another program that has our queue gets our packets",
		file: "cmd/internal/daemon/interference_linux.go",
		old:  "closed := d.missing() != nil", new: "closed := d.missing() == nil && d.plan.Closed",
	},
	{
		name: "storm-unmuffled", what: "every damage of the table in a loop is logged",
		file: "cmd/internal/daemon/interference_linux.go", packages: daemon,
		old: "m.lines >= linesPerPeriod", new: "m.lines < 0",
	},
	{
		name: "empty-cidr-is-anyone", what: "a rule with an empty CIDR is for everybody",
		file: "policy/peer.go", packages: []string{"./policy/..."},
		old: "	case s == \"\":\n", new: "	case s == \"\":\n		return AnyIPv4, nil\n	case s == \"-\":\n",
	},
	{
		name: "empty-is-default", what: "a group with an empty egress permits everything out (D3)",
		file: "policy/file/policy.go", packages: []string{"./policy/..."},
		old: "	if f[\"egress\"] == nil {\n", new: "	if n := f[\"egress\"]; n == nil || len(n.Content) == 0 {\n",
	},
	{
		name: "apostrophe-taken", what: "names and descriptions take apostrophes (R37)",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "const namePunctuation = `", new: "const namePunctuation = `'",
	},
	{
		name: "ampersand-refused", what: "descriptions take no & (R36)",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "=&;{}!$*`", new: "=;{}!$*`",
	},
	{
		name: "description-of-256", what: "a description of 256 characters is taken",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "MaxDescription = 255", new: "MaxDescription = 256",
	},
	{
		name: "icmp-of-both-families", what: "an icmp rule with an IPv6 CIDR is one for ICMPv6 (R12)",
		file: "filter/compile.go", packages: engine,
		old: "			return // stays the ICMP of its name and matches nothing real (R12)\n",
		new: "			widened := *r\n			widened.Protocol = policy.ICMP + policy.ICMPv6 - r.Protocol\n			lo, hi = selectorRange(&widened)\n",
	},
	{
		name: "errors-switch-stuck", what: "ICMP errors about live flows pass whatever icmp_errors says (T24)",
		file: "filter/compile.go", packages: engine,
		old: "			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,\n", new: "			related:  true,\n",
	},
	{
		name: "errors-unrelated", what: "ICMP errors are for the rules alone (T24)",
		file: "filter/compile.go", packages: engine,
		old: "			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,\n", new: "			related:  false,\n",
	},
	{
		name: "empty-group-is-anyone", what: "a group without members stands for everybody (R33)",
		file: "filter/compile.go", packages: engine,
		old: "		addrs := m.Addresses(peer.Name)\n",
		new: "		addrs := m.Addresses(peer.Name)\n		if len(addrs) == 0 {\n			return []netip.Prefix{policy.AnyIPv4, policy.AnyIPv6}\n		}\n",
	},
	{
		name: "all-is-up-to-udp", what: "all protocols are those up to UDP (R15)",
		file: "filter/selector.go", packages: engine,
		old: "		return 0, portless | maxLow\n",
		new: "		return 0, selector(policy.UDP)<<16 | maxLow\n",
	},
	{
		name: "bare-address-taken", what: "an address without a length is taken (R17)",
		file: "policy/peer.go", packages: rules,
		old: "	address, length, slashed := strings.Cut(s, \"/\")\n",
		new: "	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == \"\" {\n		return netip.PrefixFrom(a, a.BitLen()), nil\n	}\n	address, length, slashed := strings.Cut(s, \"/\")\n",
	},
	{
		name: "host-bits-kept", what: "a CIDR keeps its host bits (R16)",
		file: "policy/peer.go", packages: rules,
		old: "		return prefix.Masked(), nil\n",
		new: "		return prefix, nil\n",
	},
	{
		name: "mapped-taken", what: "IPv4 mapped into IPv6 is a CIDR like others (R21)",
		file: "policy/peer.go", packages: rules,
		old: "		if prefix.Addr().Is4In6() {\n",
		new: "		if prefix.Addr().Is4In6() && s == \"\" {\n",
	},
	{
		name: "names-like-ids", what: "a group may be called sg-x (R35)",
		file: "policy/text.go", packages: rules,
		old: "len(name) >= 3 && strings.EqualFold(name[:3], \"sg-\")",
		new: "len(name) >= 300 && strings.EqualFold(name[:3], \"sg-\")",
	},
	{
		name: "range-costs-its-ports", what: "a range of ports counts as many rules (Q5)",
		file: "policy/usage.go", packages: rules,
		old: "		v4, v6 := cost(&rules[i].Peer, v.lists)\n",
		new: "		v4, v6 := cost(&rules[i].Peer, v.lists)\n		if r := &rules[i]; r.Protocol.HasPorts() {\n			v4, v6 = v4*(r.To-r.From+1), v6*(r.To-r.From+1)\n		}\n",
	},
	{
		name: "list-costs-entries", what: "a prefix list costs what it holds, not what it may hold (Q3)",
		file: "policy/usage.go", packages: rules,
		old: "				v4 = list.MaxEntries\n", new: "				v4 = len(list.Entries)\n",
	},
	{
		name: "group-costs-once", what: "a group peer counts in one family only (Q3)",
		file: "policy/usage.go", packages: rules,
		old: "	case PeerGroup:\n		return 1, 1\n", new: "	case PeerGroup:\n		return 1, 0\n",
	},
	{
		name: "deletion-unseen", what: "a group that is taken away while in use was never there (R46)",
		file: "policy/missing.go", packages: rules,
		old: "		p.Code = DependencyViolation\n", new: "",
	},
	{
		name: "first-duplicate-wins", what: "a rule with another description is a rule of its own (R3)",
		file: "policy/rule.go", packages: rules,
		old: "	return RuleID{r.Protocol, r.From, r.To, r.Peer.Kind, r.Peer.CIDR, r.Peer.Name}\n", new: "	return RuleID{r.Protocol, r.From, r.To, r.Peer.Kind, r.Peer.CIDR, r.Peer.Name + r.Description}\n",
	},
	{
		name: "one-counter", what: "both families share one counter (Q2)",
		file: "policy/usage.go", packages: rules,
		old: "			used[f] += n\n", new: "			used[0] += n\n			used[1] = used[0]\n",
	},
	{
		name: "untracked-never", what: "flows that rules for everybody permit both ways are tracked (T2)",
		file: "filter/compile.go", packages: engine,
		old: "p.Settings.Tracking == policy.TrackingAWS &&", new: "p.Settings.Tracking > policy.TrackingAWS &&",
	},
	{
		name: "untracked-always", what: "flows are untracked under tracking: always, too (T8)",
		file: "filter/compile.go", packages: engine,
		old: "p.Settings.Tracking == policy.TrackingAWS &&", new: "p.Settings.Tracking <= policy.TrackingAWS &&",
	},
	{
		name: "return-rule-needless", what: "a flow is untracked whatever its answers are permitted by (T2b)",
		file: "filter/wide.go", packages: engine,
		old: "w.returning[o.Reverse()][family][i]\n", new: "max(w.returning[o.Reverse()][family][i], find(w.opening[o][family], selector(proto)<<16|selector(asked)))\n",
	},
	{
		name: "return-rule-for-a-port", what: "a return rule for one port leaves flows untracked (T2b)",
		file: "filter/wide.go", packages: engine,
		old: "hi >= proto<<16|maxLow", new: "hi >= proto<<16",
	},
	{
		name: "narrow-rule-is-wide", what: "a rule for a half of all addresses leaves flows untracked (T7)",
		file: "filter/wide.go", packages: engine,
		old: "r.Peer.CIDR.Bits() != 0", new: "r.Peer.CIDR.Bits() > 1",
	},
	{
		name: "wide-crosses-families", what: "a return rule of the other family leaves flows untracked (T3)",
		file: "filter/wide.go", packages: engine,
		old: "w.returning[o.Reverse()][family][i]\n", new: "max(w.returning[o.Reverse()][0][i], w.returning[o.Reverse()][1][i])\n",
	},
	{
		name: "answers-open-flows", what: "the answer of a flow that was cut opens a tracked one (T15)",
		file: "filter/untracked.go", packages: engine,
		old: "		opener = flow.Opener()\n", new: "		opener = d\n",
	},
	{
		name: "cut-and-forgotten", what: "a connection that is cut is forgotten between two retransmissions (T15)",
		file: "conntrack/timers.go", packages: table,
		old: "max(tmo.Established, TimeoutPickup)", new: "min(tmo.Established, TimeoutPickup)",
	},
	{
		name: "cut-and-flooded", what: "whoever opens flows from any address has a connection forgotten that was cut (T15)",
		file: "conntrack/flow.go", packages: table,
		old: "	return queueProven\n", new: "	return queueUntracked\n",
	},
	{
		name: "exempt-among-drops", what: "the log of the last drops has what was exempt, and room for little else",
		file: "filter/watch.go", packages: engine,
		old: "1<<(ReasonExemptTime+1) -", new: "1<<ReasonExemptResolvers -",
	},
	{
		name: "untracked-takes-room", what: "an untracked flow needs a place of a tracked one (T32)",
		file: "conntrack/untracked.go", packages: table,
		old: "	if !sh.admitUntracked(now) {\n", new: "	if !sh.admitUntracked(now) || sh.table.flows.Load() >= sh.table.maxFlows {\n",
	},
	{
		name: "single-address-is-a-pair", what: "a /32 admits its neighbour too",
		file: "filter/trie.go", packages: random,
		old: "return keyOf(conntrack.AddrFrom(p.Addr())), p.Bits() }",
		new: "p = netip.PrefixFrom(p.Addr(), min(p.Bits(), p.Addr().BitLen()-1)).Masked(); return keyOf(conntrack.AddrFrom(p.Addr())), p.Bits() }",
	},
	{
		name: "protocol-not-in-flow", what: "the flow of one protocol stands for those of others (T9, T10)",
		file: "conntrack/tuple.go", packages: random,
		old: "	t.meta = uint32(s)<<8 | uint32(proto)\n", new: "	t.meta = uint32(s) << 8\n",
	},
	{
		name: "members-of-ipv4", what: "a group stands for no IPv6 address (R31)",
		file: "policy/member/member.go", packages: random,
		old: "		if !a.IsGlobalUnicast() || ", new: "		if !a.IsGlobalUnicast() || a.Is6() || ",
	},
	{
		name: "others-forgotten-early", what: "a protocol without ports is forgotten after 300 s (T10)",
		file: "conntrack/timers.go", packages: random,
		old: "	TimeoutOther     = 600 * time.Second\n", new: "	TimeoutOther     = 300 * time.Second\n",
	},
	{
		name: "list-of-one", what: "only the first entry of a prefix list counts",
		file: "filter/compile.go", packages: random,
		old: "					out[j] = l.Entries[j].CIDR\n", new: "					out[j] = l.Entries[0].CIDR\n",
	},
	{
		name: "stream-timer-of-udp", what: "the timer of UDP streams is that of single exchanges",
		file: "filter/compile.go", packages: random,
		old: "				UDPStream:   in.Timeouts.UDPStream,\n", new: "				UDPStream:   in.Timeouts.UDP,\n",
	},
	{
		name: "query-answers-open-flows", what: "the answer to a query that nobody saw opens a flow",
		file: "conntrack/sample.go", packages: random,
		old: "		return !s.Reply\n", new: "		return true\n",
	},
	{
		name: "crossing-syn-left-to-rules", what: "a SYN that crosses the opener's is left to the rules",
		file: "conntrack/tcp.go", packages: random,
		old: "		if d != f.Opener() || seg.Seq+1 == f.half[d].end {\n", new: "		if seg.Seq+1 == f.half[d].end {\n",
	},
	{
		name: "untracked-stays", what: "an untracked flow stays untracked without its return rule (T19)",
		file: "filter/untracked.go", packages: engine,
		old: "	left := opening != NoRule && returning != NoRule\n", new: "	left := known && opener == flow.Opener() || opening != NoRule && returning != NoRule\n",
	},
	{
		name: "members-of-before", what: "the members of groups stay those of the latest reload (R27)",
		file: "cmd/internal/daemon/change_linux.go", packages: daemon,
		old: "	if !next.members.Equal(d.current.members) {\n", new: "	if next.base == nil {\n",
	},
	{
		name: "modes-share-flows", what: "a device in another mode goes on with its flows",
		file: "filter/ruleset.go", packages: engine,
		old: "	k := scopeKey{shared: a.iface.Scope, inward: a.inward}\n", new: "	k := scopeKey{shared: a.iface.Scope}\n",
	},
	{
		name: "left-behind-goes-on", what: "flows that an interface left behind are said to go on",
		file: "filter/standing.go", packages: engine,
		old: "	case f.Untracked || !held:\n", new: "	case f.Untracked && !held:\n",
	},
	{
		name: "unasked-answers", what: "what comes from an exempt service passes though nobody asked (X2)",
		file: "filter/exempt.go", packages: engine,
		old: "	if d == conntrack.Ingress && !e.asked.open(asked, t.Proto()) {\n", new: "	if d == conntrack.Ingress && asked == 0 {\n",
	},
	{
		name: "exempt-anywhere", what: "an exempt service is exempt at every address",
		file: "filter/exempt.go", packages: engine,
		old: "	case e.at[x].has(a):\n", new: "	case e.on.Has(x):\n",
	},
	{
		name: "exempt-forwarded", what: "what a host forwards to an exempt service passes (X6)",
		file: "filter/exempt.go", packages: engine,
		old: "	if h == HookForward && !guest {\n", new: "	if h == HookForward && a == nil && !guest {\n",
	},
	{
		name: "lent-credentials", what: "a guest asks the metadata service beyond this machine",
		file: "filter/exempt.go", packages: engine,
		old: " || x == policy.ExemptMetadata && h == HookForward {", new: " {",
	},
	{
		name: "life-line-half-cut", what: "a life line that is switched off passes in the daemon (X2)",
		file: "filter/lifeline.go", packages: engine,
		old: "if l := LifeLineOf(p, d); !t.cut.Has(l) {", new: "if l := LifeLineOf(p, d); t != nil {",
	},
	{
		name: "life-line-kept", what: "a life line that is switched off passes in the kernel (X2)",
		file: "cmd/internal/daemon/load_linux.go", packages: daemon,
		old: "		out.Without = append(out.Without, nft.LifeLine(l.String()))\n", new: "		_ = l\n",
	},
	{
		name: "stale-name-servers", what: "the name servers stay those of the start",
		file: "cmd/internal/daemon/resolvers_linux.go", packages: daemon,
		old: "	next.rs = d.facts.bind(next.base)\n	d.engine.Publish(next.rs)\n", new: "	next.rs = d.facts.bind(next.base)\n",
	},
}
