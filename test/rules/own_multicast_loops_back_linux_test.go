package rules

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// sendingOn sends multicast by a device.
func sendingOn(dev *netlab.Device, a netip.Addr) netlab.SocketOption {
	return netlab.Control(func(fd int) error {
		if a.Is4() {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
				&unix.IPMreqn{Ifindex: int32(dev.Index())})
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, dev.Index())
	})
}

// TestOwnMulticastLoopsBack has a program of the machine hear what another one
// sends to a group: the kernel's copy comes in through the device, and no
// ingress rule speaks of it. What the wire brings with our own address as its
// source is forged and meets the rules; the kernel would take it.
func TestOwnMulticastLoopsBack(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X2", "X5")
	topology := netlab.Pair()
	topology.Hosts[1].Sysctls = map[string]string{
		"net.ipv4.conf.eth0.accept_local": "1", "net.ipv4.conf.all.rp_filter": "0",
		"net.ipv4.conf.eth0.rp_filter": "0",
	}
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	var shots []harness.Shot
	for i, group := range []netip.Addr{harness.IP("224.0.0.251"), harness.IP("ff02::fb")} {
		own, other := harness.BothAddresses(server)[i], harness.BothAddresses(client)[i]
		to := harness.AddrPort(group, 5353)
		wildcard := netip.IPv4Unspecified()
		if group.Is6() {
			wildcard = netip.IPv6Unspecified()
			to = harness.AddrPort(on(server, group.String()), 5353)
		}
		hears := harness.NewInbox(t, server.Host(), harness.AddrPort(wildcard, 5353),
			joined(server, group))
		speaks := harness.NewInbox(t, server.Host(), harness.AddrPort(own, 0), sendingOn(server, own))
		admitted := harness.NewInbox(t, server.Host(), harness.AddrPort(own, harness.GateIn))
		arrives := func(content []byte, wait time.Duration) bool {
			_, ok := hears.Receives(content, wait)
			return ok
		}
		wired := func(want harness.Verdict, what string, from netip.Addr) {
			shots = append(shots, harness.Expect(want,
				harness.Shot{What: harness.FamilyName(group) + " multicast " + what, Send: func() []byte {
					content := harness.Nonce()
					if err := client.Send(wire.UDP(harness.AddrPort(from, 5353), harness.AddrPort(group, 5353),
						content)); err != nil {
						t.Error(err)
					}
					return content
				}, Arrived: arrives}))
		}
		shots = append(shots,
			harness.Passes(harness.Datagram(t, harness.FamilyName(group)+" multicast of our own", speaks,
				hears, to)),
			harness.Passes(harness.Datagram(t, "what a rule admits",
				harness.NewInbox(t, client.Host(), harness.AddrPort(other, 0)), admitted,
				harness.AddrPort(own, harness.GateIn))))
		wired(harness.Drop, "off the wire", other)
		wired(harness.Drop, "off the wire with our source", own)
	}
	harness.VolleyEach(t, "not protected", harness.AllPass(shots))
	with := func(settings ...string) string {
		return harness.PolicyWith([]string{harness.Allow("udp", harness.GateIn)},
			[]string{harness.Allow("udp", 5353)}, append(settings, harness.InOrder)...)
	}
	d := harness.Enforce(t, server.Host(), with())
	harness.Volley(t, shots)
	harness.VolleyEach(t, "protected", shots)
	d.Reload(with("failsafe: { own-multicast: false }"))
	for i := range shots {
		if shots[i].What != "what a rule admits" {
			shots[i] = harness.Drops(shots[i])
		}
	}
	harness.VolleyEach(t, "switched off", shots)
}
