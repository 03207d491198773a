package nft

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"sgfw/policy"
)

// TestInspect: whoever looks sees which devices the table takes and what becomes of their
// packets, while its owner lives and after.
func TestInspect(t *testing.T) {
	var many []string
	for i := range mapLength + 3 {
		many = append(many, fmt.Sprintf("d%d", i))
	}
	views := plan(policy.FailDrop, "eth0", "eth1", "vm*", "a*")
	views.Devices[1].View, views.Devices[2].View = policy.ViewWire, policy.ViewWire
	guests := plan(policy.FailDrop, "tap7")
	guests.Devices[0].Mode, guests.QueueCount = policy.ModeGuest, 1
	all := plan(policy.FailDrop, "*", "eth0")
	all.Devices[1].View = policy.ViewWire
	altnames := plan(policy.FailDrop, longName, "lan", "eth0", "vm*")
	altnames.Devices[0].Number, altnames.Devices[1].Number = 256, 7
	altnames.Devices[0].View = policy.ViewWire
	shut := plan(policy.FailDrop, "eth0")
	shut.Closed = true
	for what, c := range map[string]struct {
		plan Plan
		want []string
	}{
		"one":      {plan(policy.FailDrop, "eth0"), []string{"eth0"}},
		"none":     {plan(policy.FailDrop), nil},
		"prefixes": {plan(policy.FailDrop, "vm*", "eth0", "web-1*"), []string{"eth0", "vm*", "web-1*"}},
		"all":      {all, []string{"*", "eth0"}},
		"views":    {views, []string{"a*", "eth0", "eth1", "vm*"}},
		"altnames": {altnames, []string{"eth0", "lan", "vm*"}},
		"guests":   {guests, []string{"tap7"}},
		"many":     {plan(policy.FailDrop, many...), many},
		"shut":     {shut, []string{"eth0"}},
		"open":     {plan(policy.FailAccept, "eth0"), []string{"eth0"}},
	} {
		t.Run(what, func(t *testing.T) {
			host := newLab(t)
			inspect := func() Standing {
				t.Helper()
				s, err := Inspect(InNamespace(host.fd))
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			if s := inspect(); len(s.Tables)+len(s.Devices) > 0 || s.Owner != nil {
				t.Errorf("where nothing is: %+v", s)
			}
			table := host.open()
			if c.plan.wire() && !table.features.wire {
				t.Skip("this kernel has no view of the wire")
			}
			host.apply(table, c.plan)
			slices.Sort(c.want)
			expect := func(when string, tables ...string) {
				t.Helper()
				s := inspect()
				var numbers []uint32
				if what == "altnames" {
					numbers = []uint32{7, 256}
				}
				if !slices.Equal(s.Tables, tables) || !slices.Equal(s.Devices, c.want) ||
					!slices.Equal(s.Numbers, numbers) {
					t.Errorf("%s: %+v, want %v of %v", when, s, tables, c.want)
				}
				drops := c.plan.Closed || len(tables) > 1
				queued := !c.plan.Closed
				if s.Drops != drops || (s.QueueCount > 0) != queued || s.Bypass != table.Facts().Bypass ||
					queued && (s.QueueBase != c.plan.QueueBase || s.QueueCount != c.plan.QueueCount) {
					t.Errorf("%s: %+v, want the queues of %+v", when, s, c.plan)
				}
			}
			expect("installed", "table inet sgfw")
			if owner := inspect().Owner; (owner != nil) != table.Facts().Owner ||
				owner != nil && owner.PID != os.Getpid() {
				t.Errorf("the owner is %+v", owner)
			}
			if what == "one" {
				if err := table.Bar(c.plan); err != nil {
					t.Fatal(err)
				}
				expect("barred", "table inet sgfw", "table inet sgfw-closed")
			}
			if c.plan.Gone == policy.FailAccept {
				return
			}
			tables := inspect().Tables
			if err := table.Close(); err != nil {
				t.Fatal(err)
			}
			expect("left", tables...)
			if owner := inspect().Owner; owner != nil {
				t.Errorf("what is left belongs to %+v", owner)
			}
			if removed, err := Cleanup(InNamespace(host.fd)); err != nil ||
				!slices.Equal(removed, tables) || len(inspect().Tables) > 0 {
				t.Errorf("removed %v, %v; left %+v", removed, err, inspect())
			}
		})
	}
}

// TestInspectVerdict: both expressions that queue are read, whichever this kernel has.
func TestInspectVerdict(t *testing.T) {
	info := make(xt.Unknown, 8)
	for i, n := range []uint16{4270, 4, queueBypass} {
		binary.NativeEndian.PutUint16(info[2*i:], n)
	}
	for _, e := range []expr.Any{
		&expr.Queue{Num: 4270, Total: 4, Flag: queueBypass},
		&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info},
	} {
		var s Standing
		inspectVerdict(&nftables.Rule{Exprs: []expr.Any{&expr.Counter{}, e}}, &s)
		if s.QueueBase != 4270 || s.QueueCount != 4 || !s.Bypass || s.Drops {
			t.Errorf("%T: %+v", e, s)
		}
	}
	var s Standing
	inspectVerdict(&nftables.Rule{Exprs: []expr.Any{drop()}}, &s)
	if !s.Drops || s.QueueCount != 0 {
		t.Errorf("drop: %+v", s)
	}
}
