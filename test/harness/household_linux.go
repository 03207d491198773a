package harness

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// Household is a router fw with the guests app and db of
// examples/router-with-guests.yaml behind veth-app and veth-db, and a machine
// outside behind eth0. Each guest has a second address that no policy names,
// and to which the router knows the way.
func Household() netlab.Topology {
	prefix := netip.MustParsePrefix
	t := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}}}
	for _, s := range []struct {
		host, dev string
		own       []string
		gw4, gw6  string
	}{
		{"app", "veth-app", []string{"10.0.1.10/24", "2001:db8:1::10/64", "10.0.1.99/24",
			"2001:db8:1::99/64"}, "10.0.1.1/24", "2001:db8:1::1/64"},
		{"db", "veth-db", []string{"10.0.2.10/24", "2001:db8:2::10/64", "10.0.2.99/24",
			"2001:db8:2::99/64"}, "10.0.2.1/24", "2001:db8:2::1/64"},
		{"outside", "eth0", []string{"203.0.113.10/24", "2001:db8:3::10/64"}, "203.0.113.1/24",
			"2001:db8:3::1/64"},
	} {
		var own []netip.Prefix
		for _, a := range s.own {
			own = append(own, prefix(a))
		}
		gw := []netip.Prefix{prefix(s.gw4), prefix(s.gw6)}
		t.Hosts = append(t.Hosts, netlab.HostSpec{
			Name: s.host, Routes: netlab.DefaultRoutes(gw[0].Addr(), gw[1].Addr())})
		t.Links = append(t.Links, netlab.LinkSpec{
			A: netlab.End{Host: s.host, Dev: "eth0", Addrs: own},
			B: netlab.End{Host: "fw", Dev: s.dev, Addrs: gw},
		})
	}
	return t
}

// Home is a household that runs.
type Home struct {
	Fw, App, DB, Outside *netlab.Host
	// Addresses, IPv4 first; fwApp and fwDB are the router's on the guests' links.
	AppIPs, DBIPs, OutsideIPs, FwApp, FwDB []netip.Addr
}

func NewHome(t testing.TB) Home {
	t.Helper()
	lab := labtest.New(t, Household())
	h := Home{Fw: lab.Host("fw"), App: lab.Host("app"), DB: lab.Host("db"),
		Outside: lab.Host("outside")}
	h.AppIPs, h.DBIPs, h.OutsideIPs = BothAddresses(h.App.Device("eth0")),
		BothAddresses(h.DB.Device("eth0")), BothAddresses(h.Outside.Device("eth0"))
	h.FwApp, h.FwDB = BothAddresses(h.Fw.Device("veth-app")), BothAddresses(h.Fw.Device("veth-db"))
	return h
}

// AsGuest turns a policy of policyWith or gateOn, of one interface, into one for
// the guest behind the device, with its addresses if any are given.
func AsGuest(policy string, addresses ...netip.Addr) string {
	keys := "\n    mode: guest"
	if len(addresses) > 0 {
		var list []string
		for _, a := range addresses {
			list = append(list, `"`+a.String()+`"`)
		}
		keys += "\n    addresses: [" + strings.Join(list, ", ") + "]"
	}
	return strings.ReplaceAll(policy, "\n    security_groups: [state]",
		keys+"\n    security_groups: [state]")
}
