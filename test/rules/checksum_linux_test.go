package rules

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestChecksum sends packets with a wrong checksum to the machine and through it: none
// begins a flow, and none arrives; the same with a right one does both. What goes on with
// a flow is the receiver's to look at, and what the kernel leaves to a device is not
// wrong: a connection of ordinary sockets comes about (T27).
func TestChecksum(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T27")
	lab := labtest.New(t, netlab.Router())
	client, fw, server := lab.Host("client").Device("eth0"), lab.Host("fw"),
		lab.Host("server").Device("eth0")
	rules := append(harness.AllowPing(), harness.Allow("tcp", harness.Inward),
		harness.Allow("udp", harness.Inward))
	d := harness.Enforce(t, fw, harness.PolicyWith(rules, nil, harness.InOrder))
	for i, from := range harness.BothAddresses(client) {
		for what, to := range map[string]*netlab.Device{
			"to the machine": fw.Device("eth0"), "through it": server} {
			t.Run(harness.FamilyName(from)+" "+what, func(t *testing.T) {
				at := harness.AddrPort(harness.BothAddresses(to)[i], harness.Inward)
				checksums(t, d, client, from, at, to.Host())
				harness.EchoTCP(t, to.Host(), at)
				if !harness.Connects(t, client.Host(), netip.AddrPort{}, at, harness.ArrivalTimeout) {
					t.Error("ordinary sockets do not connect")
				}
			})
		}
	}
}

func checksums(t *testing.T, d *harness.Daemon, client *netlab.Device, from netip.Addr,
	at netip.AddrPort, receiver *netlab.Host) {
	t.Helper()
	drops := d.Follow(t, "--drop", "--address", at.Addr().String())
	for _, c := range []struct {
		protocol string
		number   uint8
		packet   func(src netip.AddrPort, content []byte, o ...wire.Option) []byte
	}{
		{"tcp", wire.ProtoTCP, func(src netip.AddrPort, content []byte, o ...wire.Option) []byte {
			flags := wire.SYN
			if bytes.HasPrefix(content, []byte("later")) {
				flags = wire.ACK // a SYN would begin anew, since the first was refused
			}
			return wire.TCP(src, at, flags, 1, 1, content, o...)
		}},
		{"udp", wire.ProtoUDP, func(src netip.AddrPort, content []byte, o ...wire.Option) []byte {
			return wire.UDP(src, at, content, o...)
		}},
		{"icmp", harness.IcmpOf(from), func(src netip.AddrPort, content []byte,
			o ...wire.Option) []byte {
			return wire.Echo(src.Addr(), at.Addr(), src.Port(), 1, content, o...)
		}},
	} {
		// Behind the input hook, which a bad packet of UDP or TCP passes if we let it. The
		// kernel itself looks at the checksum of what a socket of ICMPv6 gets.
		tap := harness.NewTap(t, receiver, c.number, at.Addr())
		bad, good := harness.AddrPort(from, harness.UnusedPort()),
			harness.AddrPort(from, harness.UnusedPort())
		wrong, right := harness.Nonce(), harness.Nonce()
		later := append([]byte("later"), harness.Nonce()...)
		for _, b := range [][]byte{
			c.packet(bad, wrong, wire.BadChecksum()), c.packet(good, right),
			c.packet(good, later, wire.BadChecksum()),
			c.packet(harness.AddrPort(from, harness.UnusedPort()), []byte("the end")),
		} {
			if err := client.Send(b); err != nil {
				t.Fatal(err)
			}
		}
		got := tap.Until(c.protocol, func(b []byte) bool { return bytes.Contains(b, []byte("the end")) })
		count := func(content []byte) int {
			return harness.Count(got, func(b []byte) bool { return bytes.Contains(b, content) })
		}
		if count(wrong) != 0 || count(right) != 1 {
			t.Errorf("%s: %d with a wrong checksum arrived, %d with a right one", c.protocol, count(wrong),
				count(right))
		}
		if c.number != wire.ProtoICMPv6 && count(later) != 1 {
			t.Errorf("%s: the receiver had no look at what goes on with a flow", c.protocol)
		}
		if c.protocol == "icmp" {
			continue // listed by other words
		}
		if _, ok := d.Flow(c.protocol, at.String(), bad.String()); ok {
			t.Errorf("%s: a packet with a wrong checksum began a flow", c.protocol)
		}
		if _, ok := d.Flow(c.protocol, at.String(), good.String()); !ok {
			t.Errorf("%s: a packet with a right checksum began no flow", c.protocol)
		}
	}
	drops.Await("wrong checksums", 3, func(v harness.LoggedVerdict) bool {
		return v.Reason == "checksum"
	})
	if others := drops.Seen(func(v harness.LoggedVerdict) bool {
		return v.Reason != "checksum" && !strings.HasPrefix(v.Protocol, "icmp")
	}); len(others) > 0 {
		t.Errorf("also dropped: %+v", others)
	}
}
