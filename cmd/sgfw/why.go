package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
)

const (
	// defaultWhy is how many sources are shown, and maxWhy how many at most: the daemon is asked
	// about each.
	defaultWhy, maxWhy = 10, 100
	// shownServices is how many services of one source people are told.
	shownServices = 6
)

func (p *program) whyCommand() *cobra.Command {
	var lines int
	c := &cobra.Command{
		Use:   "why [TERM]...",
		Short: "Say why packets were dropped lately, and what lets them pass",
		Long: `Say why packets were dropped lately: the drops that the daemon remembers, those of
one reason and source as one, with what would happen to the most frequent of them
now and what lets it pass, as explain says it. A scan is one entry. Of what this
machine sends each service is an entry of its own.

Terms select drops, as for log.`,
		Example: `  sgfw why
  sgfw why dir:egress
  sgfw why from:203.0.113.0/24 -n 3
  sgfw why -o json | jq '.drops[0].now.remedies'`,
		Args:              termsOnly(query.OfVerdicts),
		ValidArgsFunction: p.terms(query.OfVerdicts),
	}
	out := outputFlag(c)
	c.Flags().IntVarP(&lines, "lines", "n", defaultWhy,
		fmt.Sprintf("show the most frequent so many, at most %d", maxWhy))
	c.RunE = func(c *cobra.Command, args []string) error {
		if lines < 1 || lines > maxWhy {
			return &usageError{fmt.Errorf("--lines is 1 to %d", maxWhy)}
		}
		doc, err := p.why(c.Context(), query.FromArguments(args), lines)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(doc)
		}
		return p.printWhy(p.shown(out), doc, len(args) > 0)
	}
	return c
}

// why asks the daemon for its last drops, and about the most frequent of each source.
func (p *program) why(ctx context.Context, where string, lines int) (api.Why, error) {
	q := api.LogQuery{Where: where}
	if _, err := explain.SelectVerdicts(q, nil); err != nil {
		return api.Why{}, err
	}
	own := newOwnPackets()
	defer own.close()
	client := control.NewClient(p.socket)
	var records []api.LogRecord
	err := client.Log(ctx, q, func() error { return nil }, func(r api.LogRecord) error {
		own.mark(&r)
		records = append(records, r)
		return nil
	})
	if err != nil {
		return api.Why{}, err
	}
	doc := api.Why{Schema: api.Schema, Drops: explain.FoldDrops(records)}
	doc.More = max(0, len(doc.Drops)-lines)
	doc.Drops = doc.Drops[:len(doc.Drops)-doc.More]
	for i := range doc.Drops {
		d := &doc.Drops[i]
		if d.Most == nil || d.Interface == "" {
			continue
		}
		x, err := client.Explain(ctx, *d.Most)
		var failed *api.Failure
		switch {
		case errors.As(err, &failed): // such as of a device that is gone
		case err != nil:
			return doc, err
		default:
			d.Now = &x
		}
	}
	return doc, nil
}

// printWhy prints an entry of a few lines for each source.
func (p *program) printWhy(s screen.Screen, doc api.Why, selected bool) error {
	if len(doc.Drops) == 0 {
		if selected {
			p.note("no drop that is remembered is one of these")
		} else {
			p.note("nothing dropped yet")
		}
		return nil
	}
	for i := range doc.Drops {
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		if err := p.printDrops(s, &doc.Drops[i]); err != nil {
			return err
		}
	}
	if doc.More > 0 {
		p.note("%d more: -n shows them, terms select", doc.More)
	}
	return nil
}

// printDrops prints one entry.
func (p *program) printDrops(s screen.Screen, d *api.DropsOfSource) error {
	brief := s.Width > 0
	who := d.From
	if who == "" {
		who = "unreadable"
	}
	if d.Process != nil {
		last := ""
		if d.Count > 1 { // the others may be of another program
			last = "last by "
		}
		who += fmt.Sprintf(", %s%s (pid %d)", last, d.Process.Name, d.Process.PID)
	}
	head := fmt.Sprintf("%s, %s (%s)", who, strings.TrimSpace(d.Direction+" "+d.Interface), d.Reason)
	p.print(s, screen.Bad, head)
	t := facts(p.out, s)
	times := "once, at " + p.moment(brief, d.Last)
	if d.Count > 1 {
		times = fmt.Sprintf("%s times from %s to %s", screen.Number(d.Count), p.moment(brief, d.First),
			p.moment(brief, d.Last))
	}
	t.Row("  dropped", times)
	if len(d.Services) > 0 {
		t.Row("  asked for", services(d))
	}
	if x := d.Now; x != nil {
		t.Row("  now", screen.Cell{Style: verdictStyles[x.Verdict],
			Text: fmt.Sprintf("%s: %s", x.Verdict, x.Detail)})
		for _, b := range also(*x) {
			t.Row("  also", b.Detail)
		}
		for i, r := range x.Remedies {
			word := "  passes by"
			if i > 0 {
				word = "  or by"
			}
			t.Row(word, r.Text)
		}
	}
	if d.Most != nil && d.Interface != "" {
		t.Row("  more", explainArguments(d.Most))
	}
	return t.Flush()
}

// services are what was asked for, the most frequent ones.
func services(d *api.DropsOfSource) string {
	shown := d.Services[:min(len(d.Services), shownServices)]
	text := strings.Join(shown, ", ")
	if more := len(d.Services) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if d.To > 1 {
		text += fmt.Sprintf(", of %d addresses", d.To)
	}
	return text
}

// explainArguments is the command that explains a packet in full.
func explainArguments(q *api.Query) string {
	args := fmt.Sprintf("sgfw explain -i %s --%s -p %s --from %s --to %s", q.Interface, q.Direction,
		q.Protocol, q.From, q.To)
	if q.Segment != "" && q.Segment != "syn" {
		args += " --segment " + q.Segment
	}
	if q.ICMPType != nil && q.ICMPCode != nil {
		args += fmt.Sprintf(" --icmp-type %d --icmp-code %d", *q.ICMPType, *q.ICMPCode)
	}
	return args
}
