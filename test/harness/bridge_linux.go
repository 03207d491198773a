package harness

import (
	"net/netip"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// Switch is a host fw whose bridge br0 joins the machines one and two, once port2 is
// plugged in, and which routes between their network and a second one on the same bridge.
type Switch struct {
	Fw, One, Two *netlab.Host
	// Addresses, IPv4 first; Second are those of two in the network that one reaches
	// through fw alone.
	Ones, Twos, Second, Fws []netip.Addr
}

// switchSettings say whether br_netfilter sends bridged frames through the IP hooks.
var switchSettings = []string{"net.bridge.bridge-nf-call-iptables",
	"net.bridge.bridge-nf-call-ip6tables"}

// NewSwitch builds it.
func NewSwitch(t testing.TB) Switch {
	t.Helper()
	prefix := netip.MustParsePrefix
	end := func(host string, addrs ...string) netlab.End {
		e := netlab.End{Host: host, Dev: "eth0"}
		for _, a := range addrs {
			e.Addrs = append(e.Addrs, prefix(a))
		}
		return e
	}
	lab := labtest.New(t, netlab.Topology{
		Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}, {Name: "two"},
			{Name: "one", Routes: []netlab.Route{
				{Dst: prefix("10.0.6.0/24"), Via: IP("10.0.5.1")},
				{Dst: prefix("2001:db8:6::/64"), Via: IP("2001:db8:5::1")},
			}}},
		Links: []netlab.LinkSpec{
			{A: end("one", "10.0.5.10/24", "2001:db8:5::10/64"), B: netlab.End{Host: "fw", Dev: "port1"}},
			{A: end("two", "10.0.5.20/24", "2001:db8:5::20/64", "10.0.6.20/24", "2001:db8:6::20/64"),
				B: netlab.End{Host: "fw", Dev: "port2"}},
		},
	})
	s := Switch{Fw: lab.Host("fw"), One: lab.Host("one"), Two: lab.Host("two")}
	for _, text := range [][4]string{
		{"10.0.5.10", "10.0.5.20", "10.0.6.20", "10.0.5.1"},
		{"2001:db8:5::10", "2001:db8:5::20", "2001:db8:6::20", "2001:db8:5::1"},
	} {
		s.Ones, s.Twos = append(s.Ones, IP(text[0])), append(s.Twos, IP(text[1]))
		s.Second, s.Fws = append(s.Second, IP(text[2])), append(s.Fws, IP(text[3]))
	}
	NewBridge(t, s.Fw, "br0", nil)
	s.Plug(t, "port1")
	Addresses(t, s.Fw, "br0", []string{"10.0.5.1/24", "2001:db8:5::1/64", "10.0.6.1/24",
		"2001:db8:6::1/64"})
	return s
}

// Plug makes a device of fw a port of the bridge.
func (s Switch) Plug(t testing.TB, port string) {
	t.Helper()
	if err := s.Fw.Netlink().LinkSetMaster(Link(t, s.Fw, port), Link(t, s.Fw, "br0")); err != nil {
		t.Fatal(err)
	}
}

// SendsBridged puts the switch of br_netfilter into a position, and skips the test
// where the kernel has none.
func (s Switch) SendsBridged(t testing.TB, position string) {
	t.Helper()
	for _, key := range switchSettings {
		if _, err := s.Fw.Sysctl(key); err != nil {
			t.Skipf("bridged frames never meet the IP hooks here, the module br_netfilter is not there: %v",
				err)
		}
		if err := s.Fw.SetSysctl(key, position); err != nil {
			t.Fatal(err)
		}
	}
}
