package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

func (p *program) rulesCommand() *cobra.Command {
	var q api.RulesQuery
	c := &cobra.Command{
		Use:   "rules",
		Short: "List the rules with their hits",
		Long: `List every rule of the policy in force with what it did since the daemon
started: HITS are packets that it admitted (the first of each tracked flow),
LAST-HIT how long ago the latest came, FLOWS the live flows that it admitted. Where
several rules permit a packet one of them is counted, so a rule may do nothing
because others do its work.

Hits belong to what a rule says: they outlive reloads, and other descriptions
and places in the file. Rules that are gone are listed, marked "removed", for as
long as they carry flows; those of a group that no interface has, "not attached".`,
		Example: `  sgfw rules
  sgfw rules --unused
  sgfw rules --group web -o json`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().StringVar(&q.Group, "group", "", "the rules of this group: its name or ID")
	c.Flags().BoolVar(&q.Unused, "unused", false, "the rules that have admitted nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, err := control.NewClient(p.socket).Rules(c.Context(), q)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(r)
		}
		return p.printRules(r, time.Now())
	}
	return c
}

func (p *program) printRules(r api.RulesReply, now time.Time) error {
	t := newTable(p.out)
	t.row("RULE", "ID", "PROTOCOL", "PORTS", "PEER", "HITS", "LAST-HIT", "FLOWS", "DESCRIPTION")
	for _, rule := range r.Rules {
		last := "never"
		if rule.LastHit != nil {
			last = ago(now.Sub(*rule.LastHit))
		}
		description := rule.Description
		switch {
		case rule.Gone:
			description = joined("(removed)", description)
		case !rule.Attached:
			description = joined("(not attached)", description)
		}
		ports := rule.Ports
		if ports == "" {
			ports = "all"
		}
		t.row(ruleName(&rule.RuleRef), cmp.Or(rule.ID, "-"), rule.Protocol, ports, rule.Peer, rule.Hits,
			last, rule.Flows, description)
	}
	return t.flush()
}

// ruleName is the form that the flag --rule reads.
func ruleName(r *api.RuleRef) string {
	if r.Index < 0 {
		return fmt.Sprintf("%s/%s/default", r.Group, r.Direction)
	}
	return fmt.Sprintf("%s/%s/%d", r.Group, r.Direction, r.Index)
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// ago is a time span in its largest unit that fits twice, or seconds.
func ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}
