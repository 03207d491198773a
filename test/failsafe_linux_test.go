package test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// barrage sends all shots and compares what arrived with what should. Unlike a
// volley it waits for what must not arrive: failsafes pass by the queue and so
// cannot tell what has left it. With all it wants everything to arrive.
func barrage(t *testing.T, when string, shots []shot, all bool) {
	t.Helper()
	contents := make([][]byte, len(shots))
	for i, s := range shots {
		contents[i] = s.send()
	}
	wait := patience
	for i, s := range shots {
		if (s.pass || all) && !s.arrived(contents[i], wait) {
			t.Errorf("%s: %s: did not arrive", when, s.what)
			wait = silence
		}
	}
	if all {
		return
	}
	time.Sleep(silence)
	for i, s := range shots {
		if !s.pass && s.arrived(contents[i], 0) {
			t.Errorf("%s: %s: arrived", when, s.what)
		}
	}
}

// leaving is a shot from a socket of the protected host; whether it left is seen
// on the wire.
func leaving(t *testing.T, what string, from *inbox, at *netlab.Capture, to netip.AddrPort, pass bool) shot {
	return shot{what, func() []byte { return from.send(t, to) }, onTheWire(at), pass}
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

// bound binds a socket to a device, as DHCP clients do.
func bound(dev *netlab.Device) netlab.SocketOption {
	return netlab.Control(func(fd int) error { return unix.BindToDevice(fd, dev.Name()) })
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

// sendingOn sends multicast by a device.
func sendingOn(dev *netlab.Device, a netip.Addr) netlab.SocketOption {
	return netlab.Control(func(fd int) error {
		if a.Is4() {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(dev.Index())})
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, dev.Index())
	})
}

func linkLocal(t testing.TB, dev *netlab.Device) netip.Addr {
	t.Helper()
	a, err := dev.LinkLocal()
	if err != nil || !a.IsValid() {
		t.Fatalf("link-local address of %s: %v", dev.Host().Name(), err)
	}
	return a
}

// on names the device by number, as an address that is only written to needs it.
func on(dev *netlab.Device, a string) netip.Addr { return ip(a).WithZone(strconv.Itoa(dev.Index())) }

// failsafes are all failsafes and what comes close to each.
func failsafes(t *testing.T, client, server *netlab.Device) (shots []shot) {
	t.Helper()
	c4, s4, c6, s6 := client.IPv4(), server.IPv4(), client.IPv6(), server.IPv6()
	cLL, sLL := linkLocal(t, client).WithZone(""), linkLocal(t, server).WithZone("")
	in := map[uint8]*rawInbox{
		4: newRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv4Unspecified()),
		6: newRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv6Unspecified()),
	}
	udp := func(what string, from, to netip.AddrPort, pass bool) {
		at := in[4]
		if to.Addr().Is6() {
			at = in[6]
		}
		shots = append(shots, raw(t, what+" in", client, at, func(content []byte) []byte { return wire.UDP(from, to, content) }, pass))
	}
	broadcast := ip("255.255.255.255")
	udp("DHCP offer, broadcast", port(c4, 67), port(broadcast, 68), true)
	udp("DHCP acknowledgement, unicast", port(c4, 67), port(s4, 68), true)
	udp("DHCP answer from a wrong port", port(c4, 66), port(s4, 68), false)
	udp("DHCP answer to a wrong port", port(c4, 67), port(s4, 69), false)
	udp("DHCP question", port(c4, 68), port(s4, 67), false)
	udp("IPv4 UDP", port(c4, 4000), port(s4, 4001), false)
	udp("IPv4 UDP with the ports of DHCPv6", port(c4, 547), port(s4, 546), false)
	udp("IPv4 broadcast", port(c4, 4000), port(broadcast, 4001), false)
	udp("DHCPv6 answer", port(cLL, 547), port(sLL, 546), true)
	udp("DHCPv6 answer from a routed address", port(c6, 547), port(s6, 546), false)
	udp("DHCPv6 question", port(cLL, 546), port(sLL, 547), false)
	udp("IPv6 UDP", port(c6, 4000), port(s6, 4001), false)
	udp("IPv6 UDP, link-local", port(cLL, 4000), port(sLL, 4001), false)
	udp("IPv6 UDP with the ports of DHCPv4", port(c6, 67), port(s6, 68), false)

	icmp6 := newRawInbox(t, server.Host(), wire.ProtoICMPv6, netip.IPv6Unspecified())
	// An option that nobody knows carries the content (RFC 4861 §4.6).
	discovery := func(target netip.Addr) func([]byte) []byte {
		return func(content []byte) []byte {
			return append(append(target.AsSlice(), 253, 3, 0, 0, 0, 0, 0, 0), content...)
		}
	}
	message := func(what string, kind uint8, from, to netip.Addr, body func([]byte) []byte, pass bool, options ...wire.Option) {
		shots = append(shots, raw(t, what+" in", client, icmp6, func(content []byte) []byte {
			return wire.ICMP(from, to, kind, 0, 0, body(content), options...)
		}, pass))
	}
	for _, n := range []struct {
		what string
		kind uint8
	}{{"neighbour solicitation", wire.ICMPv6NeighborSolicit}, {"neighbour advertisement", wire.ICMPv6NeighborAdvert}} {
		message(n.what, n.kind, c6, s6, discovery(s6), true, wire.HopLimit(255))
		message(n.what+" with hop limit 254", n.kind, c6, s6, discovery(s6), false, wire.HopLimit(254))
		message(n.what+" with hop limit 64", n.kind, c6, s6, discovery(s6), false)
	}
	routerAlert := wire.HopByHop(5, 2, 0, 0) // RFC 2711 §2.1
	query := func(content []byte) []byte { return append(make([]byte, 24), content...) }
	all := ip("ff02::1")
	message("listener query", 130, cLL, all, query, true, wire.HopLimit(1), routerAlert)
	message("listener query with hop limit 2", 130, cLL, all, query, false, wire.HopLimit(2), routerAlert)
	message("listener query from a routed address", 130, c6, all, query, false, wire.HopLimit(1), routerAlert)
	message("echo request in the shape of a query", 128, cLL, all, query, false, wire.HopLimit(1), routerAlert)
	icmp4 := newRawInbox(t, server.Host(), wire.ProtoICMP, netip.IPv4Unspecified())
	shots = append(shots,
		raw(t, "IPv4 echo request in", client, icmp4, func(content []byte) []byte { return wire.Echo(c4, s4, 7, 1, content) }, false),
		raw(t, "IPv6 echo request in", client, icmp6, func(content []byte) []byte { return wire.Echo(c6, s6, 7, 1, content) }, false))

	left := labtest.Capture(t, client.Host(), client.Name(), netlab.CaptureOptions{})
	from := func(at netip.AddrPort) *inbox { return newInbox(t, server.Host(), at, bound(server)) }
	out := func(what string, from *inbox, to netip.AddrPort, pass bool) {
		shots = append(shots, leaving(t, what+" out", from, left, to, pass))
	}
	dhcp4, other4 := from(port(netip.IPv4Unspecified(), 68)), from(port(s4, 4000))
	out("DHCP discovery, broadcast", dhcp4, port(broadcast, 67), true)
	out("DHCP renewal, unicast", dhcp4, port(c4, 67), true)
	out("DHCP to a wrong port", dhcp4, port(broadcast, 66), false)
	out("DHCP from a wrong port", other4, port(c4, 67), false)
	out("IPv4 UDP", other4, port(c4, 4001), false)
	out("IPv4 broadcast", other4, port(broadcast, 4001), false)
	dhcp6, routed6, other6 := from(port(linkLocal(t, server), 546)), from(port(s6, 546)), from(port(s6, 4000))
	out("DHCPv6 solicitation", dhcp6, port(on(server, "ff02::1:2"), 547), true)
	out("DHCPv6 to a wrong port", dhcp6, port(on(server, "ff02::1:2"), 548), false)
	out("DHCPv6 from a routed address", routed6, port(c6, 547), false)
	out("IPv6 UDP", other6, port(c6, 4001), false)
	for i, a := range []netip.Addr{c4, c6} {
		to, protocol, at := a, wire.ProtoICMP, s4
		if i == 1 {
			protocol, at = wire.ProtoICMPv6, s6
		}
		pinger := newRawInbox(t, server.Host(), uint8(protocol), at)
		shots = append(shots, shot{family(a) + " echo request out", func() []byte {
			content := nonce()
			pinger.write(t, wire.Echo(at, to, 7, 1, content), to)
			return content
		}, onTheWire(left), false})
	}
	// The kernel tells routers which groups it listens to. The group is the content.
	group := uint16(0x1000)
	shots = append(shots, shot{"listener report out", func() []byte {
		group++
		g := ip(fmt.Sprintf("ff02::5:%x", group))
		c, err := server.Host().ListenPacket(t.Context(), "udp6", netlab.Any(0), joined(server, g))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return g.AsSlice()
	}, onTheWire(left), true})
	return shots
}

// TestFailsafes puts a policy in force that allows nothing but one port in. What
// keeps the machine on the network passes nevertheless, whether the daemon lives
// or not, and what merely looks like it does not (X1, X2, X3).
func TestFailsafes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X3", "exempt dhcp")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	shots := failsafes(t, client, server)
	var admitted []shot
	for i, a := range families(server) {
		from, at := newInbox(t, client.Host(), port(families(client)[i], 0)), newInbox(t, server.Host(), port(a, gateIn))
		admitted = append(admitted, datagram(t, family(a)+" of a rule in", from, at, port(a, gateIn), true))
	}
	barrage(t, "not protected", append(admitted, shots...), true)
	found := func(when string) {
		t.Helper()
		for _, dev := range []*netlab.Device{client, server} {
			for _, a := range append(families(dev.Peer()), linkLocal(t, dev.Peer())) {
				if !resolve(t, dev, a) {
					t.Errorf("%s: %s does not find %s", when, dev.Host().Name(), a)
				}
			}
		}
	}
	d := enforce(t, server.Host(), policyWith([]string{allow("udp", gateIn)}, nil))
	barrage(t, "protected", append(admitted, shots...), false)
	found("protected")
	d.kill()
	for i := range admitted {
		admitted[i].pass = false
	}
	barrage(t, "killed", append(admitted, shots...), false)
	found("killed")
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
		"net.ipv4.conf.eth0.accept_local": "1", "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.eth0.rp_filter": "0",
	}
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	var shots []shot
	for i, group := range []netip.Addr{ip("224.0.0.251"), ip("ff02::fb")} {
		own, other := families(server)[i], families(client)[i]
		to := port(group, 5353)
		wildcard := netip.IPv4Unspecified()
		if group.Is6() {
			wildcard = netip.IPv6Unspecified()
			to = port(on(server, group.String()), 5353)
		}
		hears := newInbox(t, server.Host(), port(wildcard, 5353), joined(server, group))
		speaks := newInbox(t, server.Host(), port(own, 0), sendingOn(server, own))
		admitted := newInbox(t, server.Host(), port(own, gateIn))
		arrives := func(content []byte, wait time.Duration) bool {
			_, ok := hears.receives(content, wait)
			return ok
		}
		wired := func(what string, from netip.Addr, pass bool) {
			shots = append(shots, shot{family(group) + " multicast " + what, func() []byte {
				content := nonce()
				if err := client.Send(wire.UDP(port(from, 5353), port(group, 5353), content)); err != nil {
					t.Error(err)
				}
				return content
			}, arrives, pass})
		}
		shots = append(shots,
			datagram(t, family(group)+" multicast of our own", speaks, hears, to, true),
			datagram(t, "what a rule admits", newInbox(t, client.Host(), port(other, 0)), admitted, port(own, gateIn), true))
		wired("off the wire", other, false)
		wired("off the wire with our source", own, false)
	}
	barrage(t, "not protected", shots, true)
	with := func(settings ...string) string {
		return policyWith([]string{allow("udp", gateIn)}, []string{allow("udp", 5353)}, append(settings, "queues: { count: 1 }")...)
	}
	d := enforce(t, server.Host(), with())
	volley(t, shots)
	barrage(t, "protected", shots, false)
	d.reload(with("failsafe: { own-multicast: false }"))
	for i := range shots {
		shots[i].pass = shots[i].pass && shots[i].what == "what a rule admits"
	}
	barrage(t, "switched off", shots, false)
}

// TestCutFailsafes switches off one failsafe after the other: it is left to the
// rules, and the others pass as before. What the kernel's rules leave to the
// daemon obeys the same switch.
func TestCutFailsafes(t *testing.T) {
	t.Parallel()
	// With neighbours that are known nothing else depends on their discovery.
	topology := netlab.Pair()
	topology.Links[0].Neighbours = netlab.NeighboursStatic
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	shots := failsafes(t, client, server)
	cLL, sLL := linkLocal(t, client).WithZone(""), linkLocal(t, server).WithZone("")
	queued := raw(t, "DHCPv6 answer behind an extension header in", client, newRawInbox(t, server.Host(), wire.ProtoUDP, netip.IPv6Unspecified()),
		func(content []byte) []byte {
			return wire.UDP(port(cLL, 547), port(sLL, 546), content, wire.DestinationOptions(1, 0))
		}, true)
	from, at := newInbox(t, client.Host(), port(client.IPv6(), 0)), newInbox(t, server.Host(), port(server.IPv6(), gateIn))
	shots = append(shots, queued, datagram(t, "what a rule admits", from, at, port(server.IPv6(), gateIn), true))
	policy := func(settings ...string) string {
		return policyWith([]string{allow("udp", gateIn)}, nil, append(settings, "queues: { count: 1 }")...)
	}
	d := enforce(t, server.Host(), policy())
	barrage(t, "all on", shots, false)
	for name, first := range map[string]string{
		"neighbour-discovery": "neighbour ", "multicast-listener-discovery": "listener ", "dhcpv4-client": "DHCP ", "dhcpv6-client": "DHCPv6 ",
	} {
		t.Run(name, func(t *testing.T) {
			parity.Proves(t, "X2")
			d.reload(policy("failsafe: { " + name + ": false }"))
			left, cut := slices.Clone(shots), 0
			for i := range left {
				if left[i].pass && strings.HasPrefix(left[i].what, first) {
					left[i].pass = false
					cut++
				}
			}
			if cut == 0 {
				t.Fatal("nothing here is that failsafe")
			}
			barrage(t, "without "+name, left, false)
			for _, x := range d.exemptions() {
				want := "on"
				if x.Name == name {
					want = "off"
				}
				if x.Kind == "failsafe" && x.State != want && x.State != "always" {
					t.Errorf("status has %+v", x)
				}
			}
			if out, _ := d.sgfw("status"); !strings.Contains(out, "SWITCHED OFF") || !strings.Contains(out, "decide about: "+name+"\n") {
				t.Errorf("status:\n%s", out)
			}
			if out, code := d.sgfw("check", d.config); code != 0 || !strings.Contains(out, "failsafe "+name+" is off") {
				t.Errorf("check: exit %d\n%s", code, out)
			}
		})
	}
	d.reload(policy())
	barrage(t, "all on again", shots, false)
	if x := d.exemptions()["dhcpv4-client"]; x.Packets == nil || *x.Packets == 0 {
		t.Errorf("status has %+v", x)
	}
}

// TestTrafficWithItselfIsUntouched has a machine under a policy that allows
// nothing but one port in talk to each of its own addresses (X4).
func TestTrafficWithItselfIsUntouched(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X4")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	enforce(t, server.Host(), policyWith([]string{allow("tcp", gateIn)}, nil))
	var attempts []attempt
	try := func(what string, h *netlab.Host, to netip.Addr, pass bool) {
		for _, network := range []string{"tcp", "udp"} {
			attempts = append(attempts, attempt{what + " " + network + " " + to.String(), func(w time.Duration) bool {
				return exchanges(t, h, network, netip.AddrPort{}, port(to, gateEcho), w)
			}, pass})
		}
		attempts = append(attempts, attempt{what + " ping " + to.String(), func(w time.Duration) bool {
			return pings(t, h, netip.Addr{}, to, w)
		}, pass})
	}
	for _, a := range append(families(server), ip("127.0.0.1"), ip("::1"), linkLocal(t, server)) {
		echoOn(t, server.Host(), port(a, gateEcho))
		try("itself", server.Host(), a, true)
	}
	for i, a := range families(server) {
		try("the client", client.Host(), a, false)
		echoOn(t, client.Host(), port(families(client)[i], gateEcho))
		try("the server", server.Host(), families(client)[i], false)
		echoOn(t, server.Host(), port(a, gateIn))
		attempts = append(attempts, attempt{"the client, to the port of a rule " + a.String(), func(w time.Duration) bool {
			return exchanges(t, client.Host(), "tcp", netip.AddrPort{}, port(a, gateIn), w)
		}, true})
	}
	run(t, attempts)
}
