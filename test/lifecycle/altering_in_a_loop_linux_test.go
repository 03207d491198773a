package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sgfw/test/harness"
)

// TestAlteringInALoop is a program that does not give up: against a table with
// owner it gets nowhere, and against one without it fills neither log nor memory.
func TestAlteringInALoop(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "enforced", harness.Filtered)
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
	alter := func(c *nftables.Conn, times int, pause time.Duration) (done int) {
		for i := range times {
			// Each leaves other damage behind.
			c.InsertRule(&nftables.Rule{Table: table,
				Chain: &nftables.Chain{Table: table, Name: []string{"input", "output", "forward"}[i%3]},
				Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
			if c.Flush() == nil {
				done++
			}
			time.Sleep(pause)
		}
		return done
	}
	s, began := g.DeniedTraffic(t), time.Now()
	if d.Status().Table.Owner {
		// A refusal takes the kernel ten milliseconds.
		if n := alter(harness.Nft(t, server.Host()), 50, 0); n > 0 {
			t.Errorf("%d alterations of an owned table", n)
		}
		if s := d.Status(); s.Table.Repaired != 0 || len(s.Interference) != 0 {
			t.Errorf("status: %+v", s)
		}
		s.DropsAll("the table is owned", began, forever)
	}

	lines, used, began := strings.Count(d.Log.String(), "\n"), d.CPU(t), time.Now()
	s = g.DeniedTraffic(t)
	c := d.Intruder(t)
	alter(c, 500, 0)
	alter(c, 500, time.Millisecond)
	took := time.Since(began)
	passed, sent, _ := s.Passed(began, forever)
	t.Logf("%d of %d passed", passed, sent)
	d.Becomes(t, "the table to be restored",
		func(s harness.StatusDocument) bool { return s.State == "running" && s.Table.Repaired > 0 })
	g.Soon(t, "after the loop", harness.Filtered)
	status := d.Status()
	lines = strings.Count(d.Log.String(), "\n") - lines
	t.Logf("1000 alterations in %v: %d repairs, %d lines, %v of processor time", took,
		status.Table.Repaired, lines, d.CPU(t)-used)
	if lines > 20 || len(status.Interference) > 16 {
		t.Errorf("%d lines logged, %d programs remembered", lines, len(status.Interference))
	}
	s = g.DeniedTraffic(t)
	began = time.Now()
	s.WaitForMore()
	s.DropsAll("after the loop", began, forever)
}
