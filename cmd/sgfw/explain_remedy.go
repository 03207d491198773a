package main

import (
	"cmp"
	"fmt"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// printRemedies prints what would let a packet pass that is dropped, or whose answer is. Lines
// for the policy stand as they are, to be copied.
func (p *program) printRemedies(s screen.Screen, x api.Explanation) {
	if len(x.Blocks) == 0 {
		return
	}
	if len(x.Remedies) == 0 {
		p.print(s, screen.Plain, cmp.Or(x.NoRemedy,
			"no small change of the packet or of the policy lets it pass"))
		return
	}
	if x.NoRemedy != "" {
		p.print(s, screen.Plain, x.NoRemedy)
	}
	title := "this lets it pass, as was tried:"
	if len(x.Remedies) > 1 {
		title = "each of these lets it pass, as was tried:"
	}
	p.print(s, screen.Plain, title)
	for i, r := range x.Remedies {
		title := r.Text
		switch {
		case r.Kind == api.RemedyGroup && len(r.Changes) == 1:
			title = "a group more on the interface"
		case r.Kind == api.RemedyGroup:
			title = "a group more on the interface, and what else is needed"
		case r.Kind == api.RemedyRule && len(r.Changes) == 1:
			title = "a change of the policy"
		case r.Kind == api.RemedyRule:
			title = fmt.Sprintf("%d changes of the policy, all of them", len(r.Changes))
		}
		if r.Kind != api.RemedyPacket {
			title += ":"
		}
		p.print(s, screen.Plain, fmt.Sprintf("%d. %s", i+1, title))
		for _, c := range r.Changes {
			p.printChange(s, c)
		}
	}
	fmt.Fprintln(p.out)
}

// printChange prints where lines of the policy belong, as a comment, and the lines.
func (p *program) printChange(s screen.Screen, c api.PolicyChange) {
	does := "add to"
	if c.Replace {
		does = "set"
	}
	where := fmt.Sprintf("# %s %s", does, c.Path)
	if c.Line > 0 {
		where += fmt.Sprintf(" (%s:%d)", c.File, c.Line)
	}
	p.print(s, screen.Faint, where)
	for _, line := range c.Lines {
		fmt.Fprintln(p.out, screen.CleanLines(line))
	}
}
