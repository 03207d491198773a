package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestCloudInstance runs examples/cloud-instance.yaml: HTTPS out and SSH in by
// rules, and the services of the cloud.
func TestCloudInstance(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "exempt dns", "exempt metadata", "exempt ecs metadata", "exempt time")
	topology := harness.Serviced()
	office := netip.MustParsePrefix("198.51.100.7/32")
	topology.Links[0].A.Addrs = append(topology.Links[0].A.Addrs, office)
	topology.Hosts[1].Routes = append(topology.Hosts[1].Routes,
		netlab.Route{Dst: office, Via: harness.IP("192.0.2.1")})
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Prepare(t, server.Host(), harness.Example(t, "cloud-instance.yaml"))
	harness.NameServers(t, d)(harness.Services[0].Addresses...)
	d.Start()
	var attempts []harness.Attempt
	for _, s := range harness.Services {
		for _, a := range harness.AddressesOf(s) {
			harness.EchoOn(t, client.Host(), harness.AddrPort(a, s.Port))
			attempts = append(attempts, harness.Passes(
				harness.Exchange(t, s.Name, server.Host(), s.Networks[0], netip.Addr{},
					harness.AddrPort(a, s.Port))))
		}
	}
	for i, a := range harness.BothAddresses(client) {
		harness.EchoOn(t, client.Host(), harness.AddrPort(a, 443), harness.AddrPort(a, 80),
			harness.AddrPort(a, 53))
		harness.EchoOn(t, server.Host(), harness.AddrPort(harness.BothAddresses(server)[i], 22))
		attempts = append(attempts,
			harness.Passes(harness.Exchange(t, "out", server.Host(), "tcp", netip.Addr{},
				harness.AddrPort(a, 443))),
			harness.Drops(harness.Exchange(t, "out", server.Host(), "tcp", netip.Addr{},
				harness.AddrPort(a, 80))),
			harness.Drops(harness.Exchange(t, "out", server.Host(), "udp", netip.Addr{},
				harness.AddrPort(a, 53))),
			harness.Drops(harness.Exchange(t, "in, from anywhere", client.Host(), "tcp", a,
				harness.AddrPort(harness.BothAddresses(server)[i], 22))))
	}
	attempts = append(attempts, harness.Passes(
		harness.Exchange(t, "in, from the office", client.Host(), "tcp", office.Addr(),
			harness.AddrPort(server.IPv4(), 22))))
	harness.Run(t, attempts)
}
