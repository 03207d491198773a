package rules

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestOwnAddressesAreMembers: the interface's own addresses, followed as they
// come and go, are members of its groups (R31). A packet from one of them comes
// from outside only where the machine is told to accept such; it shows here who
// is a member.
func TestOwnAddressesAreMembers(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R31")
	topology := netlab.Pair()
	topology.Hosts[1].Sysctls = map[string]string{
		"net.ipv4.conf.all.accept_local":  "1",
		"net.ipv4.conf.eth0.accept_local": "1",
	}
	lab := labtest.New(t, topology)
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: cluster
    description: Ourselves
    ingress: [{ protocol: udp, ports: 7000, self: true }]
    egress: []
interfaces:
  - { device: eth0, security_groups: [cluster] }
`+harness.OneQueue)
	dev := client.Device("eth0")
	link, err := server.Netlink().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		in := harness.NewRawInbox(t, server, wire.ProtoUDP, s)
		// Every shot comes from another port: a flow would outlive its member (T15).
		source := 10000
		from := func(what string, src netip.Addr) harness.Shot {
			return harness.Raw(t, what, dev, in, func(b []byte) []byte {
				source++
				return wire.UDP(harness.AddrPort(src, source), harness.AddrPort(s, 7000), b)
			})
		}
		own := harness.Passes(from("from the interface's own address", s))
		second := harness.Neighbouring(s, 0x99)
		harness.Volley(t, []harness.Shot{
			harness.Drops(from("from a neighbour", c)),
			harness.Drops(from("from an address that the interface does not have yet", second)),
			own,
		})

		bits := 8 * len(s.AsSlice())
		address := &netlink.Addr{IPNet: &net.IPNet{IP: second.AsSlice(), Mask: net.CIDRMask(bits, bits)}}
		if s.Is6() {
			address.Flags = 0x02 // IFA_F_NODAD
		}
		if err := server.Netlink().AddrAdd(link, address); err != nil {
			t.Fatal(err)
		}
		arrives := func(want bool) bool {
			for deadline := time.Now().Add(harness.ArrivalTimeout); time.Now().Before(deadline); {
				content := harness.Expect(harness.PassIf(want), from("", second)).Send()
				if !in.Receives(own.Send(), harness.ArrivalTimeout) { // sent behind it
					return false
				}
				if in.Has(content) == want {
					return true
				}
				time.Sleep(5 * time.Millisecond)
			}
			return false
		}
		if !arrives(true) {
			t.Fatal("an address that was added did not become a member")
		}
		harness.Volley(t, []harness.Shot{
			harness.Drops(from("from a neighbour", c)),
			harness.Passes(from("from the address that was added", second)), own})

		if err := server.Netlink().AddrDel(link, address); err != nil {
			t.Fatal(err)
		}
		if !arrives(false) {
			t.Fatal("an address that was removed stayed a member")
		}
		harness.Volley(t, []harness.Shot{
			harness.Drops(from("from the address that was removed", second)), own})
	})
}
