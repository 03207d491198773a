package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"sgfw/test/netlab"
)

// noticed is how long the daemon may take to notice what others did, and to put it
// right. On a machine that is busy with others it gets its turn late: then it has
// busy, but not always.
const (
	noticed = time.Second
	busy    = 5 * noticed
)

// forever ends no siege.
var forever = time.Now().Add(time.Hour)

func (d *daemon) status() (s statusDocument) {
	d.t.Helper()
	d.document(&s, "status")
	return s
}

// becomes waits until the status is as it should be.
func (d *daemon) becomes(t testing.TB, what string, ok func(statusDocument) bool) statusDocument {
	t.Helper()
	deadline := time.Now().Add(enough(t))
	for {
		s := d.status()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %+v", what, s)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alterations are what a program can do to a table that nobody owns.
func alterations(t testing.TB, h *netlab.Host) []struct {
	what string
	do   func(*nftables.Conn)
} {
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
	chain := func(name string) *nftables.Chain { return &nftables.Chain{Table: table, Name: name} }
	rules := func(of string) []*nftables.Rule {
		list, err := nft(t, h).GetRules(table, chain(of))
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
		{"a base chain deleted", func(c *nftables.Conn) { c.FlushChain(chain("output")); c.DelChain(chain("output")) }},
		{"the reassembly holder deleted", func(c *nftables.Conn) { remove(c, "reassembly") }},
		{"a rule inserted that accepts", func(c *nftables.Conn) {
			c.InsertRule(&nftables.Rule{Table: table, Chain: chain("input"), Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}},
		{"bypass given to the queue rule", func(c *nftables.Conn) {
			r := rules("verdict")[0]
			for _, e := range r.Exprs {
				switch e := e.(type) {
				case *expr.Queue:
					e.Flag |= expr.QueueFlagBypass
				case *expr.Target:
					(*e.Info.(*xt.Unknown))[4] |= 1
				}
			}
			c.ReplaceRule(r)
		}},
	}
}

// TestAlteredTableIsRestored alters the table, as on kernels without owned tables
// any program can, while forbidden packets are sent without a pause.
func TestAlteredTableIsRestored(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "enforced", filtered)
	for _, a := range alterations(t, server.Host()) {
		before, c, s := d.status(), d.intruder(t), g.siege(t)
		s.goOn()
		began := time.Now()
		if a.do(c); c.Flush() != nil {
			t.Fatalf("%s did not happen", a.what)
		}
		after := d.becomes(t, a.what+" to be restored", func(s statusDocument) bool {
			return s.Table.Repaired > before.Table.Repaired && s.State == "running"
		})
		restored := time.Now()
		s.goOn()
		s.held("before "+a.what, began.Add(-time.Minute), began)
		s.broke(a.what, began, restored, busy)
		s.held("after "+a.what, restored, forever)
		if by := after.Interference; len(by) == 0 || by[0].PID != pid || by[0].Process == "" || by[0].NetlinkPort == 0 {
			t.Errorf("%s: by %+v, it was PID %d", a.what, by, pid)
		}
		if !mentions(d.log.String(), "damaged", fmt.Sprint("pid=", pid), "netlink_port=") && !strings.Contains(d.log.String(), "unlogged") {
			t.Logf("%s: the log names no culprit", a.what)
		}
		g.expect(t, a.what, filtered)
	}
}

// cpu is the processor time that the daemon has used.
func (d *daemon) cpu(t testing.TB) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system int
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// TestAlteringInALoop is a program that does not give up: against a table with
// owner it gets nowhere, and against one without it fills neither log nor memory.
func TestAlteringInALoop(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "enforced", filtered)
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
	alter := func(c *nftables.Conn, times int, pause time.Duration) (done int) {
		for i := range times {
			// Each leaves other damage behind.
			c.InsertRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Table: table, Name: []string{"input", "output", "forward"}[i%3]},
				Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
			if c.Flush() == nil {
				done++
			}
			time.Sleep(pause)
		}
		return done
	}
	s, began := g.siege(t), time.Now()
	if d.status().Table.Owner {
		// A refusal takes the kernel ten milliseconds.
		if n := alter(nft(t, server.Host()), 50, 0); n > 0 {
			t.Errorf("%d alterations of an owned table", n)
		}
		if s := d.status(); s.Table.Repaired != 0 || len(s.Interference) != 0 {
			t.Errorf("status: %+v", s)
		}
		s.held("the table is owned", began, forever)
	}

	lines, used, began := strings.Count(d.log.String(), "\n"), d.cpu(t), time.Now()
	s = g.siege(t)
	c := d.intruder(t)
	alter(c, 500, 0)
	alter(c, 500, time.Millisecond)
	took := time.Since(began)
	passed, sent, _ := s.passed(began, forever)
	t.Logf("%d of %d passed", passed, sent)
	d.becomes(t, "the table to be restored", func(s statusDocument) bool { return s.State == "running" && s.Table.Repaired > 0 })
	g.soon(t, "after the loop", filtered)
	status := d.status()
	lines = strings.Count(d.log.String(), "\n") - lines
	t.Logf("1000 alterations in %v: %d repairs, %d lines, %v of processor time", took, status.Table.Repaired, lines, d.cpu(t)-used)
	if lines > 20 || len(status.Interference) > 16 {
		t.Errorf("%d lines logged, %d programs remembered", lines, len(status.Interference))
	}
	s = g.siege(t)
	began = time.Now()
	s.goOn()
	s.held("after the loop", began, forever)
}

// steal binds a queue of the daemon for a program that accepts everything.
func (d *daemon) steal(t testing.TB, queue uint16) (release func()) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		d.unbind(t, queue)
		q, err := nfqueue.Open(&nfqueue.Config{
			NfQueue: queue, NetNS: d.host.NetNS(), MaxQueueLen: 1024, MaxPacketLen: 64, Copymode: nfqueue.NfQnlCopyPacket,
		})
		if err != nil {
			t.Fatal(err)
		}
		err = q.RegisterWithErrorFunc(t.Context(), func(a nfqueue.Attribute) int {
			_ = q.SetVerdict(*a.PacketID, nfqueue.NfAccept)
			return 0
		}, func(error) int { return 0 })
		if err == nil {
			return func() { q.Close() }
		}
		q.Close() // the daemon was faster
	}
	t.Fatalf("queue %d cannot be stolen", queue)
	return nil
}

// TestQueueTakenAway unbinds the daemon's queues under it, and has another program
// take one that lets everything pass.
func TestQueueTakenAway(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"batch", "go-nfqueue"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			queueTakenAway(t, driver)
		})
	}
}

func queueTakenAway(t *testing.T, driver string) {
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), strings.Replace(gatePolicy("queue_driver: "+driver), "count: 1", "base: 4310, count: 2", 1))
	g.expect(t, "enforced", filtered)

	s, began := g.siege(t), time.Now()
	soonest := busy
	for range 2 {
		for _, queue := range []uint16{4310, 4311} {
			before := d.queuePort(t, queue)
			if before == 0 {
				t.Fatalf("the daemon has no queue %d", queue)
			}
			unbound := time.Now()
			d.unbind(t, queue)
			for ; ; time.Sleep(5 * time.Millisecond) {
				if now := d.queuePort(t, queue); now != 0 && now != before {
					soonest = min(soonest, time.Since(unbound))
					break
				}
				if time.Since(unbound) > busy {
					t.Fatalf("queue %d was not bound again within %v", queue, busy)
				}
			}
		}
		g.soon(t, "bound again", filtered)
	}
	if soonest > noticed {
		t.Errorf("no queue was bound again within %v: it took at least %v", noticed, soonest)
	}
	s.held("unbound", began, forever)
	status := d.status()
	if status.State != "running" || status.Queues[0].Lost != 2 || status.Queues[1].Lost != 2 || len(status.Interference) == 0 {
		t.Errorf("status: %+v", status)
	}

	s, began = g.siege(t), time.Now()
	release := d.steal(t, 4311)
	status = d.becomes(t, "the thief to be noticed", func(s statusDocument) bool { return s.State == "degraded" })
	closed := time.Now()
	if said := strings.Join(status.Degraded, "\n"); !strings.Contains(said, "4311") || !strings.Contains(said, fmt.Sprint("PID ", pid)) {
		t.Errorf("it does not name queue 4311 and PID %d: %q", pid, said)
	}
	g.expect(t, "stolen", shut)
	if out, code := d.sgfw("reload"); code != 0 {
		t.Errorf("reload: exit %d\n%s", code, out)
	}
	g.expect(t, "stolen, reloaded", shut)
	s.goOn()
	s.broke("stolen", began, closed, busy)
	s.held("stolen", closed, forever)
	s, began = g.siege(t), time.Now()
	release()
	d.becomes(t, "the queue to be bound", func(s statusDocument) bool { return s.State == "running" })
	g.soon(t, "given back", filtered)
	s.held("given back", began, forever)
	if !mentions(d.log.String(), "cannot be bound", fmt.Sprint(pid)) {
		t.Errorf("the log does not name PID %d", pid)
	}
	d.stop()
	if got := queues(t, server.Host()); len(got) != 0 || ours(ruleset(t, server.Host())) {
		t.Errorf("left behind: queues %v", got)
	}
}
