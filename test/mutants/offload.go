package main

// offloads are faults of how the kernel carries on with flows.
var offloads = []mutant{
	{
		name: "carried-over-reload", what: "what is carried rides on what a reload took away",
		file: "cmd/internal/enforce/carried_linux.go", packages: carrying,
		old: "	if err := e.carried.flush(); err != nil {\n",
		new: "	if err := e.carried.collect(allKinds...); err != nil {\n",
	},
	{
		name: "carried-by-the-dead", what: "what is carried passes without a daemon",
		file: "filter/offload/rules_linux.go", packages: carrying,
		old: "masked(Alive | Pending),\n			same(Alive), jump(ChainCarry)}",
		new: "masked(Pending),\n			same(0), jump(ChainCarry)}",
	},
	{
		name: "answers-not-carried", what: "one direction of a flow alone is carried",
		file: "filter/offload/chains_linux.go", packages: carrying,
		old: "b.update(backward(f), set{k, f, shard})",
		new: "b.update(forward(f), set{k, f, shard})",
	},
	{
		name: "shard-of-the-other-way", what: "an element is looked for in the set of its answers",
		file: "filter/offload/shard.go", packages: []string{"./filter/offload"},
		old: "	b = append(b, key[offAddress:offAddress+2*n]...)\n",
		new: "	b = append(b, key[offAddress+n:offAddress+2*n]...)\n" +
			"	b = append(b, key[offAddress:offAddress+n]...)\n",
	},
	{
		name: "marks-left", what: "others see the marks of our verdicts",
		file: "filter/offload/chains_linux.go", packages: carrying,
		old: "load(expr.MetaKeyMARK), masked(^m), store(expr.MetaKeyMARK),",
		new: "load(expr.MetaKeyMARK), masked(^uint32(0)), store(expr.MetaKeyMARK),",
	},
	{
		name: "hits-of-the-opener", what: "what is carried hits the rule that its flow began with",
		file: "filter/carry.go", packages: carrying,
		old: "	if id := a.permits(p, d); id != match.NoRule {\n",
		new: "	if id := match.RuleNumber(f.Rule()); int(id) < len(w.rs.rules) {\n",
	},
	{
		name: "crossing-ends-unseen", what: "a connection that both sides end at once goes on",
		file: "conntrack/tcp_offload.go", packages: table,
		old: "seg.Flags&FIN != 0 && f.crosses(d, seg)) {\n",
		new: "seg.Flags&FIN != 0 && d > Egress && f.crosses(d, seg)) {\n",
	},
	{
		name: "crossing-ends-guessed", what: "a forged FIN ends what the machine has half closed",
		file: "conntrack/tcp_offload.go", packages: table,
		old: "other.end-1-fin.Ack < crossingReach && fin.Seq-other.ack < crossingReach\n",
		new: "other.end-1-fin.Ack < crossingReach || fin.Seq-other.ack < crossingReach\n",
	},
	{
		name: "reset-stays", what: "a SYN of the machine does not end a flow that was reset",
		file: "conntrack/tcp.go", packages: table,
		old: "		if d == Egress { // the machine has",
		new: "		if d > Egress { // the machine has",
	},
	{
		name: "kernel-without-shares", what: "one device takes all of what the kernel carries",
		file: "filter/lent.go", packages: carrying,
		old: "int64(r.Flows) * int64(flows) / int64(limit)\n",
		new: "int64(r.Flows) * int64(flows) / int64(limit) / 1000\n",
	},
	{
		name: "lent-for-ever", what: "what the kernel carries no more takes room",
		file: "filter/lent.go", packages: []string{"./filter"},
		old: "			w.sum.Add(-w.given[", new: "			w.sum.Add(0 * w.given[",
	},
}
