package nft

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sgfw/policy"
)

var ourTable = &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}

// alteration is something that another program can do to a table without owner.
type alteration struct {
	name string
	do   func(*nftables.Conn) error
	want error
}

var alterations = []alteration{
	{"table deleted", func(c *nftables.Conn) error { c.DelTable(ourTable); return nil }, ErrMissing},
	{"ruleset flushed", func(c *nftables.Conn) error { c.FlushRuleset(); return nil }, ErrMissing},
	{"rules flushed", func(c *nftables.Conn) error { c.FlushTable(ourTable); return nil }, ErrAltered},
	{"one chain flushed", func(c *nftables.Conn) error {
		c.FlushChain(&nftables.Chain{Name: chainReassembly, Table: ourTable})
		return nil
	}, ErrAltered},
	{"rule in front", func(c *nftables.Conn) error {
		c.InsertRule(&nftables.Rule{Table: ourTable, Chain: &nftables.Chain{Name: chainInput},
			Exprs: []expr.Any{accept()}})
		return nil
	}, ErrAltered},
	{"rule replaced by its like", func(c *nftables.Conn) error {
		rules, err := c.GetRules(ourTable, &nftables.Chain{Name: chainOutput, Table: ourTable})
		if err != nil {
			return err
		}
		err = c.DelRule(rules[0])
		c.InsertRule(&nftables.Rule{Table: ourTable, Chain: &nftables.Chain{Name: chainOutput},
			Exprs: rules[0].Exprs})
		return err
	}, ErrAltered},
	{"policy drop", func(c *nftables.Conn) error {
		policy := nftables.ChainPolicyDrop
		c.AddChain(&nftables.Chain{Name: chainInput, Table: ourTable, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &policy})
		return nil
	}, ErrAltered},
	{"chain added", func(c *nftables.Conn) error {
		c.AddChain(&nftables.Chain{Name: "theirs", Table: ourTable})
		return nil
	}, ErrAltered},
	{"table put to sleep", func(c *nftables.Conn) error {
		s, err := dial(c.NetNS)
		if err != nil {
			return err
		}
		defer s.CloseLasting()
		return s.transact(newTable(TableName, 1)) // NFT_TABLE_F_DORMANT
	}, ErrAltered},
	{"base chain deleted", func(c *nftables.Conn) error {
		chain := &nftables.Chain{Name: chainForward, Table: ourTable}
		c.FlushChain(chain)
		c.DelChain(chain)
		return nil
	}, ErrMissing},
}

func TestVerifyAndRepair(t *testing.T) {
	for _, c := range alterations {
		t.Run(c.name, func(t *testing.T) {
			host, peer := pair(t)
			table := host.open()
			table.features.owner, table.features.persist = false, false
			host.apply(table, plan(policy.FailDrop, "eth0"))
			other := host.foreign()
			other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
			if err := other.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := table.Verify(); err != nil {
				t.Errorf("somebody's other table: %v", err)
			}
			if err := errors.Join(c.do(other), other.Flush()); err != nil {
				t.Fatal(err)
			}
			if err := table.Verify(); !errors.Is(err, c.want) {
				t.Errorf("Verify: %v, want %v", err, c.want)
			}
			host.apply(table, plan(policy.FailDrop, "eth0"))
			if err := table.Verify(); err != nil {
				t.Errorf("after repair: %v", err)
			}
			knock(t, host, peer, false, "after repair")
		})
	}
}

func TestWatch(t *testing.T) {
	host, _ := pair(t)
	table := host.open()
	table.features.owner, table.features.persist = false, false
	host.apply(table, plan(policy.FailDrop, "eth0"))
	ctx, cancel := context.WithCancel(t.Context())
	changes, ended := make(chan Change, 16), make(chan error, 1)
	go func() { ended <- table.Watch(ctx, func(c Change) { changes <- c }) }()
	other := host.foreign()
	// What happens before the watch has begun is found by looking, and nobody is named.
	other.DelTable(ourTable)
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-changes:
		if !errors.Is(got.Err, ErrMissing) {
			t.Errorf("at the beginning: told of %+v", got)
		}
	case <-time.After(arrives):
		t.Fatal("at the beginning: not told")
	}
	for _, c := range alterations {
		// Neither our own changes nor somebody's other tables are told.
		host.apply(table, plan(policy.FailDrop, "eth0"))
		host.apply(table, plan(policy.FailDrop, "eth0", "eth1"))
		other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
		if err := other.Flush(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		if len(changes) != 0 {
			t.Fatalf("before %s: told of %+v", c.name, <-changes)
		}
		if err := errors.Join(c.do(other), other.Flush()); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-changes:
			if !errors.Is(got.Err, c.want) || got.PID != os.Getpid() || got.Process == "" ||
				got.Generation == 0 || got.Port == 0 {
				t.Errorf("%s: told of %+v", c.name, got)
			}
		case <-time.After(arrives):
			t.Errorf("%s: not told", c.name)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch ended with %v", err)
	}
}

// TestWatchTellsWhatVerifySaw: a look by somebody else does not take a change away
// from the watch.
func TestWatchTellsWhatVerifySaw(t *testing.T) {
	host, _ := pair(t)
	table := host.open()
	table.features.owner, table.features.persist = false, false
	host.apply(table, plan(policy.FailDrop, "eth0"))
	ctx, cancel := context.WithCancel(t.Context())
	told, goOn, ended := make(chan Change), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = table.Watch(ctx, func(c Change) {
			select {
			case told <- c:
				<-goOn
			case <-ctx.Done():
			}
		})
	}()
	other := host.foreign()
	for i, chain := range []string{chainInput, chainOutput} {
		other.InsertRule(&nftables.Rule{
			Table: ourTable, Chain: &nftables.Chain{Name: chain}, Exprs: []expr.Any{accept()}})
		if err := other.Flush(); err != nil {
			t.Fatal(err)
		}
		if i > 0 { // while the watch is still busy with the first
			if err := table.Verify(); !errors.Is(err, ErrAltered) {
				t.Errorf("Verify: %v, want ErrAltered", err)
			}
			goOn <- struct{}{}
		}
		select {
		case <-told:
		case <-time.After(arrives):
			t.Fatalf("change %d was not told", i)
		}
	}
	close(goOn)
	cancel()
	<-ended
}

// TestWatchRepairs: the callback may put the table back.
func TestWatchRepairs(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	table.features.owner, table.features.persist = false, false
	host.apply(table, plan(policy.FailDrop, "eth0"))
	repaired := make(chan error, 16)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_ = table.Watch(ctx, func(Change) { repaired <- table.Apply(plan(policy.FailDrop, "eth0")) })
	}()
	other := host.foreign()
	for range 3 {
		time.Sleep(20 * time.Millisecond)
		other.FlushRuleset()
		if err := other.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-repaired:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(arrives):
			t.Fatal("not told")
		}
		knock(t, host, peer, false, "after repair")
	}
}

// TestReadBackTellsPlansApart: the comparison after Apply is not satisfied by
// anything but what was meant.
func TestReadBackTellsPlansApart(t *testing.T) {
	host := newLab(t)
	table := host.open()
	base := plan(policy.FailDrop, "eth0", "veth-*")
	host.apply(table, base)
	chains := layout(base, table.features)
	snap, err := table.s.read(chainNames(chains), func(s *snapshot) error { return s.holds(chains) })
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Plan, *features){
		"device":           func(p *Plan, _ *features) { p.Devices[0].Name = "eth1" },
		"mode":             func(p *Plan, _ *features) { p.Devices[0].Mode = policy.ModeGuest },
		"mode of a prefix": func(p *Plan, _ *features) { p.Devices[1].Mode = policy.ModeGuest },
		"prefix":           func(p *Plan, _ *features) { p.Devices[0].Name = "eth0*" },
		"base":             func(p *Plan, _ *features) { p.QueueBase++ },
		"count":            func(p *Plan, _ *features) { p.QueueCount++ },
		"name more": func(p *Plan, _ *features) {
			p.Devices = append(p.Devices, Device{Name: "eth7*"})
		},
		"more":     func(p *Plan, _ *features) { p.Devices = append(p.Devices, Device{Name: "eth7"}) },
		"fewer":    func(p *Plan, _ *features) { p.Devices = p.Devices[:1] },
		"failsafe": func(p *Plan, _ *features) { p.Without = p.Without.With(policy.DHCPClient) },
		"bypass":   func(p *Plan, f *features) { p.Gone, f.owner = policy.FailAccept, false },
		"closed":   func(p *Plan, _ *features) { p.Closed = true },
		"holder":   func(_ *Plan, f *features) { f.reassembly = ReassemblyConntrack },
		"no fib":   func(_ *Plan, f *features) { f.fib = false },
	} {
		p, f := base.clone(), table.features
		change(&p, &f)
		if err := snap.holds(layout(p, f)); !errors.Is(err, ErrAltered) {
			t.Errorf("another %s is not noticed: %v", name, err)
		}
	}
}

// TestWithoutFib: a kernel that cannot look a source up has one failsafe less,
// and says so.
func TestWithoutFib(t *testing.T) {
	host := newLab(t)
	table := host.open()
	if got := table.Facts().Missing; len(got) != 0 {
		t.Errorf("missing on this kernel: %v", got)
	}
	table.features.fib = false
	host.apply(table, plan(policy.FailDrop, "eth0"))
	if got := table.Facts().Missing; len(got) != 1 || got[0] != policy.OwnMulticast {
		t.Errorf("missing: %v", got)
	}
}

// TestRepairClosesAtOnce damages the table under a flood, in every way, and lets
// the watch repair it: what passes before the repair is little, and nothing does
// after it. On kernels with owned tables none of this can happen from outside.
func TestRepairClosesAtOnce(t *testing.T) {
	for _, c := range alterations {
		t.Run(c.name, func(t *testing.T) {
			host, peer := pair(t)
			table := host.open()
			table.features.owner, table.features.persist = false, false
			p := plan(policy.FailDrop, "eth0")
			host.apply(table, p)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			repaired := make(chan error, 16)
			go func() { _ = table.Watch(ctx, func(Change) { repaired <- table.Repair(p) }) }()
			time.Sleep(20 * time.Millisecond) // the watch joins its group
			other := host.foreign()
			leaked, sent := flood(t, host, peer, func() {
				if err := errors.Join(c.do(other), other.Flush()); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-repaired:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(arrives):
					t.Error("not repaired")
				}
			})
			t.Logf("%d of %d packets passed", leaked, sent)
			if err := table.Verify(); err != nil {
				t.Error(err)
			}
			if got := host.flagsOf(TableName); got.flags != 0 {
				t.Errorf("flags %#x", got.flags)
			}
			if leaked, sent := flood(t, host, peer, func() { time.Sleep(silence) }); leaked != 0 ||
				sent < 100 {
				t.Errorf("after the repair %d of %d packets passed", leaked, sent)
			}
		})
	}
}

// TestBarHolds: beside the closed table it does not matter what becomes of ours.
func TestBarHolds(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	table.features.owner, table.features.persist = false, false
	p := plan(policy.FailDrop, "eth0")
	host.apply(table, p)
	for _, step := range []func() error{
		func() error { return table.Bar(p) },
		func() error { return table.Bar(p) },
		func() error { return table.Repair(p) },
		func() error { return table.Apply(plan(policy.FailDrop, "eth0", "eth1")) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		other := host.foreign()
		other.DelTable(ourTable)
		if err := other.Flush(); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		knock(t, host, peer, false, "barred, our table deleted")
	}
	if err := errors.Join(table.Repair(p), table.Unbar()); err != nil {
		t.Fatal(err)
	}
	if got := host.tables(); len(got) != 1 || got[0] != TableName {
		t.Errorf("tables: %v", got)
	}
	knock(t, host, peer, false, "repaired and no longer barred")
	host.apply(table, plan(policy.FailDrop))
	knock(t, host, peer, true, "device no longer managed")
	if err := errors.Join(table.Bar(p), table.Remove()); err != nil {
		t.Fatal(err)
	}
	if got := host.tables(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
