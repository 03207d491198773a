package main

// failures are faults of what passes without a verdict, or without room.
var failures = []mutant{
	{
		name: "stuck-of-the-dead", what: "a daemon that was killed looks like one that is stuck",
		file: "filter/offload/pulse_linux.go", packages: []string{"./test/lifecycle"},
		old: "masked(Alive), unequal(0),", new: "masked(0), same(0),",
	},
	{
		name: "overload-opens", what: "a full queue lets pass what it has no room for",
		file: "filter/nfqueue/socket_linux.go", packages: []string{"./test/lifecycle"},
		old: "	return flagGSO\n", new: "	return flagGSO | flagFailOpen\n",
	},
	{
		name: "full-opens", what: "a flow without room passes though the policy does not say so",
		file: "filter/exceeded.go", packages: []string{"./test/lifecycle"},
		old: "	return ReasonTableFull\n", new: "	return ReasonNoRoom\n",
	},
}
