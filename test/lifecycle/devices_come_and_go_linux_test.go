package lifecycle

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// rename gives a device another name, as udev does. It loses its IPv6 addresses
// while it is down.
func rename(t testing.TB, h *netlab.Host, from, to string) {
	t.Helper()
	l := harness.Link(t, h, from)
	if err := h.Netlink().LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	if err := h.Netlink().LinkSetName(l, to); err != nil {
		t.Fatal(err)
	}
	harness.Addresses(t, h, to, laterNear)
}

// TestDevicesComeAndGo manages a device that does not exist at the start and a
// pattern, and has devices appear, change their names, vanish and come back.
func TestDevicesComeAndGo(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, near, harness.GateOn([]string{"late0", "veth-*"}))
	g := unspecific(t, far, near)

	plug(t, far, near, "any0")
	// A device that has just come up may lose the first packets by itself.
	g.Soon(t, "a device that no entry names", harness.Open)
	rename(t, near, "any0", "late0")
	lift := g.KeepTrying(t)
	g.Soon(t, "renamed to the name of an entry", harness.Filtered)
	rename(t, near, "late0", "veth-7")
	g.Soon(t, "renamed to a name that the pattern covers", harness.Filtered)
	rename(t, near, "veth-7", "late0")
	g.Soon(t, "renamed back", harness.Filtered)
	lift()
	rename(t, near, "late0", "veth7")
	g.Soon(t, "renamed out of all entries", harness.Open)
	harness.Unplug(t, near, "veth7")

	for _, name := range []string{"late0", "late0", "veth-", "veth-a", "veth-a"} {
		plug(t, far, near, name)
		lift := g.KeepTrying(t)
		g.Soon(t, "plugged in as "+name, harness.Filtered)
		harness.Unplug(t, near, name)
		lift()
	}
	// eth0 was there all the time, and no entry names it.
	if !harness.Pings(t, far, netip.Addr{}, lab.Host("server").Device("eth0").IPv4(),
		harness.ArrivalTimeout) {
		t.Error("a device that no entry names is filtered")
	}
}
