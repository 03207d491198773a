package main

import (
	"fmt"
	"strings"

	"sgfw/test/parity/claims"
)

// tick stands for a backtick in the texts below, which Go has in backticks.
const tick = "~"

var preface = strings.ReplaceAll(`# AWS parity, claim by claim

What AWS documents about security groups, how sgfw compares, and the tests that show it.
The facts behind each handle are in [aws.md](aws.md).

This file is generated. ~make test PARITY=write~ writes it from ~test/parity/claims~ and from the
record that the last ~make test~ as root has left. That ~make test~ fails if a claim has no test
that passed, or if this file is out of date. A run without root does not check it.

- **same**: as AWS documents it.
- **our choice**: AWS does not say; this is what sgfw does.
- **partly**: proven as far as it concerns a host; the rest is named.
- **differs**: something else, on purpose.
- **does not apply**: a host has nothing that the claim could be about.
- *fails with ~union-of-one~*: the test was seen to fail with the fault of that name, which
  makes just this claim false (~go run ./test/mutants -claims~).

# What AWS documents

`, tick, "`")

const guidesPreface = `# What published guides add

Claims that articles and samples about security groups make beyond AWS's own reference, where a
test can tell. Where guides disagree or are out of date, the claim is the corrected one.

- **not built**: sgfw does not have the feature that the claim is about.

`

// document is the whole of docs/aws-parity.md.
func document(r record) string {
	var b strings.Builder
	b.WriteString(preface)
	count(&b, claims.AWS())
	tables(&b, r, claims.AWS())
	b.WriteString(guidesPreface)
	count(&b, claims.Guides())
	tables(&b, r, claims.Guides())
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// count writes how many claims have which verdict.
func count(b *strings.Builder, chapters []claims.Chapter) {
	var of [claims.Unbuilt + 1]int
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
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.Handle, cell(c.Says), cell(verdict),
				cell(strings.Join(cited(r, c), "<br>")))
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
