package guest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestGuestSession: a live session of a guest outlives its rule, and its device,
// when that comes back; nothing new comes about meanwhile (T15).
func TestGuestSession(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	policy := func(rules ...string) string {
		return harness.AsGuest(harness.PolicyOn("veth-app", rules, rules), h.AppIPs...)
	}
	opened := policy(harness.Allow("tcp", harness.Inward), harness.Allow("udp", harness.Inward))
	d := harness.Enforce(t, h.Fw, opened)
	var open []harness.Session
	for i, out := range h.OutsideIPs {
		app := h.AppIPs[i]
		harness.Echoes(t, h.Outside, out, harness.Inward)
		harness.Echoes(t, h.App, app, harness.Inward)
		harness.Echoes(t, h.Fw, h.FwApp[i], harness.Inward)
		for _, network := range []string{"tcp", "udp"} {
			for _, way := range []struct {
				from *netlab.Host
				by   netip.Addr
				to   netip.AddrPort
			}{{h.App, app, harness.AddrPort(out, harness.Inward)},
				{h.Outside, out, harness.AddrPort(app, harness.Inward)},
				{h.App, app, harness.AddrPort(h.FwApp[i], harness.Inward)}} {
				c, err := way.from.Dial(labtest.Within(t, harness.ArrivalTimeout), network, way.to,
					netlab.From(harness.AddrPort(way.by, 0)))
				if err != nil {
					t.Fatalf("%s from %s to %s: %v", network, way.from.Name(), way.to, err)
				}
				t.Cleanup(func() { c.Close() })
				s := harness.SessionOf(network+" from "+way.from.Name()+" to "+way.to.String(), c)
				s.Begin(t)
				open = append(open, s)
			}
		}
	}
	fresh := func() (attempts []harness.Attempt) {
		for i, out := range h.OutsideIPs {
			attempts = append(attempts,
				harness.Exchange(t, "guest to outside", h.App, "tcp", h.AppIPs[i],
					harness.AddrPort(out, harness.Inward)),
				harness.Exchange(t, "outside to guest", h.Outside, "tcp", out,
					harness.AddrPort(h.AppIPs[i], harness.Inward)),
				harness.Exchange(t, "guest to router", h.App, "udp", h.AppIPs[i],
					harness.AddrPort(h.FwApp[i], harness.Inward)))
		}
		return attempts
	}
	goesOn := func(when string) {
		t.Helper()
		for _, s := range open {
			if !s.Alive() {
				t.Errorf("%s: %s: lost", when, s.What)
			}
		}
	}
	d.Reload(policy())
	goesOn("without rules")
	harness.Run(t, harness.AllDrop(fresh()))

	// The device goes and comes back as another one of the same name.
	harness.Unplug(t, h.Fw, "veth-app")
	replug(t, h)
	goesOn("with a new device") // TCP first, which waits for the device to be known
	harness.Run(t, harness.AllDrop(fresh()))
	d.Reload(opened)
	harness.Run(t, harness.AllPass(fresh()))
}

// replug makes the link between router and application anew, as it was.
func replug(t testing.TB, h harness.Home) {
	t.Helper()
	if err := h.Fw.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "veth-app"}, PeerName: "eth0",
		PeerNamespace: netlink.NsFd(h.App.NetNS()),
	}); err != nil {
		t.Fatal(err)
	}
	spec := harness.Household().Links[0]
	for _, end := range []struct {
		host  *netlab.Host
		dev   string
		addrs []netip.Prefix
	}{{h.Fw, "veth-app", spec.B.Addrs}, {h.App, "eth0", spec.A.Addrs}} {
		var list []string
		for _, p := range end.addrs {
			list = append(list, p.String())
		}
		harness.Addresses(t, end.host, end.dev, list)
	}
	for _, r := range harness.Household().Hosts[1].Routes {
		if err := h.App.Netlink().RouteAdd(&netlink.Route{
			Dst: &net.IPNet{IP: r.Dst.Addr().AsSlice(), Mask: net.CIDRMask(0, r.Dst.Addr().BitLen())},
			Gw:  r.Via.AsSlice(),
		}); err != nil {
			t.Fatal(err)
		}
	}
}
