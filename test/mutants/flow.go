package main

// flows are faults of the flow table.
var flows = []mutant{
	{
		name: "reply-not-tracked", what: "replies are judged by rules (T1)",
		file: "conntrack/flow.go", packages: table,
		old: "	if p.Class != f.class {\n", new: "	if p.Class != f.class || p.Dir != f.Opener() {\n",
	},
	{
		name: "timer-not-refreshed", what: "a flow in use ends with its first timer",
		file: "conntrack/entry.go", packages: table,
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
		old: "	if f.state == StateEstablished && p.Class", new: "	if f.class == ClassTCP && p.Class",
	},
	{
		name: "flow-never-expires", what: "a flow outlives its timer (T23)",
		file: "conntrack/entry_lock.go", packages: table,
		old: "return now.tick() >= f.deadline()", new: "return false",
	},
	{
		name: "rst-trusted", what: "any RST ends a flow",
		file: "conntrack/tcp_state.go", packages: table,
		old: "	return seg.Seq == f.half[d.Reverse()].ack || seg.Seq == f.half[d].end\n",
		new: "	return true\n",
	},
	{
		name: "syn-replaces-flow", what: "any SYN starts a live flow over",
		file: "conntrack/tcp.go", packages: table,
		old: "	return OutcomeRules\n}\n\n// openTCP", new: "	return OutcomeReopen\n}\n\n// openTCP",
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
		old: "		if !taken || f.state == StateSynRecv && seg.Seq+1 == mine.end {\n",
		new: "		if f.state == StateSynRecv && seg.Seq+1 == mine.end {\n",
	},
	{
		name: "odd-syn-claims", what: "SYN+FIN or SYN+RST claims a live flow (T27)",
		file: "conntrack/entry.go", packages: table,
		old: "		p.TCP.Flags.possible() && p.TCP.Flags&(SYN|ACK) == SYN {\n",
		new: "		p.TCP.Flags&(SYN|ACK) == SYN {\n",
	},
	{
		name: "one-way-forgotten", what: "a flow seen in one direction alone ends while it is in use",
		file: "conntrack/tcp_state.go", packages: table,
		old: "		return seg.Flags&(SYN|RST) == 0\n", new: "		return false\n",
	},
	{
		name: "flood-refreshed", what: "whatever repeats a handshake keeps its entry",
		file: "conntrack/tcp_state.go", packages: table,
		old: "		return seg.Flags&(SYN|RST) == 0\n", new: "		return true\n",
	},
	{
		name: "half-closed-a-minute", what: "a half-closed connection ends after Linux's minute",
		file: "conntrack/timers.go", packages: table,
		old: "		return tmo.HalfClosed\n", new: "		return min(tmo.HalfClosed, 60*time.Second)\n",
	},
	{
		name: "unacknowledged-for-days", what: "what nobody acknowledges is waited for as long as an " +
			"idle connection",
		file: "conntrack/timers.go", packages: table,
		old: "	if d > TimeoutUnacknowledged && f.flags&flagOffloaded == 0 && f.unacknowledged() {\n",
		new: "	if d < 0 {\n",
	},
	{
		name: "carried-counts-twice", what: "the packet that a flow is given to the kernel with is " +
			"taken for an answer",
		file: "conntrack/offload.go", packages: table,
		old: "	if f.flags&flagOwed == 0 || f.claim&counts == 0 {\n",
		new: "	if true {\n",
	},
	{
		name: "reset-by-the-past", what: "what passed before a RST has the connection go on",
		file: "conntrack/offload.go", packages: table,
		old: "	if f.flags&(flagUncounted<<d) != 0 {\n",
		new: "	if false {\n",
	},
	{
		name: "counted-too-often", what: "a SYN that a flow is given to the kernel with again and " +
			"again is taken for an answer",
		file: "conntrack/offload.go", packages: table,
		old: "	if f.flags&flagOwed != 0 {\n		f.flags |= flagsUncount\n",
		new: "	if false {\n		f.flags |= flagsUncount\n",
	},
	{
		name: "gap-unacknowledged", what: "a forged segment shortens the life of a connection",
		file: "conntrack/tcp_state.go", packages: table,
		old: "	return after(in.end, out.ack) || after(out.end, in.ack)\n",
		new: "	return after(in.top, out.ack) || after(out.top, in.ack)\n",
	},
	{
		name: "one-question-at-a-time", what: "questions that do not wait for each other make no stream",
		file: "conntrack/udp.go", packages: table,
		old: "		if f.packets[f.Opener()] > 1 {\n", new: "		if f.packets[f.Opener()] > 1<<31 {\n",
	},
	{
		name: "udp-never-stream", what: "a UDP stream keeps the short timer",
		file: "conntrack/udp.go", packages: table,
		old: "		f.state = StateStream\n", new: "		f.state = StateReplied\n",
	},
	{
		name: "established-evicted", what: "a full table makes room with established flows (T33)",
		file: "conntrack/flow.go", packages: table,
		old: "	case f.class != ClassTCP || s.HalfOpen():\n",
		new: "	case f.class != ClassTCP || s.HalfOpen() || s == StateEstablished:\n",
	},
	{
		name: "answered-never-evicted", what: "pings from invented senders fill the table for good (T33)",
		file: "conntrack/flow.go", packages: table,
		old: "	case f.class != ClassTCP || s.HalfOpen():\n",
		new: "	case f.class != ClassTCP && s == StateUnreplied || s.HalfOpen():\n",
	},
	{
		name: "no-share", what: "one kind of flows takes the whole table",
		file: "conntrack/table.go", packages: table,
		old: "max(1, cfg.MaxFlows/2))\n", new: "max(1, cfg.MaxFlows))\n",
	},
	{
		name: "smallest-makes-room", what: "a flood evicts the first packets of everybody else",
		file: "conntrack/limits.go", packages: table,
		old: "n, _ := a.kinds[id].load(); set&(1<<id) != 0 && n > most {\n",
		new: "n, _ := a.kinds[id].load(); set&(1<<id) != 0 && 1<<40-n > most {\n",
	},
	{
		name: "streams-without-share", what: "flows that become streams take the whole table",
		file: "conntrack/limits.go", packages: table,
		old: "id < queueKinds && !a.kinds[id].join(&s.table.kinds[id]) {\n",
		new: "id < queueKinds && !a.kinds[id].join(&s.table.kinds[id]) && now < 0 {\n",
	},
	{
		name: "no-guarantees", what: "one guest takes the whole table (T30)",
		file: "filter/engine.go", packages: []string{"./test/guest"},
		old: "e.flows.Guarantee(rs.guarantees(e.flows.Limit()))", new: "e.flows.Guarantee(nil)",
	},
	{
		name: "guarantee-not-set-aside", what: "what is guaranteed to one scope is given to others",
		file: "conntrack/pool.go", packages: table,
		old: "	return flows <= guarantee || p.committed.Add(1) <= p.limit\n",
		new: "	return p.committed.Add(1) <= p.limit || flows <= guarantee\n",
	},
	{
		name: "guaranteed-flow-evicted", what: "a flood evicts what is guaranteed to another scope",
		file: "conntrack/pool.go", packages: table,
		old: "		if flows, guarantee := split(word); flows <= guarantee {\n",
		new: "		if flows, guarantee := split(word); flows <= guarantee/2 {\n",
	},
	{
		name: "flood-spares-itself", what: "a scope makes room for the flood of another one",
		file: "conntrack/limits.go", packages: table,
		old: "	best, most := own, weigh(own)\n", new: "	best, most := own, weigh(own)/2\n",
	},
	{
		name: "revoked-is-picked-up",
		what: "a revoked flow is picked up mid-stream by what rules permit (T22)",
		file: "conntrack/flow.go", packages: table,
		old: "	if f.state == StateRevoked {\n",
		new: "	if f.state == StateRevoked && p.Bytes == 1<<31 {\n",
	},
	{
		name: "stream-at-once", what: "an answered question of UDP lives as long as a stream",
		file: "conntrack/timers.go", packages: daemon,
		old: "		if s == StateStream {\n", new: "		if s != StateUnreplied {\n",
	},
	{
		name: "idle-and-forgotten", what: "an untracked connection is forgotten in 300 s (T24)",
		file: "conntrack/timers.go", packages: table,
		old: "max(tmo.Established, TimeoutPickup)", new: "min(tmo.Established, TimeoutPickup)",
	},
	{
		name: "cut-and-flooded", what: "whoever opens flows from any address has a connection " +
			"forgotten that was cut (T15)",
		file: "conntrack/flow.go", packages: table,
		old: "	return queueProven\n", new: "	return queueUntracked\n",
	},
	{
		name: "untracked-takes-room", what: "an untracked flow needs a place of a tracked one (T32)",
		file: "conntrack/untracked.go", packages: table,
		old: "	if !sh.admitUntracked(now) {\n",
		new: "	if !sh.admitUntracked(now) || sh.table.Len() >= sh.table.Limit() {\n",
	},
	{
		name: "protocol-not-in-flow",
		what: "the flow of one protocol stands for those of others (T9, T10)",
		file: "conntrack/tuple.go", packages: random,
		old: "	t.meta = uint32(s)<<8 | uint32(proto)\n", new: "	t.meta = uint32(s) << 8\n",
	},
	{
		name: "others-forgotten-early", what: "a protocol without ports is forgotten after 300 s (T10)",
		file: "conntrack/timers.go", packages: random,
		old: "	TimeoutOther    = 600 * time.Second\n", new: "	TimeoutOther    = 300 * time.Second\n",
	},
	{
		name: "query-answers-open-flows", what: "the answer to a query that nobody saw opens a flow",
		file: "conntrack/packet_meta.go", packages: random,
		old: "		return !p.Reply\n", new: "		return true\n",
	},
	{
		name: "crossing-syn-left-to-rules", what: "a SYN that crosses the opener's is left to the rules",
		file: "conntrack/tcp.go", packages: random,
		old: "		if d != f.Opener() || seg.Seq+1 == f.half[d].end {\n",
		new: "		if seg.Seq+1 == f.half[d].end {\n",
	},
	{
		name: "kept-torn-pages-are-read", what: "flows of a damaged page are taken over",
		file: "conntrack/keep/block.go", packages: kept,
		old: "	if le.Uint32(b) != checksum(session, n, b[4:BlockSize]) {\n", new: "	if false {\n",
	},
	{
		name: "kept-timers-stand-still", what: "no time passes for flows between two daemons",
		file: "conntrack/keep/restore.go", packages: kept,
		old: "by.Rule(f.rule), later(f.offset, offset))", new: "by.Rule(f.rule), later(offset, offset))",
	},
	{
		name: "kept-of-another-boot", what: "flows of another boot are taken over",
		file: "conntrack/keep/header.go", packages: kept,
		old: "	case h.origin.Boot != cut(here.Boot):\n", new: "	case h.origin.Boot == \"\":\n",
	},
	{
		name: "kept-impossible-flows", what: "any state and class is taken for a flow",
		file: "conntrack/image.go", packages: kept,
		old: "	return f.flags&^known == 0\n", new: "	return true\n",
	},
	{
		name: "restart-forgets-flows", what: "a daemon begins without the flows of the last one",
		file: "cmd/internal/enforce/enforcer_linux.go", packages: []string{"./test/lifecycle"},
		old: "	e.takeFlows(c.rs)\n", new: "",
	},
	{
		name: "revocation-is-kept-late", what: "a kill brings back what was just revoked",
		file: "cmd/internal/enforce/flows_linux.go", packages: []string{"./test/lifecycle"},
		old: "		e.keepFlows() // also if the daemon is killed now\n", new: "",
	},
}
