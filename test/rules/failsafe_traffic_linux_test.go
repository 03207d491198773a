package rules

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// leaving is a shot from a socket of the protected host; whether it left is seen
// on the wire.
func leaving(t *testing.T, what string, from *harness.Inbox, at *netlab.Capture,
	to netip.AddrPort) harness.Shot {
	return harness.Shot{What: what, Send: func() []byte { return from.Send(t, to) },
		Arrived: onTheWire(at)}
}

// onTheWire looks for a content in a capture.
func onTheWire(at *netlab.Capture) func(content []byte, wait time.Duration) bool {
	return func(content []byte, wait time.Duration) bool {
		has := func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, content) }
		for deadline := time.Now().Add(wait); ; time.Sleep(time.Millisecond) {
			if at.Count(has) > 0 {
				return true
			}
			if !time.Now().Before(deadline) {
				return false
			}
		}
	}
}

// joined makes a socket a member of a multicast group on a device.
func joined(dev *netlab.Device, group netip.Addr) netlab.SocketOption {
	return netlab.Control(func(fd int) error {
		if group.Is4() {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
				&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(dev.Index())})
		}
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(dev.Index())})
	})
}

// on names the device by number, as an address that is only written to needs it.
func on(dev *netlab.Device, a string) netip.Addr {
	return harness.IP(a).WithZone(strconv.Itoa(dev.Index()))
}

// failsafes are all failsafes and what comes close to each.
func failsafes(t *testing.T, client, server *netlab.Device) (shots []harness.Shot) {
	t.Helper()
	c4, s4, c6, s6 := client.IPv4(), server.IPv4(), client.IPv6(), server.IPv6()
	cLL, sLL := harness.LinkLocal(t, client).WithZone(""), harness.LinkLocal(t, server).WithZone("")
	in := map[uint8]*harness.RawInbox{
		4: harness.NewRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv4Unspecified()),
		6: harness.NewRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv6Unspecified()),
	}
	udp := func(want harness.Verdict, what string, from, to netip.AddrPort) {
		at := in[4]
		if to.Addr().Is6() {
			at = in[6]
		}
		shots = append(shots, harness.Expect(want,
			harness.Raw(t, what+" in", client, at,
				func(content []byte) []byte { return wire.UDP(from, to, content) })))
	}
	broadcast := harness.IP("255.255.255.255")
	udp(harness.Pass, "DHCP offer, broadcast", harness.AddrPort(c4, 67),
		harness.AddrPort(broadcast, 68))
	udp(harness.Pass, "DHCP acknowledgement, unicast", harness.AddrPort(c4, 67),
		harness.AddrPort(s4, 68))
	udp(harness.Drop, "DHCP answer from a wrong port", harness.AddrPort(c4, 66),
		harness.AddrPort(s4, 68))
	udp(harness.Drop, "DHCP answer to a wrong port", harness.AddrPort(c4, 67),
		harness.AddrPort(s4, 69))
	udp(harness.Drop, "DHCP question", harness.AddrPort(c4, 68), harness.AddrPort(s4, 67))
	udp(harness.Drop, "IPv4 UDP", harness.AddrPort(c4, 4000), harness.AddrPort(s4, 4001))
	udp(harness.Drop, "IPv4 UDP with the ports of DHCPv6", harness.AddrPort(c4, 547),
		harness.AddrPort(s4, 546))
	udp(harness.Drop, "IPv4 broadcast", harness.AddrPort(c4, 4000), harness.AddrPort(broadcast, 4001))
	udp(harness.Pass, "DHCPv6 answer", harness.AddrPort(cLL, 547), harness.AddrPort(sLL, 546))
	udp(harness.Drop, "DHCPv6 answer from a routed address", harness.AddrPort(c6, 547),
		harness.AddrPort(s6, 546))
	udp(harness.Drop, "DHCPv6 question", harness.AddrPort(cLL, 546), harness.AddrPort(sLL, 547))
	udp(harness.Drop, "IPv6 UDP", harness.AddrPort(c6, 4000), harness.AddrPort(s6, 4001))
	udp(harness.Drop, "IPv6 UDP, link-local", harness.AddrPort(cLL, 4000), harness.AddrPort(sLL, 4001))
	udp(harness.Drop, "IPv6 UDP with the ports of DHCPv4", harness.AddrPort(c6, 67),
		harness.AddrPort(s6, 68))

	icmp6 := harness.NewRawInbox(t, server.Host(), wire.ProtoICMPv6, netip.IPv6Unspecified())
	// An option that nobody knows carries the content (RFC 4861 §4.6).
	discovery := func(target netip.Addr) func([]byte) []byte {
		return func(content []byte) []byte {
			return append(append(target.AsSlice(), 253, 3, 0, 0, 0, 0, 0, 0), content...)
		}
	}
	message := func(want harness.Verdict, what string, kind uint8, from, to netip.Addr,
		body func([]byte) []byte, options ...wire.Option) {
		shots = append(shots, harness.Expect(want,
			harness.Raw(t, what+" in", client, icmp6, func(content []byte) []byte {
				return wire.ICMP(from, to, kind, 0, 0, body(content), options...)
			})))
	}
	for _, n := range []struct {
		what string
		kind uint8
	}{{"neighbour solicitation", wire.ICMPv6NeighborSolicit},
		{"neighbour advertisement", wire.ICMPv6NeighborAdvert}} {
		message(harness.Pass, n.what, n.kind, c6, s6, discovery(s6), wire.HopLimit(255))
		message(harness.Drop, n.what+" with hop limit 254", n.kind, c6, s6, discovery(s6),
			wire.HopLimit(254))
		message(harness.Drop, n.what+" with hop limit 64", n.kind, c6, s6, discovery(s6))
	}
	routerAlert := wire.HopByHop(5, 2, 0, 0) // RFC 2711 §2.1
	query := func(content []byte) []byte { return append(make([]byte, 24), content...) }
	all := harness.IP("ff02::1")
	message(harness.Pass, "listener query", 130, cLL, all, query, wire.HopLimit(1), routerAlert)
	message(harness.Drop, "listener query with hop limit 2", 130, cLL, all, query, wire.HopLimit(2),
		routerAlert)
	message(harness.Drop, "listener query from a routed address", 130, c6, all, query,
		wire.HopLimit(1), routerAlert)
	message(harness.Drop, "echo request in the shape of a query", 128, cLL, all, query,
		wire.HopLimit(1), routerAlert)
	icmp4 := harness.NewRawInbox(t, server.Host(), wire.ProtoICMP, netip.IPv4Unspecified())
	shots = append(shots,
		harness.Drops(harness.Raw(t, "IPv4 echo request in", client, icmp4,
			func(content []byte) []byte { return wire.Echo(c4, s4, 7, 1, content) })),
		harness.Drops(harness.Raw(t, "IPv6 echo request in", client, icmp6,
			func(content []byte) []byte { return wire.Echo(c6, s6, 7, 1, content) })))

	left := labtest.Capture(t, client.Host(), client.Name(), netlab.CaptureOptions{})
	from := func(at netip.AddrPort) *harness.Inbox {
		return harness.NewInbox(t, server.Host(), at, harness.Bound(server))
	}
	out := func(want harness.Verdict, what string, from *harness.Inbox, to netip.AddrPort) {
		shots = append(shots, harness.Expect(want, leaving(t, what+" out", from, left, to)))
	}
	dhcp4, other4 := from(harness.AddrPort(netip.IPv4Unspecified(), 68)),
		from(harness.AddrPort(s4, 4000))
	out(harness.Pass, "DHCP discovery, broadcast", dhcp4, harness.AddrPort(broadcast, 67))
	out(harness.Pass, "DHCP renewal, unicast", dhcp4, harness.AddrPort(c4, 67))
	out(harness.Drop, "DHCP to a wrong port", dhcp4, harness.AddrPort(broadcast, 66))
	out(harness.Drop, "DHCP from a wrong port", other4, harness.AddrPort(c4, 67))
	out(harness.Drop, "IPv4 UDP", other4, harness.AddrPort(c4, 4001))
	out(harness.Drop, "IPv4 broadcast", other4, harness.AddrPort(broadcast, 4001))
	dhcp6, routed6, other6 := from(harness.AddrPort(harness.LinkLocal(t, server), 546)),
		from(harness.AddrPort(s6, 546)), from(harness.AddrPort(s6, 4000))
	out(harness.Pass, "DHCPv6 solicitation", dhcp6, harness.AddrPort(on(server, "ff02::1:2"), 547))
	out(harness.Drop, "DHCPv6 to a wrong port", dhcp6, harness.AddrPort(on(server, "ff02::1:2"), 548))
	out(harness.Drop, "DHCPv6 from a routed address", routed6, harness.AddrPort(c6, 547))
	out(harness.Drop, "IPv6 UDP", other6, harness.AddrPort(c6, 4001))
	for i, a := range []netip.Addr{c4, c6} {
		to, protocol, at := a, wire.ProtoICMP, s4
		if i == 1 {
			protocol, at = wire.ProtoICMPv6, s6
		}
		pinger := harness.NewRawInbox(t, server.Host(), uint8(protocol), at)
		shots = append(shots, harness.Drops(
			harness.Shot{What: harness.FamilyName(a) + " echo request out", Send: func() []byte {
				content := harness.Nonce()
				pinger.Write(t, wire.Echo(at, to, 7, 1, content), to)
				return content
			}, Arrived: onTheWire(left)}))
	}
	// The kernel tells routers which groups it listens to. The group is the content.
	group := uint16(0x1000)
	shots = append(shots, harness.Passes(
		harness.Shot{What: "listener report out", Send: func() []byte {
			group++
			g := harness.IP(fmt.Sprintf("ff02::5:%x", group))
			c, err := server.Host().ListenPacket(t.Context(), "udp6", netlab.Any(0), joined(server, g))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return g.AsSlice()
		}, Arrived: onTheWire(left)}))
	return shots
}
