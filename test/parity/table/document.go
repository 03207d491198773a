package main

import (
	"fmt"
	"strings"

	"sgfw/test/parity/claims"
)

const preface = `# AWS parity, claim by claim

What AWS documents about security groups, how sgfw stands to it, and the tests that say so. This file is made from the tests and from what ` + "`test/parity/claims`" + ` lists: ` + "`make test`" + `
fails if a claim has no test that passed, and if this file is not what the tests give; ` + "`make parity`" + ` writes it anew. Handles are those that comments and commits cite.

- **same**: as AWS documents it. **our choice**: AWS does not say; this is what sgfw does. **partly**: proven as far as it concerns a host; the rest is said.
- **differs**: something else, on purpose. **does not apply**: there is nothing on a host that the claim could be about.
- A test with a fault behind it, such as *fails with ` + "`union-of-one`" + `*, was seen to fail with the fault of that name, which makes just this claim false (` + "`go run ./test/mutants -claims`" + `).

`

const seedPreface = `# What the seeds say

sgfw came from five documents about security groups. These are their claims that a test can tell, as they are true: where two documents disagree, or one is out of date,
the claim here is the corrected one. **waits**: what it is about is not built yet.

`

// document is the whole of docs/aws-parity.md.
func document(r record) string {
	var b strings.Builder
	b.WriteString(preface)
	count(&b, claims.AWS())
	tables(&b, r, claims.AWS())
	b.WriteString(seedPreface)
	count(&b, claims.Seeds())
	tables(&b, r, claims.Seeds())
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// count writes how many claims have which verdict.
func count(b *strings.Builder, chapters []claims.Chapter) {
	var of [claims.Waits + 1]int
	total := 0
	for _, ch := range chapters {
		for _, c := range ch.Claims {
			of[c.Verdict]++
			total++
		}
	}
	var parts []string
	for v, n := range of {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, claims.Verdict(v)))
		}
	}
	fmt.Fprintf(b, "%d claims: %s.\n\n", total, strings.Join(parts, ", "))
}

func tables(b *strings.Builder, r record, chapters []claims.Chapter) {
	for _, ch := range chapters {
		fmt.Fprintf(b, "## %s\n\n| handle | claim | sgfw | tests |\n|---|---|---|---|\n", ch.Title)
		for _, c := range ch.Claims {
			verdict := c.Verdict.String()
			if c.Why != "" {
				verdict = "**" + verdict + "**: " + c.Why
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.Handle, cell(c.Says), cell(verdict), cell(strings.Join(cited(r, c), "<br>")))
		}
		b.WriteString("\n")
	}
}

// cell keeps a text from ending its cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// atMost is how many subtests of one test are named one by one.
const atMost = 3

// cited are the tests of a claim as the table names them: those that were seen to
// fail always by name, many subtests of one test as one line.
func cited(r record, c claims.Claim) (lines []string) {
	faults := make(map[string]string)
	for _, i := range claims.Inverted {
		if i.Handle == c.Handle {
			faults[i.Test] += ", fails with `" + i.Mutant + "`"
		}
	}
	parent := func(test string) string {
		top, _, _ := strings.Cut(test[strings.LastIndex(test, ".Test"):], "/")
		return test[:strings.LastIndex(test, ".Test")] + top
	}
	siblings := make(map[string]int)
	for _, t := range r.tests(c.Handle) {
		siblings[parent(t)]++
	}
	done := make(map[string]bool)
	for _, t := range r.tests(c.Handle) {
		p := parent(t)
		switch {
		case faults[t] != "" || siblings[p] <= atMost:
			lines = append(lines, "`"+t+"`"+faults[t])
		case !done[p]:
			done[p] = true
			lines = append(lines, fmt.Sprintf("`%s`, %d cases", p, siblings[p]))
		}
	}
	return lines
}
