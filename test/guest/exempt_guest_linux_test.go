package guest

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestExemptGuest: a guest's questions are its own wherever they go, but for those
// to a metadata service that is not this machine's own.
func TestExemptGuest(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X6")
	topology := harness.Household()
	// fw has one metadata address; behind it, outside has the others.
	route := func(host int, dst, via string) {
		topology.Hosts[host].Routes = append(topology.Hosts[host].Routes,
			netlab.Route{Dst: netip.MustParsePrefix(dst), Via: harness.IP(via)})
	}
	outside := &topology.Links[2]
	outside.A.Addrs = append(outside.A.Addrs, netip.MustParsePrefix("169.254.170.2/32"),
		netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("169.254.169.123/32"))
	outside.B.Addrs = append(outside.B.Addrs, netip.MustParsePrefix("169.254.169.254/32"))
	route(0, "169.254.170.2/32", "203.0.113.10")
	route(0, "169.254.169.123/32", "203.0.113.10")
	route(0, "fd00:ec2::254/128", "2001:db8:3::10")
	lab := labtest.New(t, topology)
	fw, app, out := lab.Host("fw"), lab.Host("app"), lab.Host("outside")
	policy := harness.AsGuest(harness.PolicyOn("veth-app", nil,
		[]string{harness.Allow("udp", harness.GateOut)}, "exempt: [resolvers, metadata, time]"),
		harness.BothAddresses(app.Device("eth0"))...)
	d := harness.Prepare(t, fw, policy)
	names := harness.BothAddresses(out.Device("eth0"))
	harness.NameServers(t, d)(names[0].String(), names[1].String())
	d.Start()
	var attempts []harness.Attempt
	asks := func(want harness.Verdict, what, network string, at *netlab.Host, to netip.AddrPort) {
		from := app.Device("eth0").IPv4()
		if to.Addr().Is6() {
			from = app.Device("eth0").IPv6()
		}
		harness.EchoOn(t, at, to)
		attempts = append(attempts, harness.Expect(want,
			harness.Exchange(t, what, app, network, from, to)))
	}
	for _, a := range names {
		asks(harness.Pass, "a name server outside", "udp", out, harness.AddrPort(a, 53))
		asks(harness.Drop, "a name server outside", "udp", out, harness.AddrPort(a, 54))
		asks(harness.Pass, "a service outside", "udp", out, harness.AddrPort(a, harness.GateOut))
	}
	asks(harness.Pass, "time outside", "udp", out, harness.ParseAddrPort("169.254.169.123:123"))
	asks(harness.Pass, "metadata of this machine", "tcp", fw,
		harness.ParseAddrPort("169.254.169.254:80"))
	asks(harness.Drop, "metadata outside", "tcp", out, harness.ParseAddrPort("169.254.170.2:80"))
	asks(harness.Drop, "metadata outside", "tcp", out, harness.ParseAddrPort("[fd00:ec2::254]:80"))
	harness.Run(t, attempts)
}
