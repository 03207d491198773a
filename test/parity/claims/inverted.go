package claims

// Inversion is a claim whose test was seen to fail: with the fault that a mutant
// of test/mutants seeds, the claim is false, and that test says so.
// `go run ./test/mutants -claims` shows it.
type Inversion struct {
	Handle, Mutant string
	// Test is one that names the claim, such as "filter.TestStateful".
	Test string
}

// Inverted is the sample.
var Inverted = []Inversion{}
