package nft

import (
	"errors"
	"os"
	"testing"
)

// pair is a managed host with eth0 and the machine next to it.
func pair(t *testing.T) (host, peer *lab) {
	t.Helper()
	host, peer = newLab(t), newLab(t)
	join(host, "eth0", []string{"10.7.0.1/24", "fd07::1/64"}, peer, "eth0", []string{"10.7.0.2/24", "fd07::2/64"})
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
	host.apply(table, plan(GoneDrop, "eth0"))
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
	host.apply(table, plan(GoneDrop))
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
	if err := table.Apply(plan(GoneDrop, "eth0")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
}
