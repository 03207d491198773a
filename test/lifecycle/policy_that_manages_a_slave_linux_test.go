package lifecycle

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestPolicyThatManagesASlave is refused: packets of a bridge port appear on the
// bridge and would never be judged.
func TestPolicyThatManagesASlave(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	bridge(t, server, "br0")
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	if said := d.Refuses(3); !strings.Contains(said, "eth0 belongs to br0") {
		t.Errorf("it does not name the bridge:\n%s", said)
	}
	g.Expect(t, "refused", harness.Open)
	// A guest's port of a bridge is no better: its packets are switched.
	d.Write(harness.AsGuest(harness.GatePolicy()))
	if said := d.Refuses(3); !strings.Contains(said, "eth0 belongs to br0") {
		t.Errorf("a guest: it does not name the bridge:\n%s", said)
	}
	d.Write(harness.GateOn([]string{"br0"}))
	d.Start()
	g.Expect(t, "the bridge managed", harness.Filtered)
}

// bridge makes a device a port of a new bridge, which takes its addresses over.
func bridge(t testing.TB, dev *netlab.Device, name string) {
	t.Helper()
	h := dev.Host().Netlink()
	link, err := h.LinkByName(dev.Name())
	if err != nil {
		t.Fatal(err)
	}
	br := harness.NewBridge(t, dev.Host(), name, dev.MAC())
	if err := h.LinkSetMaster(link, br); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dev.IPv4().String() + "/24", dev.IPv6().String() + "/64"} {
		harness.RemoveAddr(t, dev.Host(), dev.Name(), p)
		harness.AddAddr(t, dev.Host(), name, p)
	}
}
