package main

// remedies are faults of what is said to let a dropped packet pass.
var remedies = []mutant{
	{
		name: "remedy-without-the-way-back", what: "what stops the answer is not looked at",
		file: "filter/blocks.go", packages: remedyTests,
		old: "if x.Answered && !x.Reply.Accept() {", new: "if x.Answered && !x.Reply.Accept() && false {",
	},
	{
		name: "remedy-behind-the-rule", what: "a rule of a network ACL is put behind the one that denies",
		file: "filter/remedy/against.go", packages: remedyTests,
		old: "return before + (number-before)/2", new: "return number + 1",
	},
	{
		name: "remedy-too-wide", what: "the rule is for all ports",
		file: "filter/remedy/against.go", packages: remedyTests,
		old: "r.From, r.To = int(q.DstPort), int(q.DstPort)", new: "r.From, r.To = 0, policy.MaxPort",
	},
	{
		name: "remedy-guessed", what: "another packet is named without asking the judge",
		file: "filter/remedy/find.go", packages: remedyTests,
		old: "if filter.Passes(c.Rules, c.Flows, c.Now, v.Query) {",
		new: "if len(v.Fields) > 0 {",
	},
}

// remedyTests are the packages that test them.
var remedyTests = []string{"./filter/remedy", "./cmd/internal/explain"}
