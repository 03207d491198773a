package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sgfw/cmd/internal/screen"
	"sgfw/policy/audit"
	"sgfw/policy/convert"
	"sgfw/policy/formats"
	"sgfw/policy/mend"
)

// shortWatch is how long a daemon has to watch before nobody need be told that it was short.
const shortWatch = 7 * 24 * time.Hour

// notFixed says that a diff is for one policy file, and how to go on with what was given.
func notFixed(format string, args []string) error {
	if format == formats.Own {
		return &usageError{fmt.Errorf("--fix writes the diff of one policy file, not of %d", len(args))}
	}
	what := strings.Join(args, " ")
	return &usageError{fmt.Errorf("--fix writes policy files of sgfw only, and %s is of format %s\n"+
		"(hint: `sgfw audit %s` names the lines to change there; or go on with a policy file: "+
		"`sgfw import %s > sgfw.yaml`, then `sgfw audit --fix sgfw.yaml`)", what, format, what, what)}
}

// printFix prints what can be mended of a policy file as a diff. w is nil if no daemon was
// asked.
func (p *program) printFix(a *audits, r *convert.Result, w *witness, found *audit.Report) error {
	source := a.sources[0]
	d, err := mend.Policy(r.Policy, source.Name, source.Data, found.Mends())
	if err != nil {
		return err
	}
	for _, c := range d.Left {
		p.tell(fmt.Sprintf("left to you: %s:%d: %s: %s (%s)", source.Name, c.Line, c.Code, c.What,
			c.Why))
	}
	if len(d.Changes) == 0 {
		text := "nothing to mend: sgfw audit says what people have to decide"
		if w == nil {
			text = "nothing to mend by the file alone: without a file the running daemon is asked " +
				"what it has seen"
		}
		p.note("%s", text)
		return nil
	}
	var plain, narrower, unused int
	for _, c := range d.Changes {
		switch {
		case !c.Observed:
			plain++
		case c.Code == "unused-rule":
			unused++
		default:
			narrower++
		}
	}
	if plain > 0 {
		p.note("%s: the same packets pass as before", count(plain, "change"))
	}
	if narrower > 0 {
		p.note("%s can be narrower, by the live flows of this moment", count(narrower, "rule"))
	}
	if unused > 0 {
		text := count(unused, "rule") + " never hit since " + w.since.UTC().Format("2006-01-02 15:04 UTC")
		if watched := p.now().Sub(w.since); watched < shortWatch {
			text += fmt.Sprintf(": that is only %s, and some rules are needed rarely",
				screen.Span(watched))
		}
		p.note("%s", text)
	}
	if slices.ContainsFunc(d.Changes, func(c mend.Change) bool {
		return c.Code == "unused-group" || c.Code == "stale-peer"
	}) {
		p.note("nobody has the groups that go, or is in the peers; sgfw diff names them, since " +
			"somebody might one day")
	}
	if _, err := p.out.Write(d.Text); err != nil {
		return err
	}
	if source.Name != "stdin" {
		p.note("read it, then: | patch %s", source.Name)
	}
	return nil
}
