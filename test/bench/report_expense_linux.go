package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// expense is the CPU time of a load, empty if it was not measured.
func (r *results) expense(pos position, f, load string) expense {
	if e := r.expenses[cell{pos, f, load}]; e != nil {
		return *e
	}
	return expense{}
}

// markdownExpense writes the tables of a position about what firewalls take: CPU time, and what
// TCP sends again because of them.
func (r *results) markdownExpense(w *bytes.Buffer, pos position) {
	table := func(loads []load, text func(expense) string) {
		markdownTable(w, r.firewalls, loads, func(l load) string { return l.name },
			func(f string, l load) string {
				if s := text(r.expense(pos, f, l.name)); s != "" {
					return s
				}
				return "–"
			})
	}
	chosen := func(keep func(*load) bool) []load {
		return slices.DeleteFunc(slices.Clone(r.loads), func(l load) bool { return !keep(&l) })
	}
	fmt.Fprint(w, "\nCPU time, of the whole machine / of the firewall's process: ",
		"µs for each packet. *idle*: percent of one CPU, without traffic.\n",
		"Processes that make the load are part of the machine. ",
		"The kernel's own firewall has no process.\n\n")
	table(r.loads, func(e expense) string {
		if len(e.machine) == 0 {
			return ""
		}
		return number(e.machine.median()) + " / " + number(e.process.median())
	})
	if even := chosen((*load).even); len(even) > 0 {
		fmt.Fprint(w, "\nThe firewall's process: percent of one CPU, under loads with as many packets a ",
			"second whatever the firewall is.\n\n")
		table(even, func(e expense) string {
			if len(e.share) == 0 {
				return ""
			}
			return number(e.share.median())
		})
	}
	streams := chosen(func(l *load) bool { return strings.HasPrefix(l.name, "TCP, ") })
	if len(streams) == 0 {
		return
	}
	fmt.Fprint(w, "\nSegments that TCP sent again, because they were lost or others overtook them: ",
		"percent of all.\n\n")
	table(streams, resent)
}

// resent is the share of segments that were sent again, empty for a load without TCP.
func resent(e expense) string {
	if len(e.resent) == 0 {
		return ""
	}
	return number(e.resent.median())
}
