package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
	"sgfw/policy"
)

// flowsPerTable is after how many rows columns may become wider: a table of all
// rows would be held in memory.
const flowsPerTable = 1000

// flowColumns are those of the lists of flows. RULE says the direction, too, so that
// DIR goes before it.
var flowColumns = []screen.Column{
	{Head: "DEVICE", Fit: screen.Folded, Least: 6, Roomy: 15},
	{Head: "DIR", Rank: 2},
	{Head: "PROTO", Fit: screen.Folded, Least: 5},
	{Head: "LOCAL", Fit: screen.Folded, Least: 13, Roomy: 26},
	{Head: "REMOTE", Fit: screen.Folded, Least: 16, Roomy: 26},
	{Head: "STATE"},
	{Head: "AGE", Rank: 3, Right: true},
	{Head: "ENDS-IN", Rank: 4, Right: true},
	{Head: "PKTS-IN", Rank: 5, Right: true},
	{Head: "PKTS-OUT", Rank: 5, Right: true},
	{Head: "BYTES-IN", Rank: 6, Right: true},
	{Head: "BYTES-OUT", Rank: 6, Right: true},
	{Head: "TRACKING", Rank: 7},
	{Head: "RULE", Rank: 1, Fit: screen.Folded, Least: 14, Roomy: 16},
	{Head: "RULE-ID", Rank: 8},
}

// flowColumnsAWS are those where rules decide about the packets of some flows: which ones
// these are is told before what state they are in.
func flowColumnsAWS() []screen.Column {
	columns := slices.Clone(flowColumns)
	for i := range columns {
		switch c := &columns[i]; c.Head {
		case "TRACKING":
			c.Rank, c.Fit, c.Least, c.Roomy = 0, screen.Folded, 12, 12
		case "STATE":
			c.Rank = 1
		case "RULE":
			c.Rank = 0
		}
	}
	return columns
}

// flowRow is a flow in these columns.
func flowRow(f api.Flow) []any {
	id := "-"
	if f.Rule != nil {
		id = cmp.Or(f.Rule.ID, "-")
	}
	return []any{deviceOf(f), f.Direction, protocolOf(f), f.Local, f.Remote, stateOf(f),
		screen.Seconds(f.Age), screen.Seconds(f.Expires), f.Packets.Ingress, f.Packets.Egress,
		f.Bytes.Ingress, f.Bytes.Egress, trackingOf(f), ruleOf(f), id}
}

// stateOf is a flow's state; one that no rule permits stands out.
func stateOf(f api.Flow) screen.Cell {
	c := screen.Cell{Text: f.State}
	if f.Orphan || f.Cut || f.DeniedBy != nil {
		c.Style = screen.Warn
	}
	return c
}

func (p *program) flowsCommand() *cobra.Command {
	var q api.FlowQuery
	c := &cobra.Command{
		Use:   "flows [TERM]...",
		Short: "List the live flows",
		Long: `List the live flows of the running daemon: packets of these pass in both
directions whatever the rules say now. DIR is the direction of the first packet.
Selectors all have to hold; flags mean the same as terms. The flows of devices that
share a scope stand under scope:NAME and are those of each of them. RULE is the one
that admitted the flow; "removed" says that it is gone since, "orphan" that no other
one would permit the flow either, and "adopted" that it was there before the daemon,
so that RULE, if any, would have admitted it. Interfaces, groups and rules can be named
by ID as well.

With tracking: aws in the policy, TRACKING says which flows are untracked: rules
decide about each of their packets. They are listed for as long as they are
remembered; "cut" says that no rule permits the flow any more, so that it is at an
end. So is one from before its interface changed its mode, scope or addresses,
unless that is undone, and "denied by" names the rule of a network ACL that stops
the flow. In brackets is the clause of AWS's rule that decides:
opening-rule and return-rule say which rule for everybody there is not, both-rules
that both are there, protocol that the flow is neither TCP nor UDP, scope that
devices share it, earlier that the flow was tracked before there were such rules.

` + termsHelp(query.OfFlows),
		Example: `  sgfw flows
  sgfw flows port:443 -from:10.0.0.0/8 state:established
  sgfw flows --orphans
  sgfw flows --watch=5s --proto udp
  sgfw flows --interface eth0 --proto tcp --port 443 --state established
  sgfw flows --address 203.0.113.0/24 --limit 20 -o json`,
		Args:              termsOrNoSuchCommand(query.OfFlows),
		ValidArgsFunction: p.terms(query.OfFlows),
	}
	out := outputFlag(c)
	selectors(c.Flags(), &q)
	c.Flags().IntVar(&q.Limit, "limit", 0, "list at most so many (0: all)")
	var watch duration
	c.Flags().Var(&watch, "watch", "show them anew each time this passes, until you end it")
	c.Flags().Lookup("watch").NoOptDefVal = "2s"
	c.AddCommand(p.revokeCommand())
	c.RunE = func(c *cobra.Command, args []string) error {
		q.Where = query.FromArguments(args)
		if q.Limit < 0 {
			return &usageError{fmt.Errorf("--limit %d is negative", q.Limit)}
		}
		if c.Flags().Changed("watch") {
			return p.watchFlows(c.Context(), q, time.Duration(watch), *out)
		}
		l := flowTable(p.out, p.shown(out))
		if *out == formatJSON {
			l = flowJSON(p.out)
		}
		if err := control.NewClient(p.socket).Flows(c.Context(), q, l.begin, l.each); err != nil {
			return err
		}
		if err := l.end(); err != nil {
			return err
		}
		if *out != formatJSON {
			p.noteFlows(q, l)
		}
		return nil
	}
	return c
}

// selectors adds the flags that select flows.
func selectors(f *pflag.FlagSet, q *api.FlowQuery) {
	f.StringVarP(&q.Interface, "interface", "i", "", "flows of this device, or of scope:NAME")
	f.StringVarP(&q.Protocol, "proto", "p", "", "tcp, udp, icmp, icmpv6 or a number")
	f.StringVar(&q.Address, "address", "", "an address or CIDR of either end")
	f.StringVar(&q.Port, "port", "", "a port, or a range such as 8000-9000, of either end")
	f.StringVar(&q.From, "from", "",
		"source of the first packet: ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT")
	f.StringVar(&q.To, "to", "", "destination of the first packet, in the same forms")
	f.StringVar(&q.State, "state", "", "a state, such as established")
	f.StringVar(&q.Group, "group", "", "flows that a rule of this group admitted: its name or ID")
	f.StringVar(&q.Rule, "rule", "", "flows that this rule admitted: GROUP/DIRECTION/INDEX or its ID")
	f.BoolVar(&q.Orphans, "orphans", false, "flows whose first packet no rule would permit now")
}

// flowList prints flows as they come.
type flowList struct {
	header api.FlowsHeader
	shown  int
	table  *screen.Table // nil for a document
	begin  func(api.FlowsHeader) error
	each   func(api.Flow) error
	end    func() error
}

// flowTable prints flows as rows, and nothing where there are none.
func flowTable(to io.Writer, s screen.Screen) *flowList {
	w := bufio.NewWriter(to)
	l := &flowList{table: s.Table(w, flowColumns...)}
	l.begin = func(h api.FlowsHeader) error {
		if l.header = h; h.Tracking == policy.TrackingAWS.String() {
			l.table = s.Table(w, flowColumnsAWS()...)
		}
		return nil
	}
	l.each = func(f api.Flow) error {
		l.table.Row(flowRow(f)...)
		if l.shown++; l.shown%flowsPerTable == 0 {
			return l.table.Flush()
		}
		return nil
	}
	l.end = func() error {
		if l.table.Len() == 0 {
			return w.Flush()
		}
		return errors.Join(l.table.Flush(), w.Flush())
	}
	return l
}

// noteFlows says how many flows there are beside those shown, and what of these the
// screen had no room for.
func (p *program) noteFlows(q api.FlowQuery, l *flowList) {
	all := l.header.Live + l.header.Untracked
	switch {
	case all == 0:
		p.note("no live flows")
	case l.shown == 0:
		p.note("none of %s", count(all, "live flow"))
	case l.shown < all || !q.All():
		p.note("%s of %s shown%s", screen.Number(l.shown), screen.Number(max(all, l.shown)),
			leftOut(l.table))
	case leftOut(l.table) != "":
		p.note("%s%s", count(l.shown, "flow"), leftOut(l.table))
	}
}

// leftOut says which columns the screen had no room for.
func leftOut(t *screen.Table) string {
	names := t.LeftOut()
	if len(names) == 0 {
		return ""
	}
	return "; -o wide adds " + strings.Join(names, ", ")
}

// deviceOf is the flow's device, or the scope of several.
func deviceOf(f api.Flow) string { return cmp.Or(f.Interface, api.ScopePrefix+f.Scope) }

// trackingOf says in a word whether a flow is tracked, and why where that is not
// plain.
func trackingOf(f api.Flow) string {
	word := "tracked"
	if !f.Tracked {
		word = "untracked"
	}
	if f.Clause == "" || f.Clause == filter.ClauseSetting.String() {
		return word
	}
	return fmt.Sprintf("%s (%s)", word, f.Clause)
}

// flowJSON prints one document, flow by flow.
func flowJSON(to io.Writer) *flowList {
	w, separator := bufio.NewWriter(to), ""
	return &flowList{
		begin: func(h api.FlowsHeader) error {
			_, err := fmt.Fprintf(w, "{\"schema\":%q,\"live\":%d,\"untracked\":%d,\"flows\":[", h.Schema,
				h.Live, h.Untracked)
			return err
		},
		each: func(f api.Flow) error {
			b, err := json.Marshal(f)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "%s\n  %s", separator, b)
			separator = ","
			return err
		},
		end: func() error {
			fmt.Fprintln(w, "\n]}")
			return w.Flush()
		},
	}
}
