package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// alterations are what a program can do to a table that nobody owns.
func alterations(t testing.TB, h *netlab.Host) []struct {
	what string
	do   func(*nftables.Conn)
} {
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
	chain := func(name string) *nftables.Chain { return &nftables.Chain{Table: table, Name: name} }
	rules := func(of string) []*nftables.Rule {
		list, err := harness.Nft(t, h).GetRules(table, chain(of))
		if err != nil || len(list) == 0 {
			t.Errorf("rules of chain %s: %v, %v", of, list, err)
		}
		return list
	}
	// remove deletes the last rule of a chain.
	remove := func(c *nftables.Conn, of string) {
		list := rules(of)
		if err := c.DelRule(list[len(list)-1]); err != nil {
			t.Error(err)
		}
	}
	return []struct {
		what string
		do   func(*nftables.Conn)
	}{
		{"a rule that leads to the queue deleted", func(c *nftables.Conn) { remove(c, "host-in") }},
		{"the queue rule deleted", func(c *nftables.Conn) { remove(c, "verdict") }},
		{"a chain flushed", func(c *nftables.Conn) { c.FlushChain(chain("input")) }},
		{"the table flushed", func(c *nftables.Conn) { c.FlushTable(table) }},
		{"the table deleted", func(c *nftables.Conn) { c.DelTable(table) }},
		{"a base chain deleted", func(c *nftables.Conn) {
			c.FlushChain(chain("output"))
			c.DelChain(chain("output"))
		}},
		{"the reassembly holder deleted", func(c *nftables.Conn) { remove(c, "reassembly") }},
		{"a rule inserted that accepts", func(c *nftables.Conn) {
			c.InsertRule(&nftables.Rule{Table: table, Chain: chain("input"),
				Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}},
		{"bypass given to the queue rule", func(c *nftables.Conn) {
			r, found := rules(harness.QueueChain())[0], false
			for _, e := range r.Exprs {
				switch e := e.(type) {
				case *expr.Queue:
					e.Flag |= expr.QueueFlagBypass
					found = true
				case *expr.Target:
					(*e.Info.(*xt.Unknown))[4] |= 1
					found = true
				}
			}
			if !found {
				t.Error("no rule leads to a queue")
			}
			c.ReplaceRule(r)
		}},
	}
}

// TestAlteredTableIsRestored alters the table, as on kernels without owned tables
// any program can, while forbidden packets are sent without a pause.
func TestAlteredTableIsRestored(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "enforced", harness.Filtered)
	for _, a := range alterations(t, server.Host()) {
		before, c, s := d.Status(), d.Intruder(t), g.DeniedTraffic(t)
		s.WaitForMore()
		began := time.Now()
		if a.do(c); c.Flush() != nil {
			t.Fatalf("%s did not happen", a.what)
		}
		after := d.Becomes(t, a.what+" to be restored", func(s harness.StatusDocument) bool {
			return s.Table.Repaired > before.Table.Repaired && s.State == "running"
		})
		restored := time.Now()
		s.WaitForMore()
		s.DropsAll("before "+a.what, began.Add(-time.Minute), began)
		s.ClosesWithin(a.what, began, restored, busy)
		s.DropsAll("after "+a.what, restored, forever)
		if by := after.Interference; len(by) == 0 || by[0].PID != pid || by[0].Process == "" ||
			by[0].NetlinkPort == 0 {
			t.Errorf("%s: by %+v, it was PID %d", a.what, by, pid)
		}
		if !mentions(d.Log.String(), "damaged", fmt.Sprint("pid=", pid), "netlink_port=") &&
			!strings.Contains(d.Log.String(), "unlogged") {
			t.Logf("%s: the log names no culprit", a.what)
		}
		g.Expect(t, a.what, harness.Filtered)
	}
}
