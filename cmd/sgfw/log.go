package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
)

// defaultLogRate is how many verdicts a second people can bear at most.
const defaultLogRate = 100

func (p *program) logCommand() *cobra.Command {
	var q api.LogQuery
	var drop, accept bool
	c := &cobra.Command{
		Use:   "log",
		Short: "Show verdicts: the last drops, or all as they happen",
		Long: fmt.Sprintf(`Show what was decided about packets and why: the rule that permitted one or,
for a drop, the rule that came nearest and the field that differs.

Without -f these are the last drops, which the daemon remembers on its own. Equal
ones are one line, with how many there were and since when: tries of one client
for one port, or segments of one server's connections. Noise makes room for other
noise first, so that a drop which happened once stays.

With -f they are verdicts as they happen, until you end it: drops and the first
packets of flows; --all includes the packets of live flows and those to and from
exempt services. Several filters all have to hold.

No packet ever waits for the log. What comes faster than --rate, or than it can
be read, is not shown but counted, and how much was lost is said. Verdicts of
different queues may be a little out of order; each has its time.

With -o json each line is a document of its own.

Reasons: %s.`, strings.Join(explain.ReasonNames(), ", ")),
		Example: `  sgfw log
  sgfw log -f --drop --interface eth0
  sgfw log -f --address 203.0.113.0/24 --proto tcp --port 443
  sgfw log --reason no-rule -o json | jq -r .from`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	f := c.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "show verdicts as they happen")
	f.BoolVar(&drop, "drop", false, "drops only")
	f.BoolVar(&accept, "accept", false, "accepted packets only")
	f.BoolVar(&q.Established, "all", false,
		"the packets of live flows, too, also of untracked ones, and those of exempt services")
	f.StringSliceVar(&q.Reasons, "reason", nil, "verdicts for these reasons")
	f.StringVarP(&q.Interface, "interface", "i", "",
		"at this device; a trailing * stands for the rest of the name")
	f.StringVar(&q.Group, "group", "",
		"permitted by this group, or dropped where it is attached: its name or ID")
	f.StringVar(&q.Address, "address", "", "from or to this address or CIDR")
	f.StringVarP(&q.Protocol, "proto", "p", "", "of this protocol: a name or a number")
	f.Uint16Var(&q.Port, "port", 0, "from or to this port")
	f.IntVar(&q.Rate, "rate", defaultLogRate, "with -f: show at most so many a second (0: all)")
	f.IntVarP(&q.Limit, "lines", "n", 0,
		"without -f: show the last so many (0: all that are remembered)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case drop && accept:
			return &usageError{errors.New(
				"--drop and --accept exclude each other; without them both are shown")}
		case drop:
			q.Verdict = api.VerdictDrop
		case accept:
			q.Verdict = api.VerdictAccept
		}
		if q.Rate < 0 || q.Limit < 0 {
			return &usageError{errors.New("--rate and --lines cannot be negative")}
		}
		if !q.Follow && (q.Established || f.Changed("rate")) {
			return &usageError{errors.New(
				"--all and --rate are for -f: without it the last drops are shown")}
		}
		if q.Follow && f.Changed("lines") {
			return &usageError{errors.New("--lines is not for -f, which goes on until you end it")}
		}
		if _, err := explain.SelectVerdicts(q); err != nil {
			return err
		}
		return control.NewClient(p.socket).Log(c.Context(), q, func() error {
			if q.Follow {
				fmt.Fprintln(p.err, "sgfw: following verdicts, Ctrl-C ends it")
			}
			return nil
		}, func(r api.LogRecord) error { return p.printVerdict(r, *out) })
	}
	return c
}

func (p *program) printVerdict(r api.LogRecord, f format) error {
	line := ""
	switch {
	case f == formatJSON:
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		line = string(b)
	case r.Type == api.LogLost && r.Lost != nil:
		_, err := fmt.Fprintf(p.err,
			"sgfw: %d verdicts not shown: %d beyond the rate, %d came too fast\n",
			r.Lost.Rate+r.Lost.Buffer, r.Lost.Rate, r.Lost.Buffer)
		return err
	default:
		line = verdictLine(r)
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}

// verdictLine is a verdict as one line for people.
func verdictLine(r api.LogRecord) string {
	var b strings.Builder
	put := func(s string) {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	b.WriteString(r.Time.Local().Format(time.StampMilli))
	fmt.Fprintf(&b, " %-6s", r.Verdict)
	put(r.Interface)
	put(r.Direction)
	put(r.Protocol)
	if r.ICMPType != nil && r.ICMPCode != nil {
		put(fmt.Sprintf("type %d code %d", *r.ICMPType, *r.ICMPCode))
	}
	if r.From != "" {
		put(r.From + " > " + r.To)
	}
	put(strings.Join(r.TCPFlags, ","))
	if r.Length > 0 {
		put(fmt.Sprintf("%d bytes", r.Length))
	}
	put("(" + r.Reason + ")")
	if r.Count > 1 && r.First != nil {
		put(fmt.Sprintf("%d times since %s", r.Count, r.First.Local().Format(time.StampMilli)))
	}
	if r.Rule != nil {
		put(withID(ruleName(r.Rule), r.Rule.ID))
	}
	if r.Nearest != nil {
		put("nearest: " + withID(ruleName(&r.Nearest.Rule), r.Nearest.Rule.ID))
		for i, d := range r.Nearest.Fields {
			word := "wants"
			if i > 0 {
				word = "and"
			}
			put(fmt.Sprintf("%s %s %s", word, d.Field, d.Want))
		}
	}
	return plain(b.String())
}
