package learn

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestTooMany: a table of connections that would take very much memory is not read.
func TestTooMany(t *testing.T) {
	for count, want := range map[string]uint64{"": 0, "x": 0, "0\n": 0, "131072\n": 0,
		"131073\n": 131073, "4000000\n": 4000000} {
		if got := tooMany(count); got != want {
			t.Errorf("%q: %d, want %d", count, got, want)
		}
	}
}

// TestTrackedEnd: addresses of the kernel are those of packets.
func TestTrackedEnd(t *testing.T) {
	f := netlink.IPTuple{SrcIP: net.ParseIP("10.0.0.1"), SrcPort: 80}
	if got := ctEnd(f.SrcIP, f.SrcPort); got != netip.MustParseAddrPort("10.0.0.1:80") {
		t.Errorf("%s", got)
	}
}
