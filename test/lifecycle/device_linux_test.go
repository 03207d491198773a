package lifecycle

import (
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// pid is this process, which holds the foreign sockets of the tests.
var pid = os.Getpid()

// Addresses of the link that comes and goes beside eth0.
var (
	laterFar  = []string{"198.51.100.1/24", "2001:db8:7::1/64"}
	laterNear = []string{"198.51.100.2/24", "2001:db8:7::2/64"}
)

// plug adds a link between the hosts while the lab runs; far0 is the far end.
func plug(t testing.TB, far, near *netlab.Host, name string) {
	t.Helper()
	if err := near.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "far0",
		PeerNamespace: netlink.NsFd(far.NetNS()),
	}); err != nil {
		t.Fatal(err)
	}
	harness.Addresses(t, far, "far0", laterFar)
	harness.Addresses(t, near, name, laterNear)
}

// unspecific listens for a gate on the wildcard address, so that the addresses
// may come and go.
func unspecific(t testing.TB, farHost, nearHost *netlab.Host) *harness.Gate {
	t.Helper()
	g := &harness.Gate{T: t, FarHost: farHost, NearHost: nearHost,
		At: make(map[netip.AddrPort]*harness.Inbox)}
	in := map[int]*harness.Inbox{}
	for _, p := range []int{harness.GateIn, harness.GateInNever} {
		in[p] = harness.NewInbox(t, nearHost, netlab.Any(uint16(p)))
	}
	for _, p := range []int{harness.GateOut, harness.GateOutNever} {
		in[p] = harness.NewInbox(t, farHost, netlab.Any(uint16(p)))
	}
	for i := range laterFar {
		far, near := netip.MustParsePrefix(laterFar[i]).Addr(), netip.MustParsePrefix(laterNear[i]).Addr()
		g.Far, g.Near = append(g.Far, far), append(g.Near, near)
		for _, p := range []int{harness.GateIn, harness.GateInNever} {
			g.At[harness.AddrPort(near, p)] = in[p]
		}
		for _, p := range []int{harness.GateOut, harness.GateOutNever} {
			g.At[harness.AddrPort(far, p)] = in[p]
		}
	}
	return g
}
