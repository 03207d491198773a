package nft

import (
	"errors"
	"os"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// pair is a managed host with eth0 and the machine next to it.
func pair(t *testing.T) (host, peer *lab) {
	t.Helper()
	host, peer = newLab(t), newLab(t)
	join(host, "eth0", []string{"10.7.0.1/24", "fd07::1/64"}, peer, "eth0",
		[]string{"10.7.0.2/24", "fd07::2/64"})
	return host, peer
}

// knock sends UDP from peer to the host's eth0 and checks whether it arrives.
func knock(t *testing.T, host, peer *lab, passes bool, when string) {
	t.Helper()
	to, from := host.udp("10.7.0.1:0"), peer.udp("10.7.0.2:0")
	defer to.Close()
	defer from.Close()
	send(t, from, to.LocalAddr().String(), []byte("knock"))
	if got := gets(to, "knock", waitFor(passes)); got != passes {
		t.Errorf("%s: passes: %v", when, got)
	}
}

func TestApplyClosesTheDevice(t *testing.T) {
	host, peer := pair(t)
	knock(t, host, peer, true, "without a table")
	table := host.open()
	if counts, err := table.Counters(); err != nil || len(counts) != 0 {
		t.Errorf("counters without a table: %v, %v", counts, err)
	}
	if f := table.Facts(); f.Owner || f.Persist || f.Bypass || f.Generation != 0 || f.Queue == "" {
		t.Errorf("facts without a table: %+v", f)
	}
	if err := table.Verify(); err != nil {
		t.Errorf("without a table: %v", err)
	}
	host.apply(table, plan(policy.FailDrop, "eth0"))
	knock(t, host, peer, false, "without a verdict")
	counts, err := table.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if counts[counterQueued].Packets == 0 {
		t.Errorf("nothing was queued: %v", counts)
	}
	f := table.Facts()
	t.Logf("facts: %+v", f)
	if f.Generation == 0 || f.Port == 0 {
		t.Errorf("facts of an installed table: %+v", f)
	}
	if err := table.Verify(); err != nil {
		t.Error(err)
	}
	host.apply(table, plan(policy.FailDrop))
	knock(t, host, peer, true, "device no longer managed")
	if err := table.Remove(); err != nil {
		t.Fatal(err)
	}
	if got := host.tables(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := table.Close(); err != nil {
		t.Error(err)
	}
	if err := table.Apply(plan(policy.FailDrop, "eth0")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
}

// TestWithoutRights: who may not change the network is told so, whatever the
// kernel could do.
func TestWithoutRights(t *testing.T) {
	newLab(t).do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		if _, err := Open(); !errors.Is(err, os.ErrPermission) {
			t.Errorf("Open: %v", err)
		}
		if _, err := Cleanup(); !errors.Is(err, os.ErrPermission) {
			t.Errorf("Cleanup: %v", err)
		}
		return nil
	})
}

// TestRefusedPlanChangesNothing: the rules of the plan before stand.
func TestRefusedPlanChangesNothing(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	if err := table.Apply(plan(policy.FailDrop, "lo")); err == nil {
		t.Error("lo is accepted")
	}
	knock(t, host, peer, false, "after a refused plan")
	if err := table.Verify(); err != nil {
		t.Error(err)
	}
}

// TestSocketSurvivesAFailedBatch: what the kernel answered to a batch that it
// refused is not taken for the answer to the next one.
func TestSocketSurvivesAFailedBatch(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	bad := layout(plan(policy.FailDrop, "eth0"), table.features)
	for i := range bad {
		if bad[i].hook != nil {
			bad[i].rules = append(bad[i].rules, []expr.Any{goTo("nowhere")})
		}
	}
	for range 3 {
		if err := table.fill(TableName, table.plan, bad); !errors.Is(err, unix.ENOENT) {
			t.Fatalf("a jump to nowhere: %v", err)
		}
		if err := table.Verify(); err != nil {
			t.Errorf("after a refused batch: %v", err)
		}
		knock(t, host, peer, false, "after a refused batch")
		host.apply(table, plan(policy.FailDrop, "eth0"))
	}
}
