package main

import (
	"fmt"
	"maps"
	"slices"

	"sgfw/test/parity/claims"
)

// check says what the record does not bear out: claims that no test proves,
// tests that name what nobody claims, and inversions of something else than the
// table says. It is empty for a sound record.
func check(r record, chapters []claims.Chapter, inverted []claims.Inversion) (problems []string) {
	complain := func(format string, a ...any) {
		problems = append(problems, fmt.Sprintf(format, a...))
	}
	known := make(map[string]claims.Claim)
	for _, ch := range chapters {
		for _, c := range ch.Claims {
			known[c.Handle] = c
			if c.Verdict.Proven() {
				proven(r, c, complain)
			}
		}
	}
	for _, handle := range slices.Sorted(maps.Keys(r)) {
		if _, ok := known[handle]; !ok {
			complain("%s names %q, which is no handle", r.tests(handle), handle)
		}
	}
	for _, i := range inverted {
		if o, ok := r[i.Handle][i.Test]; !ok || o != passed {
			complain("%s: the fault %s is said to fail %s, which does not prove it", i.Handle, i.Mutant,
				i.Test)
		}
	}
	return problems
}

// proven complains unless a test that names the claim passed.
func proven(r record, c claims.Claim, complain func(string, ...any)) {
	tests := r.tests(c.Handle)
	for _, t := range tests {
		if r[c.Handle][t] == passed {
			return
		}
	}
	if len(tests) == 0 {
		complain("%s: no test proves it: %s", c.Handle, c.Says)
	}
	for _, t := range tests {
		complain("%s: %s %s", c.Handle, t, r[c.Handle][t])
	}
}
