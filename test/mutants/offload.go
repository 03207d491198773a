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
		file: "filter/offload/rules_linux.go", packages: carrying,
		old: "			r = append(append(r, backward(f)...), c.update(set{k, f}))\n",
		new: "			r = append(append(r, forward(f)...), c.update(set{k, f}))\n",
	},
	{
		name: "marks-left", what: "others see the marks of our verdicts",
		file: "filter/offload/rules_linux.go", packages: carrying,
		old: "load(expr.MetaKeyMARK), masked(^m), store(expr.MetaKeyMARK),",
		new: "load(expr.MetaKeyMARK), masked(^uint32(0)), store(expr.MetaKeyMARK),",
	},
	{
		name: "hits-of-the-opener", what: "what is carried hits the rule that its flow began with",
		file: "filter/carry.go", packages: carrying,
		old: "	if id := a.permits(p, d); id != match.NoRule {\n",
		new: "	if id := match.RuleNumber(f.Rule()); int(id) < len(w.rs.rules) {\n",
	},
}
