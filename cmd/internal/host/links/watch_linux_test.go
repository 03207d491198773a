package links

import (
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/policy/member"
	"sgfw/test/netlab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// namespace runs the test in a network namespace of its own: the thread is
// locked and never given back, so it dies with the namespace.
func namespace(t *testing.T) *netlink.Handle {
	t.Helper()
	labtest.RequireRoot(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// veth makes a link that is up; its other end is called name-peer.
func veth(t *testing.T, h *netlink.Handle, name string) netlink.Link {
	t.Helper()
	must(t, h.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "-peer"}))
	l, err := h.LinkByName(name)
	must(t, err)
	must(t, h.LinkSetUp(l))
	return l
}

func addr(t *testing.T, h *netlink.Handle, l netlink.Link, cidr string, flags int) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	must(t, err)
	a.Flags = flags
	must(t, h.AddrAdd(l, a))
}

func open(t *testing.T) *Watcher {
	t.Helper()
	w, err := Open()
	must(t, err)
	t.Cleanup(w.Close)
	return w
}

func addresses(s Snapshot, device string) []netip.Addr {
	for _, l := range s.Facts.Links {
		if l.Name == device {
			return l.Addresses
		}
	}
	return nil
}

func ips(s ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestReadKeepsOnlyUsableAddresses(t *testing.T) {
	h := namespace(t)
	d := veth(t, h, "veth0")
	lo, err := h.LinkByName("lo")
	must(t, err)
	must(t, h.LinkSetUp(lo))
	addr(t, h, d, "192.0.2.7/24", 0)
	addr(t, h, d, "169.254.3.4/16", 0)
	addr(t, h, d, "2001:db8::7/64", unix.IFA_F_NODAD)
	addr(t, h, lo, "198.51.100.1/32", 0)

	s, err := open(t).Read()
	must(t, err)
	if got, want := addresses(s, "veth0"),
		ips("192.0.2.7", "2001:db8::7"); !reflect.DeepEqual(got, want) {
		t.Errorf("addresses of veth0 = %v, want %v: no link-local ones, sorted", got, want)
	}
	for _, l := range s.Facts.Links {
		if l.Name == "lo" {
			t.Error("lo is listed")
		}
		if l.Name == "veth0" && l.Index != uint32(d.Attrs().Index) {
			t.Errorf("index of veth0 = %d, want %d", l.Index, d.Attrs().Index)
		}
	}
}

// TestDirectedBroadcast: the last address of a network, and the one that is set.
func TestDirectedBroadcast(t *testing.T) {
	for _, c := range []struct {
		prefix, set string
		want        []string
	}{
		{"192.0.2.7/24", "", []string{"192.0.2.255"}},
		{"192.0.2.7/28", "", []string{"192.0.2.15"}},
		{"192.0.2.7/24", "192.0.2.200", []string{"192.0.2.200", "192.0.2.255"}},
		{"192.0.2.7/31", "", nil},
		{"192.0.2.7/32", "", nil},
		{"192.0.2.7/32", "0.0.0.0", nil},
		{"2001:db8::7/64", "", nil},
	} {
		n, err := netlink.ParseIPNet(c.prefix)
		must(t, err)
		a := netlink.Addr{IPNet: n, Broadcast: net.ParseIP(c.set)}
		var got []string
		for _, b := range directed(a) {
			got = append(got, b.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s, broadcast %q: %v, want %v", c.prefix, c.set, got, c.want)
		}
	}
}

func TestUsable(t *testing.T) {
	for _, tc := range []struct {
		ip    string
		flags int
		scope netlink.Scope
		want  bool
	}{
		{"192.0.2.1", 0, unix.RT_SCOPE_UNIVERSE, true},
		{"10.0.0.1", 0, unix.RT_SCOPE_SITE, true},
		{"192.0.2.1", 0, unix.RT_SCOPE_HOST, false},
		{"169.254.0.1", 0, unix.RT_SCOPE_UNIVERSE, false},
		{"127.0.0.2", 0, unix.RT_SCOPE_UNIVERSE, false},
		{"fe80::1", unix.IFA_F_PERMANENT, unix.RT_SCOPE_LINK, false},
		{"2001:db8::1", unix.IFA_F_PERMANENT, unix.RT_SCOPE_UNIVERSE, true},
		{"2001:db8::1", unix.IFA_F_TENTATIVE, unix.RT_SCOPE_UNIVERSE, false},
		{"2001:db8::1", unix.IFA_F_DADFAILED | unix.IFA_F_PERMANENT, unix.RT_SCOPE_UNIVERSE, false},
		{"2001:db8::1", unix.IFA_F_DEPRECATED, unix.RT_SCOPE_UNIVERSE, true},
		{"fd00::1", unix.IFA_F_TEMPORARY, unix.RT_SCOPE_UNIVERSE, true},
	} {
		a := netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(tc.ip)}, Flags: tc.flags,
			Scope: int(tc.scope)}
		if got, ok := usable(a); ok != tc.want || got != netip.MustParseAddr(tc.ip) {
			t.Errorf("usable(%s, flags %#x, scope %d) = %v, %v, want %v", tc.ip, tc.flags, tc.scope, got, ok,
				tc.want)
		}
	}
}

func TestMasterIsNamed(t *testing.T) {
	h := namespace(t)
	port := veth(t, h, "port0")
	must(t, h.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
	br, err := h.LinkByName("br0")
	must(t, err)
	must(t, h.LinkSetMaster(port, br))
	s, err := open(t).Read()
	must(t, err)
	if got, want := s.Masters, map[string]member.Master{
		"port0": {Name: "br0", Kind: "bridge"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("Masters = %v, want %v", got, want)
	}
}
