package harness

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

func Link(t testing.TB, h *netlab.Host, name string) netlink.Link {
	t.Helper()
	l, err := h.Netlink().LinkByName(name)
	if err != nil {
		t.Fatalf("device %s: %v", name, err)
	}
	return l
}

// AddAddr gives a device an address that can be used at once.
func AddAddr(t testing.TB, h *netlab.Host, name, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := h.Netlink().AddrAdd(Link(t, h, name), a); err != nil {
		t.Fatalf("address %s on %s: %v", prefix, name, err)
	}
}

func RemoveAddr(t testing.TB, h *netlab.Host, name, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Netlink().AddrDel(Link(t, h, name), a); err != nil {
		t.Fatalf("address %s off %s: %v", prefix, name, err)
	}
}

func up(t testing.TB, h *netlab.Host, name string) {
	t.Helper()
	if err := h.Netlink().LinkSetUp(Link(t, h, name)); err != nil {
		t.Fatal(err)
	}
}

func NewBridge(t testing.TB, h *netlab.Host, name string, mac net.HardwareAddr) netlink.Link {
	t.Helper()
	if err := h.Netlink().LinkAdd(
		&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: mac}}); err != nil {
		t.Fatal(err)
	}
	up(t, h, name)
	return Link(t, h, name)
}

// Addresses brings a device up and gives it what it has not got yet.
func Addresses(t testing.TB, h *netlab.Host, name string, prefixes []string) {
	t.Helper()
	up(t, h, name)
	have, err := h.Netlink().AddrList(Link(t, h, name), netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range have {
		got = append(got, a.IPNet.String())
	}
	for _, p := range prefixes {
		if !strings.Contains(strings.Join(got, " "), p) {
			AddAddr(t, h, name, p)
		}
	}
}

func Unplug(t testing.TB, h *netlab.Host, name string) {
	t.Helper()
	if err := h.Netlink().LinkDel(Link(t, h, name)); err != nil {
		t.Fatal(err)
	}
}

func LinkLocal(t testing.TB, dev *netlab.Device) netip.Addr {
	t.Helper()
	a, err := dev.LinkLocal()
	if err != nil || !a.IsValid() {
		t.Fatalf("link-local address of %s: %v", dev.Host().Name(), err)
	}
	return a
}
