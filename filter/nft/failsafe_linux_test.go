package nft

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

const (
	protoICMP6    = unix.IPPROTO_ICMPV6
	protoUDP      = unix.IPPROTO_UDP
	protoTCP      = unix.IPPROTO_TCP
	protoHopByHop = unix.IPPROTO_HOPOPTS
	protoDest     = unix.IPPROTO_DSTOPTS
	protoFragment = unix.IPPROTO_FRAGMENT
)

// joinGroups makes the host a member of the groups that the tests use, so
// that packets to them come as far as the input hook.
func (l *lab) joinGroups(device string) (v4, v6 *net.UDPConn) {
	l.t.Helper()
	index := l.index(device)
	v4, v6 = l.udp("0.0.0.0:5353"), l.udp("[::]:5353")
	for _, g := range []struct {
		conn *net.UDPConn
		join func(fd int) error
	}{
		{v4, func(fd int) error {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
				&unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 251}, Ifindex: int32(index)})
		}},
		{v6, func(fd int) error {
			group := netip.MustParseAddr("ff02::fb").As16()
			return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
				&unix.IPv6Mreq{Multiaddr: group, Interface: uint32(index)})
		}},
	} {
		raw, err := g.conn.SyscallConn()
		if err != nil {
			l.t.Fatal(err)
		}
		if cErr := raw.Control(func(fd uintptr) { err = g.join(int(fd)) }); cErr != nil || err != nil {
			l.t.Fatal(errors.Join(cErr, err))
		}
	}
	return v4, v6
}

// TestFailsafesIn sends one frame at a time to a host whose queues nobody
// answers and looks which counter moved: that of the failsafe, or that of the
// queue.
func TestFailsafesIn(t *testing.T) {
	host, peer := pair(t)
	host.joinGroups("eth0")
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	wire := peer.packetSocket("eth0")
	hostMAC, peerMAC := host.mac("eth0"), peer.mac("eth0")
	const ll, global, all = "fe80::77", "fd07::2", "ff02::1"
	ownLL := host.linkLocal("eth0")

	for _, c := range []struct {
		name   string
		packet []byte
		dst    string // link-layer destination: a group, or the host
		want   policy.Failsafe
	}{
		{"router advertisement", ip6(ll, all, protoICMP6, 255, icmp6(134)), all,
			policy.NeighbourDiscovery},
		{"neighbour solicitation, global source", ip6(global, "fd07::1", protoICMP6, 255, icmp6(135)), "",
			policy.NeighbourDiscovery},
		{"redirect", ip6(ll, "fd07::1", protoICMP6, 255, icmp6(137)), "", policy.NeighbourDiscovery},
		{"duplicate address detection", ip6("::", all, protoICMP6, 255, icmp6(135)), all,
			policy.NeighbourDiscovery},
		{"solicitation from beyond the link", ip6(global, "fd07::1", protoICMP6, 254, icmp6(135)), "",
			queued},
		{"type below", ip6(ll, "fd07::1", protoICMP6, 255, icmp6(132)), "", queued},
		{"type above", ip6(ll, "fd07::1", protoICMP6, 255, icmp6(138)), "", queued},
		{"echo request", ip6(ll, "fd07::1", protoICMP6, 255, icmp6(128)), "", queued},
		{"solicitation behind an extension header",
			ip6(global, "fd07::1", protoDest, 255, destOptions(protoICMP6, icmp6(135))), "", queued},
		// Reassembly takes the header away; what it then marks as fragmented, the kernel
		// itself refuses (ndisc_suppress_frag_ndisc, RFC 6980).
		{"solicitation in a fragment",
			ip6(global, "fd07::1", protoFragment, 255, fragment6(protoICMP6, 0, icmp6(135))), "",
			policy.NeighbourDiscovery},
		{"TCP with the bytes of a solicitation", ip6(global, "fd07::1", protoTCP, 255, icmp6(135)), "",
			queued},

		{"listener query", ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(130))), all,
			policy.MulticastListener},
		{"listener report", ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(131))), all,
			policy.MulticastListener},
		{"listener done", ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(132))), all,
			policy.MulticastListener},
		{"listener report 2", ip6("::", all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(143))), all,
			policy.MulticastListener},
		{"listener report, hop limit 2", ip6(ll, all, protoHopByHop, 2, hopByHop(protoICMP6, icmp6(131))),
			all, queued},
		{"listener report, global source",
			ip6(global, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(131))), all, queued},
		{"listener report, fec0::", ip6("fec0::1", all, protoHopByHop, 1,
			hopByHop(protoICMP6, icmp6(131))), all, queued},
		{"listener report, no router alert", ip6(ll, all, protoICMP6, 1, icmp6(131)), all, queued},
		{"echo in the shape of a report",
			ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(128))), all, queued},
		{"UDP in the shape of a report", ip6(ll, all, protoHopByHop, 1, hopByHop(protoUDP, icmp6(131))),
			all, queued},
		{"type 144", ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(144))), all, queued},

		{"DHCP offer, broadcast", ip4("10.7.0.2", "255.255.255.255", protoUDP, 0, udp(67, 68, "offer")),
			"255.255.255.255", policy.DHCPClient},
		{"DHCP ack, unicast", ip4("192.0.2.1", "10.7.0.1", protoUDP, 0, udp(67, 68, "ack")), "",
			policy.DHCPClient},
		{"DHCP request to us as a server", ip4("10.7.0.2", "10.7.0.1", protoUDP, 0, udp(68, 67, "")), "",
			queued},
		{"DHCP port 67 to another", ip4("10.7.0.2", "10.7.0.1", protoUDP, 0, udp(67, 69, "")), "",
			queued},
		{"TCP with DHCP ports", ip4("10.7.0.2", "10.7.0.1", protoTCP, 0,
			append(udp(67, 68, ""), make([]byte, 12)...)), "", queued},
		{"IPv6 with DHCPv4 ports", ip6(ll, "fd07::1", protoUDP, 64, udp(67, 68, "")), "", queued},

		{"DHCPv6 reply", ip6(ll, ownLL, protoUDP, 64, udp(547, 546, "reply")), "", policy.DHCPv6Client},
		{"DHCPv6 reply, global source", ip6(global, "fd07::1", protoUDP, 64, udp(547, 546, "")), "",
			queued},
		{"DHCPv6 request to us as a server", ip6(ll, ownLL, protoUDP, 64, udp(546, 547, "")), "", queued},
		{"DHCPv6 reply behind an extension header",
			ip6(ll, ownLL, protoDest, 64, destOptions(protoUDP, udp(547, 546, ""))), "", queued},
		{"IPv4 with DHCPv6 ports", ip4("10.7.0.2", "10.7.0.1", protoUDP, 0, udp(547, 546, "")), "",
			queued},

		// Forged own sources: nobody but the kernel makes looped copies.
		{"multicast, our own source", ip4("10.7.0.1", "224.0.0.251", protoUDP, 0,
			udp(5353, 5353, "forged")), "224.0.0.251", queued},
		{"broadcast, our own source", ip4("10.7.0.1", "255.255.255.255", protoUDP, 0,
			udp(9, 9, "forged")), "255.255.255.255", queued},
		{"subnet broadcast, our own source",
			ip4("10.7.0.1", "10.7.0.255", protoUDP, 0, udp(9, 9, "forged")), "255.255.255.255", queued},
		{"multicast, our own link-local source",
			ip6(ownLL, "ff02::fb", protoUDP, 255, udp(5353, 5353, "forged")), "ff02::fb", queued},
		{"multicast, our own global source",
			ip6("fd07::1", "ff02::fb", protoUDP, 255, udp(5353, 5353, "forged")), "ff02::fb", queued},
		{"multicast from the neighbour",
			ip4("10.7.0.2", "224.0.0.251", protoUDP, 0, udp(5353, 5353, "m")), "224.0.0.251", queued},
		{"multicast from the neighbour, IPv6", ip6(ll, "ff02::fb", protoUDP, 255, udp(5353, 5353, "m")),
			"ff02::fb", queued},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := hostMAC
			if c.dst != "" {
				dst = multicastMAC(c.dst)
			}
			moved := table.moved(t, func() { wire.send(ethernet(dst, peerMAC, c.packet)) })
			if !slices.Equal(moved, []string{cmp.Or(c.want.String(), counterQueued)}) {
				t.Errorf("counted as %v, want %v", moved, c.want)
			}
		})
	}

	// Whole again after reassembly, a forged packet still has its link-layer header.
	t.Run("forged multicast in fragments", func(t *testing.T) {
		datagram := udp(5353, 5353, "forged forged forged 123")
		moved := table.moved(t, func() {
			wire.send(ethernet(multicastMAC("224.0.0.251"), peerMAC,
				ip4("10.7.0.1", "224.0.0.251", protoUDP, 0x2000, datagram[:16])))
			wire.send(ethernet(multicastMAC("224.0.0.251"), peerMAC,
				ip4("10.7.0.1", "224.0.0.251", protoUDP, 2, datagram[16:])))
		})
		if !slices.Equal(moved, []string{counterQueued}) {
			t.Errorf("IPv4: counted as %v", moved)
		}
		moved = table.moved(t, func() {
			for i, field := range []uint16{1, 16} {
				wire.send(ethernet(multicastMAC("ff02::fb"), peerMAC,
					ip6(ownLL, "ff02::fb", protoFragment, 255,
						fragment6(protoUDP, field, datagram[16*i:16*i+16]))))
			}
		})
		if !slices.Equal(moved, []string{counterQueued}) {
			t.Errorf("IPv6: counted as %v", moved)
		}
	})
}

// TestGuestFailsafesIn: what comes in through a guest's device leaves the guest,
// which is a DHCP client and no server.
func TestGuestFailsafesIn(t *testing.T) {
	host, peer := pair(t)
	host.joinGroups("eth0")
	table := host.open()
	p := plan(policy.FailDrop)
	// the exact name decides
	p.Devices = []Device{{Name: "eth*"}, {Name: "eth0", Mode: policy.ModeGuest}}
	host.apply(table, p)
	wire := peer.packetSocket("eth0")
	hostMAC, peerMAC := host.mac("eth0"), peer.mac("eth0")
	const ll, all = "fe80::77", "ff02::1"
	ownLL := host.linkLocal("eth0")
	host.udp("0.0.0.0:67") // somebody listens: no error goes back through the queue

	for _, c := range []struct {
		name   string
		packet []byte
		dst    string
		want   policy.Failsafe
	}{
		{"DHCP discover", ip4("0.0.0.0", "255.255.255.255", protoUDP, 0, udp(68, 67, "discover")),
			"255.255.255.255", policy.DHCPClient},
		{"DHCP renewal", ip4("10.7.0.2", "10.7.0.1", protoUDP, 0, udp(68, 67, "renew")), "",
			policy.DHCPClient},
		{"DHCP offer of a rogue server",
			ip4("10.7.0.2", "255.255.255.255", protoUDP, 0, udp(67, 68, "offer")), "255.255.255.255",
			queued},
		{"DHCPv6 solicit", ip6(ll, ownLL, protoUDP, 64, udp(546, 547, "solicit")), "",
			policy.DHCPv6Client},
		{"DHCPv6 reply of a rogue server", ip6(ll, ownLL, protoUDP, 64, udp(547, 546, "reply")), "",
			queued},
		{"duplicate address detection", ip6("::", all, protoICMP6, 255, icmp6(135)), all,
			policy.NeighbourDiscovery},
		{"listener report", ip6(ll, all, protoHopByHop, 1, hopByHop(protoICMP6, icmp6(143))), all,
			policy.MulticastListener},
		{"echo request", ip6("fd07::2", "fd07::1", protoICMP6, 255, icmp6(128)), "", queued},
		{"multicast with this machine's source",
			ip4("10.7.0.1", "224.0.0.251", protoUDP, 0, udp(5353, 5353, "forged")), "224.0.0.251", queued},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := hostMAC
			if c.dst != "" {
				dst = multicastMAC(c.dst)
			}
			moved := table.moved(t, func() { wire.send(ethernet(dst, peerMAC, c.packet)) })
			if !slices.Equal(moved, []string{cmp.Or(c.want.String(), counterQueued)}) {
				t.Errorf("counted as %v, want %v", moved, c.want)
			}
		})
	}
}

// queued is what no failsafe lets through: the packet goes to a queue.
const queued = policy.NoFailsafe

// moved runs f and tells which counters it moved by one packet. Other traffic of
// a fresh link (its own MLD and DAD) must have ended before.
func (t *Table) moved(tt *testing.T, f func()) (names []string) {
	tt.Helper()
	before := t.settled(tt)
	f()
	for deadline := time.Now().Add(silence); ; {
		after, err := t.Counters()
		if err != nil {
			tt.Fatal(err)
		}
		names = nil
		for n, c := range after {
			for range c.Packets - before[n].Packets {
				names = append(names, n)
			}
		}
		if len(names) > 0 || time.Now().After(deadline) {
			return names
		}
		time.Sleep(time.Millisecond)
	}
}

// settled waits until the counters have stood still for a moment.
func (t *Table) settled(tt *testing.T) map[string]Count {
	tt.Helper()
	last, err := t.Counters()
	for same := 0; same < 3; same++ {
		time.Sleep(2 * time.Millisecond)
		now, nowErr := t.Counters()
		if err = errors.Join(err, nowErr); err != nil {
			tt.Fatal(err)
		}
		for n, c := range now {
			if last[n] != c {
				same = -1
			}
		}
		last = now
	}
	return last
}

// linkLocal is the fe80:: address of a device.
func (l *lab) linkLocal(device string) (addr string) {
	l.t.Helper()
	l.do(func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_V6)
		for _, a := range addrs {
			if a.IP.IsLinkLocalUnicast() {
				addr = a.IP.String()
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("%s has no link-local address", device))
	})
	return addr
}
