package main

import (
	"slices"
	"strings"

	"sgfw/cmd/internal/screen"
	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/space"
)

// printDifference says in lines what may pass by one policy and not by another.
func (p *program) printDifference(s screen.Screen, before, after string, d *compare.Difference) {
	p.print(s, screen.Plain, verdictOf(before, after, d))
	p.printParts(s, "groups", d.Groups)
	p.printParts(s, "interfaces", d.Interfaces)
	if len(d.Settings) > 0 {
		p.print(s, screen.Plain, "settings:")
	}
	for _, what := range d.Settings {
		p.print(s, screen.Warn, "  ~ "+what)
	}
	if len(d.LeftOut) > 0 {
		p.note("not compared, for a file of such a format cannot say it: %s",
			strings.Join(d.LeftOut, ", "))
	}
	if d.ByName && slices.ContainsFunc(d.Groups,
		func(q compare.Part) bool { return q.NamesGroups() }) {
		p.note("groups in rules are compared by name: without interfaces or peers a policy does not " +
			"say who their members are")
	}
}

// verdictOf is the difference in a sentence.
func verdictOf(before, after string, d *compare.Difference) string {
	switch opens, closes := d.Opens(), d.Closes(); {
	case opens && closes:
		return after + " permits some more than " + before + ", and some less"
	case opens:
		return after + " permits more than " + before
	case closes:
		return after + " permits less than " + before
	}
	return after + " permits the same as " + before
}

func (p *program) printParts(s screen.Screen, heading string, parts []compare.Part) {
	if len(parts) > 0 {
		p.print(s, screen.Plain, heading+":")
	}
	for i := range parts {
		q := &parts[i]
		if op, whole := wholeOf(q); whole != "" {
			p.print(s, changeStyles[op], "  "+op+" "+whole)
		}
		for d := range q.Opened {
			p.printLines(s, "-", q.Name, policy.Direction(d), q.Closed[d])
			p.printLines(s, "+", q.Name, policy.Direction(d), q.Opened[d])
			p.printLines(s, "-", q.Name+" network ACL", policy.Direction(d), q.Denied[d])
			p.printLines(s, "+", q.Name+" network ACL", policy.Direction(d), q.Allowed[d])
		}
		for _, what := range q.Other {
			p.print(s, screen.Warn, "  ~ "+q.Name+" "+what)
		}
	}
}

// wholeOf is what is to be said of a part as a whole, "" for nothing, and whether more may
// pass because of it.
func wholeOf(q *compare.Part) (op, what string) {
	switch {
	case q.Was != "":
		return "~", q.Name + " was called " + q.Was + ", and permits the same"
	case q.Ungoverned && q.Op == policy.Added:
		return "-", q.Name + " is governed now: everything could pass before"
	case q.Ungoverned:
		return "+", q.Name + " is not governed any more: everything may pass"
	case q.Op == policy.Added:
		return "+", q.Name + " is new"
	case q.Op == policy.Removed:
		return "-", q.Name + " is gone"
	}
	return "", ""
}

func (p *program) printLines(s screen.Screen, op, name string, d policy.Direction, set space.Set) {
	word := " from "
	if d == policy.Egress {
		word = " to "
	}
	for _, l := range set.Lines() {
		p.print(s, changeStyles[op], "  "+op+" "+name+" "+d.String()+" "+l.What()+word+
			l.Whose())
	}
}
