package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/filter"
)

// flowsPerTable is after how many rows the columns may move: a table of all
// rows would be held in memory.
const flowsPerTable = 1000

func (p *program) flowsCommand() *cobra.Command {
	var q api.FlowQuery
	c := &cobra.Command{
		Use:   "flows",
		Short: "List the live flows",
		Long: `List the live flows of the running daemon: packets of these pass in both
directions whatever the rules say now. DIRECTION is that of the first packet.
Several selectors all have to hold. The flows of devices that share a scope stand
under scope:NAME and are those of each of them. RULE is the one that admitted the
flow; "removed" says that it is gone since, "orphan" that no other one would permit
the flow either. Interfaces, groups and rules can be named by ID as well.

With tracking: aws in the policy, TRACKING says which flows are untracked: rules
decide about each of their packets. They are listed for as long as they are
remembered; "cut" says that no rule permits the flow any more, so that it is at an
end. So is one from before its interface changed its mode, scope or addresses,
unless that is undone. In brackets is the clause of AWS's rule that decides:
opening-rule and return-rule say which rule for everybody there is not, both-rules
that both are there, protocol that the flow is neither TCP nor UDP, scope that
devices share it, earlier that the flow was tracked before there were such rules.`,
		Example: `  sgfw flows
  sgfw flows --orphans
  sgfw flows --interface eth0 --proto tcp --port 443 --state established
  sgfw flows --address 203.0.113.0/24 --limit 20 -o json`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	selectors(c.Flags(), &q)
	c.Flags().IntVar(&q.Limit, "limit", 0, "list at most so many (0: all)")
	c.AddCommand(p.revokeCommand())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if q.Limit < 0 {
			return &usageError{fmt.Errorf("--limit %d is negative", q.Limit)}
		}
		client := control.NewClient(p.socket)
		w := bufio.NewWriter(p.out)
		print := flowTable
		if *out == formatJSON {
			print = flowJSON
		}
		begin, each, end := print(w)
		if err := client.Flows(c.Context(), q, begin, each); err != nil {
			return err
		}
		if err := end(); err != nil {
			return err
		}
		return w.Flush()
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

// flowTable prints flows as rows.
func flowTable(w *bufio.Writer) (begin func(api.FlowsHeader) error, each func(api.Flow) error,
	end func() error) {
	t := newTable(w)
	rows := 0
	begin = func(api.FlowsHeader) error {
		t.row("INTERFACE", "DIRECTION", "PROTOCOL", "LOCAL", "REMOTE", "STATE", "AGE", "TIMEOUT",
			"PACKETS-IN", "PACKETS-OUT", "BYTES-IN", "BYTES-OUT", "TRACKING", "RULE")
		return nil
	}
	each = func(f api.Flow) error {
		t.row(deviceOf(f), f.Direction, protocolOf(f), f.Local, f.Remote, f.State,
			fmt.Sprintf("%ds", f.Age),
			fmt.Sprintf("%ds", f.Expires), f.Packets.Ingress, f.Packets.Egress, f.Bytes.Ingress,
			f.Bytes.Egress, trackingOf(f), ruleOf(f))
		if rows++; rows%flowsPerTable == 0 {
			return t.flush()
		}
		return nil
	}
	return begin, each, t.flush
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
func flowJSON(w *bufio.Writer) (begin func(api.FlowsHeader) error, each func(api.Flow) error,
	end func() error) {
	separator := ""
	begin = func(h api.FlowsHeader) error {
		_, err := fmt.Fprintf(w, "{\"schema\":%q,\"live\":%d,\"untracked\":%d,\"flows\":[", h.Schema,
			h.Live, h.Untracked)
		return err
	}
	each = func(f api.Flow) error {
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n  %s", separator, b)
		separator = ","
		return err
	}
	end = func() error {
		_, err := fmt.Fprintln(w, "\n]}")
		return err
	}
	return begin, each, end
}
