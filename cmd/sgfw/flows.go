package main

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
)

// flowsPerTable is after how many rows the columns may move: a table of all
// rows would be held in memory.
const flowsPerTable = 1000

func (p *program) flowsCommand() *cobra.Command {
	var q control.FlowQuery
	c := &cobra.Command{
		Use:   "flows",
		Short: "List the live flows",
		Long: `List the live flows of the running daemon: packets of these pass in both
directions whatever the rules say now. DIRECTION is that of the first packet.`,
		Example: `  sgfw flows
  sgfw flows --limit 20 -o json`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().IntVar(&q.Limit, "limit", 0, "list at most so many (0: all)")
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

// flowTable prints flows as rows.
func flowTable(w *bufio.Writer) (begin func(control.FlowsHeader) error, each func(control.Flow) error, end func() error) {
	t := newTable(w)
	rows := 0
	begin = func(control.FlowsHeader) error {
		t.row("INTERFACE", "DIRECTION", "PROTOCOL", "LOCAL", "REMOTE", "STATE", "AGE", "ENDS-IN", "PACKETS-IN", "PACKETS-OUT", "RULE")
		return nil
	}
	each = func(f control.Flow) error {
		proto, rule := f.Protocol, "-"
		if f.ICMPType != nil {
			proto = fmt.Sprintf("%s type %d id %d", f.Protocol, *f.ICMPType, *f.ICMPID)
		}
		if f.Rule != nil {
			rule = fmt.Sprintf("%s[%d]", f.Rule.Group, f.Rule.Index)
			if f.Rule.Gone {
				rule += " (removed)"
			}
		}
		t.row(f.Interface, f.Direction, proto, f.Local, f.Remote, f.State, fmt.Sprintf("%ds", f.Age),
			fmt.Sprintf("%ds", f.Expires), f.Packets.Ingress, f.Packets.Egress, rule)
		if rows++; rows%flowsPerTable == 0 {
			return t.flush()
		}
		return nil
	}
	return begin, each, t.flush
}

// flowJSON prints one document, flow by flow.
func flowJSON(w *bufio.Writer) (begin func(control.FlowsHeader) error, each func(control.Flow) error, end func() error) {
	separator := ""
	begin = func(h control.FlowsHeader) error {
		_, err := fmt.Fprintf(w, "{\"schema\":%q,\"live\":%d,\"flows\":[", h.Schema, h.Live)
		return err
	}
	each = func(f control.Flow) error {
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
