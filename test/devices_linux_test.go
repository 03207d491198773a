package test

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// pid is this process, which holds the foreign sockets of the tests.
var pid = os.Getpid()

func link(t testing.TB, h *netlab.Host, name string) netlink.Link {
	t.Helper()
	l, err := h.Netlink().LinkByName(name)
	if err != nil {
		t.Fatalf("device %s: %v", name, err)
	}
	return l
}

// addAddr gives a device an address that can be used at once.
func addAddr(t testing.TB, h *netlab.Host, name, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := h.Netlink().AddrAdd(link(t, h, name), a); err != nil {
		t.Fatalf("address %s on %s: %v", prefix, name, err)
	}
}

func removeAddr(t testing.TB, h *netlab.Host, name, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Netlink().AddrDel(link(t, h, name), a); err != nil {
		t.Fatalf("address %s off %s: %v", prefix, name, err)
	}
}

func up(t testing.TB, h *netlab.Host, name string) {
	t.Helper()
	if err := h.Netlink().LinkSetUp(link(t, h, name)); err != nil {
		t.Fatal(err)
	}
}

func newBridge(t testing.TB, h *netlab.Host, name string, mac net.HardwareAddr) netlink.Link {
	t.Helper()
	if err := h.Netlink().LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: mac}}); err != nil {
		t.Fatal(err)
	}
	up(t, h, name)
	return link(t, h, name)
}

// Addresses of the link that comes and goes beside eth0.
var (
	laterFar  = []string{"198.51.100.1/24", "2001:db8:7::1/64"}
	laterNear = []string{"198.51.100.2/24", "2001:db8:7::2/64"}
)

// plug adds a link between the hosts while the lab runs; far0 is the far end.
func plug(t testing.TB, far, near *netlab.Host, name string) {
	t.Helper()
	if err := near.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "far0", PeerNamespace: netlink.NsFd(far.NetNS()),
	}); err != nil {
		t.Fatal(err)
	}
	addresses(t, far, "far0", laterFar)
	addresses(t, near, name, laterNear)
}

// addresses brings a device up and gives it what it has not got yet.
func addresses(t testing.TB, h *netlab.Host, name string, prefixes []string) {
	t.Helper()
	up(t, h, name)
	have, err := h.Netlink().AddrList(link(t, h, name), netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range have {
		got = append(got, a.IPNet.String())
	}
	for _, p := range prefixes {
		if !strings.Contains(strings.Join(got, " "), p) {
			addAddr(t, h, name, p)
		}
	}
}

func unplug(t testing.TB, h *netlab.Host, name string) {
	t.Helper()
	if err := h.Netlink().LinkDel(link(t, h, name)); err != nil {
		t.Fatal(err)
	}
}

// rename gives a device another name, as udev does. It loses its IPv6 addresses
// while it is down.
func rename(t testing.TB, h *netlab.Host, from, to string) {
	t.Helper()
	l := link(t, h, from)
	if err := h.Netlink().LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	if err := h.Netlink().LinkSetName(l, to); err != nil {
		t.Fatal(err)
	}
	addresses(t, h, to, laterNear)
}

// unspecific listens for a gate on the wildcard address, so that the addresses
// may come and go.
func unspecific(t testing.TB, farHost, nearHost *netlab.Host) *gate {
	t.Helper()
	g := &gate{t: t, farHost: farHost, nearHost: nearHost, at: make(map[netip.AddrPort]*inbox)}
	in := map[int]*inbox{}
	for _, p := range []int{gateIn, gateInNever} {
		in[p] = newInbox(t, nearHost, netlab.Any(uint16(p)))
	}
	for _, p := range []int{gateOut, gateOutNever} {
		in[p] = newInbox(t, farHost, netlab.Any(uint16(p)))
	}
	for i := range laterFar {
		far, near := netip.MustParsePrefix(laterFar[i]).Addr(), netip.MustParsePrefix(laterNear[i]).Addr()
		g.far, g.near = append(g.far, far), append(g.near, near)
		for _, p := range []int{gateIn, gateInNever} {
			g.at[port(near, p)] = in[p]
		}
		for _, p := range []int{gateOut, gateOutNever} {
			g.at[port(far, p)] = in[p]
		}
	}
	return g
}

// TestDevicesComeAndGo manages a device that does not exist at the start and a
// pattern, and has devices appear, change their names, vanish and come back.
func TestDevicesComeAndGo(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	far, near := lab.Host("client"), lab.Host("server")
	enforce(t, near, gateOn([]string{"late0", "veth-*"}))
	g := unspecific(t, far, near)

	plug(t, far, near, "any0")
	// A device that has just come up may lose the first packets by itself.
	g.soon(t, "a device that no entry names", open)
	rename(t, near, "any0", "late0")
	lift := g.besiege(t)
	g.soon(t, "renamed to the name of an entry", filtered)
	rename(t, near, "late0", "veth-7")
	g.soon(t, "renamed to a name that the pattern covers", filtered)
	rename(t, near, "veth-7", "late0")
	g.soon(t, "renamed back", filtered)
	lift()
	rename(t, near, "late0", "veth7")
	g.soon(t, "renamed out of all entries", open)
	unplug(t, near, "veth7")

	for _, name := range []string{"late0", "late0", "veth-", "veth-a", "veth-a"} {
		plug(t, far, near, name)
		lift := g.besiege(t)
		g.soon(t, "plugged in as "+name, filtered)
		unplug(t, near, name)
		lift()
	}
	// eth0 was there all the time, and no entry names it.
	if !pings(t, far, netip.Addr{}, lab.Host("server").Device("eth0").IPv4(), patience) {
		t.Error("a device that no entry names is filtered")
	}
}
