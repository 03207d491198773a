package guest

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestRedirectedMetadata: a hypervisor answers its guests' questions to the metadata
// service by a program of its own, on another port. With the view of the wire they are
// what they were when the guest sent them. What nobody redirects goes to the metadata
// service of whoever is beyond, which no guest may ask.
func TestRedirectedMetadata(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X8", "exempt metadata")
	topology := harness.Household()
	const service, other = "169.254.169.254", "fd00:ec2::254"
	outside := &topology.Links[2]
	outside.A.Addrs = append(outside.A.Addrs, netip.MustParsePrefix(service+"/32"),
		netip.MustParsePrefix(other+"/128"))
	topology.Hosts[0].Routes = append(topology.Hosts[0].Routes,
		netlab.Route{Dst: netip.MustParsePrefix(service + "/32"), Via: harness.IP("203.0.113.10")},
		netlab.Route{Dst: netip.MustParsePrefix(other + "/128"), Via: harness.IP("2001:db8:3::10")})
	lab := labtest.New(t, topology)
	fw, app, out := lab.Host("fw"), lab.Host("app"), lab.Host("outside")
	four, six := app.Device("eth0").IPv4(), app.Device("eth0").IPv6()
	gateway := fw.Device("veth-app").IPv4()
	harness.EchoOn(t, fw, harness.AddrPort(gateway, 8181))
	harness.EchoOn(t, out, harness.ParseAddrPort(service+":80"),
		harness.ParseAddrPort("["+other+"]:80"), harness.AddrPort(out.Device("eth0").IPv4(), 80))
	policy := func(view string, egress ...string) string {
		return strings.ReplaceAll(harness.AsGuest(harness.PolicyOn("veth-app", nil, egress,
			"exempt: [metadata]"), harness.BothAddresses(app.Device("eth0"))...),
			"\n    mode: guest", "\n    mode: guest\n    view: "+view)
	}
	asks := func(want harness.Verdict, what string, from netip.Addr, to string) harness.Attempt {
		return harness.Expect(want,
			harness.Exchange(t, what, app, "tcp", from, harness.ParseAddrPort(to)))
	}

	d := harness.Enforce(t, fw, policy("wire"))
	harness.Run(t, []harness.Attempt{
		asks(harness.Drop, "metadata beyond", four, service+":80"),
		asks(harness.Drop, "metadata beyond", six, "["+other+"]:80"),
	})
	harness.Publish(t, fw, 80, 8181, gateway) // all of port 80, the metadata service's with it
	harness.Run(t, []harness.Attempt{
		asks(harness.Pass, "metadata, redirected", four, service+":80"),
		asks(harness.Drop, "the program behind the redirect", four, gateway.String()+":8181"),
		asks(harness.Drop, "another service, redirected", four, out.Device("eth0").IPv4().String()+":80"),
	})
	// A rule may lead to what is beyond.
	d.Reload(policy("wire", `{ protocol: tcp, ports: 80, ipv6_cidr_blocks: ["`+other+`/128"] }`))
	harness.Run(t, []harness.Attempt{
		asks(harness.Pass, "metadata beyond, by a rule", six, "["+other+"]:80"),
	})
	d.Reload(policy("local"))
	harness.Run(t, []harness.Attempt{
		asks(harness.Drop, "local view: it is another port by then", four, service+":80"),
	})
}
