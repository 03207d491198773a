package nft

import (
	"errors"
	"os"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

func needFlags(t *testing.T, table *Table, flags uint32) {
	t.Helper()
	if have := table.features; flags&tableOwner != 0 && !have.owner || flags&tablePersist != 0 &&
		!have.persist {
		t.Skipf("kernel has no table flags %#x", flags)
	}
}

// flagsOf are the flags of our table as anybody sees them.
func (l *lab) flagsOf(table string) tableState {
	l.t.Helper()
	s, err := dial(l.fd)
	if err != nil {
		l.t.Fatal(err)
	}
	defer s.CloseLasting()
	st, err := s.table(table)
	if err != nil {
		l.t.Fatal(err)
	}
	return st
}

func TestDeathOfTheOwner(t *testing.T) {
	for _, c := range []struct {
		gone   policy.FailAction
		stays  bool
		passes bool
	}{
		{policy.FailDrop, true, false},
		{policy.FailAccept, false, true},
	} {
		t.Run(c.gone.String(), func(t *testing.T) {
			host, peer := pair(t)
			table := host.open()
			needFlags(t, table, tableOwner|tablePersist)
			host.apply(table, plan(c.gone, "eth0"))
			knock(t, host, peer, false, "while the owner lives")
			// Closing the socket is all that kill -9 does to it.
			if err := table.Close(); err != nil {
				t.Fatal(err)
			}
			if got := host.flagsOf(TableName); got.exists != c.stays || got.flags&tableOwner != 0 {
				t.Errorf("table after death: %+v", got)
			}
			knock(t, host, peer, c.passes, "after death")
		})
	}
}

func TestForeignFlushOfTheRuleset(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	needFlags(t, table, tableOwner)
	host.apply(table, plan(policy.FailDrop, "eth0"))
	other := host.foreign()
	theirs := other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	other.FlushRuleset()
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, n := range host.tables() {
		if n == theirs.Name {
			t.Error("the foreign flush did nothing: the test shows nothing")
		}
	}
	other.FlushTable(&nftables.Table{Name: TableName, Family: nftables.TableFamilyINet})
	if err := other.Flush(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("foreign flush of our table: %v", err)
	}
	if err := table.Verify(); err != nil {
		t.Error(err)
	}
	knock(t, host, peer, false, "after a foreign flush")
}

func TestSecondOwnerIsRefused(t *testing.T) {
	host := newLab(t)
	first := host.open()
	needFlags(t, first, tableOwner)
	second := host.open()
	host.apply(first, plan(policy.FailDrop, "eth0"))

	_, err := Open(InNamespace(host.fd))
	var owned *OwnedError
	if !errors.Is(err, ErrOwned) || !errors.As(err, &owned) {
		t.Fatalf("Open beside a live owner: %v", err)
	}
	if owned.PID != os.Getpid() || owned.Port != first.Facts().Port {
		t.Errorf("owner named as %+v, is process %d with port %d", owned, os.Getpid(), first.Facts().Port)
	}
	if err := second.Apply(plan(policy.FailAccept, "eth1")); !errors.Is(err, ErrOwned) {
		t.Errorf("Apply beside a live owner: %v", err)
	}
	if err := second.Remove(); !errors.Is(err, ErrOwned) {
		t.Errorf("Remove beside a live owner: %v", err)
	}
	if removed, err := Cleanup(InNamespace(host.fd)); !errors.Is(err, ErrOwned) || removed != nil {
		t.Errorf("Cleanup beside a live owner: %v, %v", removed, err)
	}
	if err := first.Verify(); err != nil {
		t.Error(err)
	}
}

func TestAdoption(t *testing.T) {
	host, peer := pair(t)
	first := host.open()
	needFlags(t, first, tableOwner|tablePersist)
	host.apply(first, plan(policy.FailDrop, "eth0"))
	before := host.handles()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := host.open()
	host.apply(second, plan(policy.FailDrop, "eth0", "eth1"))
	if got := host.flagsOf(TableName); got.flags != tableOwner|tablePersist ||
		got.owner != second.Facts().Port {
		t.Errorf("adopted table: %+v", got)
	}
	// Equal handles: the base chains were never unregistered.
	for name, handle := range host.handles() {
		if before[name] != handle {
			t.Errorf("chain %s was made anew", name)
		}
	}
	if len(before) == 0 {
		t.Error("no chains")
	}
	knock(t, host, peer, false, "after adoption")
	if err := second.Remove(); err != nil {
		t.Fatal(err)
	}
	if got := host.tables(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// handles are the handles of our chains, which the kernel never gives twice.
func (l *lab) handles() map[string]uint64 {
	l.t.Helper()
	s, err := dial(l.fd)
	if err != nil {
		l.t.Fatal(err)
	}
	defer s.CloseLasting()
	out := make(map[string]uint64)
	for _, c := range layout(plan(policy.FailDrop), features{}) {
		snap, err := s.read([]string{c.name}, func(*snapshot) error { return nil })
		if err != nil {
			l.t.Fatal(err)
		}
		ad, err := attributes(netlinkMessage(snap.chains[c.name]))
		if err != nil {
			l.t.Fatal(err)
		}
		for ad.Next() {
			if ad.Type() == unix.NFTA_CHAIN_HANDLE {
				out[c.name] = ad.Uint64()
			}
		}
	}
	return out
}

func TestChangeOfGone(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	needFlags(t, table, tableOwner|tablePersist)
	for _, gone := range []policy.FailAction{policy.FailDrop, policy.FailAccept, policy.FailDrop} {
		host.apply(table, plan(gone, "eth0"))
		want := table.features.flags(gone)
		if got := host.flagsOf(TableName); got.flags != want {
			t.Errorf("gone %v: flags %#x, want %#x", gone, got.flags, want)
		}
		if got := host.tables(); len(got) != 1 {
			t.Errorf("gone %v: tables %v", gone, got)
		}
		knock(t, host, peer, false, "gone "+gone.String())
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if !host.flagsOf(TableName).exists {
		t.Error("changed to drop, but gone after death")
	}

	// A successor that wants accept cannot keep the persistent table.
	next := host.open()
	host.apply(next, plan(policy.FailAccept, "eth0"))
	if got := host.flagsOf(TableName); got.flags != tableOwner {
		t.Errorf("successor's flags: %#x", got.flags)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if got := host.tables(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// TestChangeOfGoneLeavesNoGap sends without a pause while the table is replaced.
func TestChangeOfGoneLeavesNoGap(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	leaked, sent := flood(t, host, peer, func() {
		for i := range 40 {
			host.apply(table, plan(policy.FailAction(i%2), "eth0"))
		}
	})
	if leaked != 0 || sent < 1000 {
		t.Errorf("%d of %d packets passed", leaked, sent)
	}
}

// TestOldKernels plays the ways of kernels without owned or persistent tables.
func TestOldKernels(t *testing.T) {
	for _, c := range []struct {
		name   string
		have   features
		gone   policy.FailAction
		flags  uint32
		passes bool // after death
	}{
		{"neither, drop", features{}, policy.FailDrop, 0, false},
		{"neither, accept", features{}, policy.FailAccept, 0, true},
		{"owner only, drop", features{owner: true}, policy.FailDrop, 0, false},
		{"owner only, accept", features{owner: true}, policy.FailAccept, tableOwner, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, peer := pair(t)
			table := host.open()
			table.features.owner, table.features.persist = c.have.owner, c.have.persist
			host.apply(table, plan(c.gone, "eth0"))
			if got := host.flagsOf(TableName); got.flags != c.flags {
				t.Errorf("flags %#x, want %#x", got.flags, c.flags)
			}
			f := table.Facts()
			if f.Bypass != (c.gone == policy.FailAccept && !c.have.owner) || f.Owner != (c.flags != 0) ||
				f.Persist {
				t.Errorf("facts: %+v", f)
			}
			if err := table.Close(); err != nil {
				t.Fatal(err)
			}
			knock(t, host, peer, c.passes, "after death")
			// Whatever was left, a successor starts over it and cleans up.
			next := host.open()
			host.apply(next, plan(policy.FailDrop, "eth0"))
			knock(t, host, peer, false, "under the successor")
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			removed, err := Cleanup(InNamespace(host.fd))
			if err != nil || len(removed) != 1 {
				t.Errorf("Cleanup: %v, %v", removed, err)
			}
			if got := host.tables(); len(got) != 0 {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

func TestCleanupOfNothing(t *testing.T) {
	host := newLab(t)
	if removed, err := Cleanup(InNamespace(host.fd)); err != nil || removed != nil {
		t.Errorf("Cleanup of an empty namespace: %v, %v", removed, err)
	}
}

// TestDeathWhileReplacing: a daemon that dies between the two tables leaves the
// devices as closed as its plan says, and a successor or Cleanup clears both.
func TestDeathWhileReplacing(t *testing.T) {
	for _, cleanup := range []bool{false, true} {
		host, peer := pair(t)
		table := host.open()
		needFlags(t, table, tableOwner|tablePersist)
		p := plan(policy.FailDrop, "eth0")
		host.apply(table, p)
		if err := table.closeDevices(table.plan, table.features.flags(p.Gone), table.chains); err != nil {
			t.Fatal(err)
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		knock(t, host, peer, false, "after death")
		if got := host.tables(); len(got) != 2 {
			t.Fatalf("tables: %v", got)
		}
		if cleanup {
			if removed, err := Cleanup(InNamespace(host.fd)); err != nil || len(removed) != 2 {
				t.Errorf("Cleanup: %v, %v", removed, err)
			}
			knock(t, host, peer, true, "after cleanup")
			continue
		}
		next := host.open()
		host.apply(next, p)
		if got := host.tables(); len(got) != 1 || got[0] != TableName {
			t.Errorf("tables: %v", got)
		}
		knock(t, host, peer, false, "under the successor")
	}
}
