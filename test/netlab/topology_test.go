package netlab_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/netlab"
)

func TestReadyMadeTopologiesAreValid(t *testing.T) {
	for name, top := range map[string]netlab.Topology{
		"empty": {}, "pair": netlab.Pair(), "router": netlab.Router()} {
		if err := top.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateFindsFaults(t *testing.T) {
	for want, spoil := range map[string]func(*netlab.Topology){
		"a host has no name":          func(t *netlab.Topology) { t.Hosts[0].Name = "" },
		`host "client" appears twice`: func(t *netlab.Topology) { t.Hosts[1].Name = "client" },
		`host "moon", which does not`: func(t *netlab.Topology) { t.Links[0].A.Host = "moon" },
		`"" is no device name`:        func(t *netlab.Topology) { t.Links[0].A.Dev = "" },
		`"lo" is no device name`:      func(t *netlab.Topology) { t.Links[0].A.Dev = "lo" },
		`"a/b" is no device name`:     func(t *netlab.Topology) { t.Links[0].A.Dev = "a/b" },
		"is no device name": func(t *netlab.Topology) {
			t.Links[0].A.Dev = strings.Repeat("x", 16)
		},
		`device "eth0" appears twice`: func(t *netlab.Topology) { t.Links[0].B.Host = "client" },
		"MAC address of 8 bytes": func(t *netlab.Topology) {
			t.Links[0].B.MAC = make(net.HardwareAddr, 8)
		},
		"has an invalid address": func(t *netlab.Topology) {
			t.Links[0].B.Addrs = make([]netip.Prefix, 1)
		},
		"negative MTU or queue length": func(t *netlab.Topology) { t.Links[0].MTU = -1 },
		"a route has no destination": func(t *netlab.Topology) {
			t.Hosts[0].Routes = make([]netlab.Route, 1)
		},
		"neither next hop nor device": func(t *netlab.Topology) {
			t.Hosts[0].Routes = []netlab.Route{{Dst: netip.MustParsePrefix("10.0.0.0/8")}}
		},
		"of different families": func(t *netlab.Topology) {
			t.Hosts[0].Routes = []netlab.Route{
				{Dst: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("2001:db8::2")}}
		},
		`leaves through "eth7"`: func(t *netlab.Topology) {
			t.Hosts[0].Routes = []netlab.Route{{Dst: netip.MustParsePrefix("10.0.0.0/8"), Dev: "eth7"}}
		},
	} {
		top := netlab.Pair()
		spoil(&top)
		if err := top.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
