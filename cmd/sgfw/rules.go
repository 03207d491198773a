package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

func (p *program) rulesCommand() *cobra.Command {
	var q api.RulesQuery
	c := &cobra.Command{
		Use:   "rules",
		Short: "List the rules with their hits",
		Long: `List every rule of the policy in force with what it did since the daemon
started, or the first one whose flows the next took over: HITS are packets that it
admitted (the first of each tracked flow), LAST-HIT how long ago the latest came,
FLOWS the live flows that it admitted. Where several rules permit a packet one of
them is counted, so a rule may do nothing because others do its work. HITS of a
rule of a network ACL are all packets that it allowed or denied.

Hits belong to what a rule says: they outlive reloads and restarts, and other
descriptions and places in the file. Rules that are gone are listed, marked
"removed", for as long as they carry flows; those of a group that no interface has,
"not attached".`,
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
		return p.printRules(p.shown(out), q, r)
	}
	return c
}

// ruleColumns are those of the list of rules.
var ruleColumns = []screen.Column{
	{Head: "RULE", Fit: screen.Folded, Least: 18, Roomy: 18},
	{Head: "ID", Rank: 5},
	{Head: "PROTO"},
	{Head: "PORTS"},
	{Head: "PEER", Fit: screen.Folded, Least: 18, Roomy: 24},
	{Head: "HITS", Right: true},
	{Head: "LAST-HIT", Rank: 1, Right: true},
	{Head: "FLOWS", Rank: 3, Right: true},
	{Head: "DESCRIPTION", Fit: screen.Cut, Least: 14, Roomy: 24},
}

func (p *program) printRules(s screen.Screen, q api.RulesQuery, r api.RulesReply) error {
	if len(r.Rules) == 0 {
		if q.Unused {
			p.note("every rule has admitted something")
		} else {
			p.note("no rules")
		}
		return nil
	}
	t := s.Table(p.out, ruleColumns...)
	for _, rule := range r.Rules {
		last := "never"
		if rule.LastHit != nil {
			last = screen.Span(p.now().Sub(*rule.LastHit))
		}
		description := screen.Cell{Text: strings.TrimSpace(rule.Action + " " + rule.Description)}
		switch {
		case rule.Gone:
			description = screen.Cell{Style: screen.Warn, Text: joined("(removed)", rule.Description)}
		case !rule.Attached:
			description = screen.Cell{Style: screen.Faint,
				Text: joined("(not attached)", description.Text)}
		}
		t.Row(ruleName(&rule.RuleRef), cmp.Or(rule.ID, "-"), rule.Protocol, cmp.Or(rule.Ports, "all"),
			rule.Peer, rule.Hits, last, rule.Flows, description)
	}
	err := t.Flush()
	if more := leftOut(t); more != "" && err == nil {
		p.note("%s%s", count(len(r.Rules), "rule"), more)
	}
	return err
}

// ruleName is the form that the flag --rule reads.
func ruleName(r *api.RuleRef) string {
	if r.NetworkACL != "" {
		number := strconv.Itoa(r.Number)
		if r.Number > policy.MaxACLNumber {
			number = "*"
		}
		return fmt.Sprintf("%s/%s/%s", r.NetworkACL, r.Direction, number)
	}
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
