package match

// RuleNumber is a rule as the matcher knows it. What it stands for is the caller's: in
// package filter a rule keeps its number as long as it means the same (R3).
type RuleNumber uint32

// NoRule is the number of no rule.
const NoRule RuleNumber = 0
