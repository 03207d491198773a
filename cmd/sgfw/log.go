package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
)

// defaultLogRate is how many verdicts a second people can bear at most.
const defaultLogRate = 100

func (p *program) logCommand() *cobra.Command {
	var q api.LogQuery
	var drop, accept bool
	c := &cobra.Command{
		Use:   "log [TERM]...",
		Short: "Show verdicts: the last drops, or all as they happen",
		Long: fmt.Sprintf(`Show what was decided about packets and why: the rule that permitted one or,
for a drop, the rule that came nearest and the field that differs.

Without -f these are the last drops, which the daemon remembers on its own. Equal
ones are one line, with how many there were and since when: tries of one client
for one port, or segments of one server's connections. Noise makes room for other
noise first, so that a drop which happened once stays.

With -f they are verdicts as they happen, until you end it: drops and the first
packets of flows; --all includes the packets of live flows and those to and from
exempt services. Filters all have to hold; flags mean the same as terms.

What this machine's own programs send and the rules refuse is shown in red, with
the program where it still has the socket: run the log as root to see those of all
users.

No packet ever waits for the log. What comes faster than --rate, or than it can
be read, is not shown but counted, and how much was lost is said. Verdicts of
different queues may be a little out of order; each has its time.

With -o json each line is a document of its own.

%s

Reasons: %s.`, termsHelp(query.OfVerdicts), strings.Join(explain.ReasonNames(), ", ")),
		Example: `  sgfw log
  sgfw log -f --drop --interface eth0
  sgfw log -f port:443 -proto:icmp from:10.0.0.0/8 dir:ingress
  sgfw log -f --address 203.0.113.0/24 --proto tcp --port 443
  sgfw log --reason no-rule -o json | jq -r .from`,
		Args:              termsOnly(query.OfVerdicts),
		ValidArgsFunction: p.terms(query.OfVerdicts),
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
	c.RunE = func(c *cobra.Command, args []string) error {
		q.Where = query.FromArguments(args)
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
		filters := q
		filters.Rate, filters.Limit = 0, 0
		if drop {
			filters.Verdict = "" // it is drops that are remembered
		}
		if _, err := explain.SelectVerdicts(q, nil); err != nil {
			return err
		}
		seen := false
		own := newOwnPackets()
		defer own.close()
		err := control.NewClient(p.socket).Log(c.Context(), q, func() error {
			if q.Follow {
				fmt.Fprintln(p.err, "sgfw: following verdicts, Ctrl-C ends it")
			}
			return nil
		}, func(r api.LogRecord) error {
			seen = true
			own.mark(&r)
			return p.printVerdict(r, *out)
		})
		if err == nil && !seen && !q.Follow && *out != formatJSON {
			p.noteLog(filters)
		}
		return err
	}
	return c
}

// printVerdict prints a record.
func (p *program) printVerdict(r api.LogRecord, f format) error {
	switch {
	case f == formatJSON:
		b, err := json.Marshal(r)
		if err == nil {
			_, err = fmt.Fprintf(p.out, "%s\n", b)
		}
		return err
	case r.Type == api.LogLost && r.Lost != nil:
		p.tell(fmt.Sprintf("sgfw: %s verdicts not shown: %s beyond the rate, %s came too fast",
			screen.Number(r.Lost.Rate+r.Lost.Buffer), screen.Number(r.Lost.Rate),
			screen.Number(r.Lost.Buffer)))
	default:
		return p.printLine(p.shown(&f), r)
	}
	return nil
}

// noteLog says why nothing is shown.
func (p *program) noteLog(q api.LogQuery) {
	switch {
	case reflect.DeepEqual(q, api.LogQuery{}):
		p.note("nothing dropped yet")
	case q.Verdict == api.VerdictAccept:
		p.note("only drops are remembered: -f shows what is accepted from now on")
	default:
		p.note("no drop that is remembered is one of these")
	}
}
