package harness

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
)

// LookupNeighbour is what a host knows of a neighbour's link-layer address.
func LookupNeighbour(t testing.TB, dev *netlab.Device, a netip.Addr) (n netlink.Neigh, ok bool) {
	t.Helper()
	list, err := dev.Host().Netlink().NeighList(dev.Index(), familyOf(a))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(n netlink.Neigh) bool {
		got, _ := netip.AddrFromSlice(n.IP)
		return got.Unmap() == a.WithZone("")
	})
	if i < 0 {
		return netlink.Neigh{}, false
	}
	return list[i], true
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}

// Resolve makes a host forget a neighbour and find it again by ARP or neighbour
// discovery, and reports whether that came about.
func Resolve(t testing.TB, dev *netlab.Device, a netip.Addr) bool {
	t.Helper()
	if old, ok := LookupNeighbour(t, dev, a); ok {
		// The traffic of the test may make it find the neighbour again at once.
		if err := dev.Host().Netlink().NeighDel(&old); err != nil {
			t.Fatal(err)
		}
	}
	// NTF_USE looks the neighbour up as a packet to it would.
	if err := dev.Host().Netlink().NeighSet(&netlink.Neigh{
		LinkIndex: dev.Index(), Family: familyOf(a), IP: a.AsSlice(), Flags: netlink.NTF_USE,
	}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(ArrivalTimeout); time.Now().Before(deadline); time.Sleep(
		5 * time.Millisecond) {
		if n, ok := LookupNeighbour(t, dev, a); ok && n.State&netlink.NUD_REACHABLE != 0 {
			return true
		}
	}
	return false
}
