package nft

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/policy"
	"sgfw/test/netlab/labtest"
)

// TestOwnMulticast sends from the managed host to groups that it has joined.
// The output hook needs a verdict; the looped copies must need none.
func TestOwnMulticast(t *testing.T) {
	host, _ := pair(t)
	v4, v6 := host.joinGroups("eth0")
	broadcast := host.udp("0.0.0.0:7070")
	table := host.open()
	q := host.answer(4270, func(p queuedPacket) bool { return p.hook == hookOutput })
	one := plan(policy.FailDrop, "eth0")
	one.QueueCount = 1
	from4, from6 := host.udp("10.7.0.1:0"), host.udp("[fd07::1]:0")
	ll := host.linkLocal("eth0")
	fromLL := host.udp("[" + ll + "%" + fmt.Sprint(host.index("eth0")) + "]:0")
	zone := fmt.Sprint(host.index("eth0"))
	host.do(func() error {
		return netlink.RouteAdd(&netlink.Route{
			LinkIndex: host.index("eth0"),
			Dst:       &net.IPNet{IP: net.IPv4(224, 0, 0, 0), Mask: net.CIDRMask(4, 32)}})
	})
	host.do(func() error {
		return netlink.RouteAdd(&netlink.Route{
			LinkIndex: host.index("eth0"), Dst: &net.IPNet{IP: net.IPv4bcast, Mask: net.CIDRMask(32, 32)}})
	})

	for _, c := range []struct {
		name     string
		from, at *net.UDPConn
		to       string
		mode     policy.Mode
	}{
		{"IPv4 group, guest", from4, v4, "224.0.0.251:5353", policy.ModeGuest},
		{"IPv6 group, guest", from6, v6, "[ff02::fb%" + zone + "]:5353", policy.ModeGuest},
		{"IPv4 group", from4, v4, "224.0.0.251:5353", policy.ModeHost},
		{"subnet broadcast", from4, broadcast, "10.7.0.255:7070", policy.ModeHost},
		{"limited broadcast", from4, broadcast, "255.255.255.255:7070", policy.ModeHost},
		{"IPv6 group, global source", from6, v6, "[ff02::fb%" + zone + "]:5353", policy.ModeHost},
		{"IPv6 group, link-local source", fromLL, v6, "[ff02::fb%" + zone + "]:5353", policy.ModeHost},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, on := range []bool{true, false} {
				p := one
				if !on {
					p.Without = p.Without.With(policy.OwnMulticast)
				}
				// A guest behind the device changes nothing: these are our own packets.
				p.Devices = []Device{{Name: "eth0", Mode: c.mode}}
				host.apply(table, p)
				q.forget()
				text := fmt.Sprintf("own %v %v", on, c.mode)
				send(t, c.from, c.to, []byte(text))
				if got := gets(c.at, text, waitFor(on)); got != on {
					t.Errorf("failsafe on %v: heard ourselves: %v", on, got)
				}
				if got := q.seen(hookInput); (got == 0) != on {
					t.Errorf("failsafe on %v: %d copies queued on input", on, got)
				}
			}
		})
	}
}

// TestForgedOwnMulticastOnTun: a device without link-layer headers cannot tell
// its looped copies from what comes in, so nothing is exempt there.
func TestForgedOwnMulticastOnTun(t *testing.T) {
	labtest.NeedsRealRoot(t, "it opens /dev/net/tun")
	host := newLab(t)
	tun := host.tun("tun0", "10.8.0.1/24", "fd08::1/64")
	host.joinGroups("tun0")
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "tun0"))
	for _, packet := range [][]byte{
		ip4("10.8.0.1", "224.0.0.251", protoUDP, 0, udp(5353, 5353, "forged")),
		ip6("fd08::1", "ff02::fb", protoUDP, 255, udp(5353, 5353, "forged")),
	} {
		moved := table.moved(t, func() {
			if _, err := tun.Write(packet); err != nil {
				t.Fatal(err)
			}
		})
		if !slices.Equal(moved, []string{counterQueued}) {
			t.Errorf("counted as %v", moved)
		}
	}
}

// TestFailsafesOut sends from a host whose queues nobody answers.
func TestFailsafesOut(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	index, peerIndex := fmt.Sprint(host.index("eth0")), fmt.Sprint(peer.index("eth0"))
	ownLL, peerLL := host.linkLocal("eth0"), peer.linkLocal("eth0")
	for _, c := range []struct {
		name         string
		from, at, to string
		passes       bool
	}{
		{"DHCP client", "10.7.0.1:68", "10.7.0.2:67", "10.7.0.2:67", true},
		{"DHCP server", "10.7.0.1:67", "10.7.0.2:68", "10.7.0.2:68", false},
		{"port 68 to another", "10.7.0.1:68", "10.7.0.2:69", "10.7.0.2:69", false},
		{"DHCPv6 client", "[" + ownLL + "%" + index + "]:546", "[" + peerLL + "%" + peerIndex + "]:547",
			"[" + peerLL + "%" + index + "]:547", true},
		{"DHCPv6 server", "[" + ownLL + "%" + index + "]:547", "[" + peerLL + "%" + peerIndex + "]:546",
			"[" + peerLL + "%" + index + "]:546", false},
		{"DHCPv6 client, global source", "[fd07::1]:546", "[fd07::2]:547", "[fd07::2]:547", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, at := host.udp(c.from), peer.udp(c.at)
			send(t, from, c.to, []byte("out"))
			if got := gets(at, "out", waitFor(c.passes)); got != c.passes {
				t.Errorf("passes: %v", got)
			}
		})
	}
	t.Run("listener report", func(t *testing.T) {
		before := table.settled(t)[policy.MulticastListener.String()]
		host.joinGroups("eth0")
		deadline := time.Now().Add(arrives)
		for table.settled(t)[policy.MulticastListener.String()] == before {
			if time.Now().After(deadline) {
				t.Fatal("not counted")
			}
		}
	})
}

// TestGuestFailsafesOut: this machine is the DHCP server of the guest behind the
// device, and no client of it.
func TestGuestFailsafesOut(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	p := plan(policy.FailDrop)
	p.Devices = []Device{{Name: "eth0", Mode: policy.ModeGuest}}
	host.apply(table, p)
	index, peerIndex := fmt.Sprint(host.index("eth0")), fmt.Sprint(peer.index("eth0"))
	ownLL, peerLL := host.linkLocal("eth0"), peer.linkLocal("eth0")
	for _, c := range []struct {
		name         string
		from, at, to string
		passes       bool
	}{
		{"DHCP server", "10.7.0.1:67", "10.7.0.2:68", "10.7.0.2:68", true},
		{"DHCP client", "10.7.0.1:68", "10.7.0.2:67", "10.7.0.2:67", false},
		{"port 67 to another", "10.7.0.1:67", "10.7.0.2:69", "10.7.0.2:69", false},
		{"DHCPv6 server", "[" + ownLL + "%" + index + "]:547", "[" + peerLL + "%" + peerIndex + "]:546",
			"[" + peerLL + "%" + index + "]:546", true},
		{"DHCPv6 client", "[" + ownLL + "%" + index + "]:546", "[" + peerLL + "%" + peerIndex + "]:547",
			"[" + peerLL + "%" + index + "]:547", false},
		{"DHCPv6 server, global source", "[fd07::1]:547", "[fd07::2]:546", "[fd07::2]:546", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, at := host.udp(c.from), peer.udp(c.at)
			send(t, from, c.to, []byte("out"))
			if got := gets(at, "out", waitFor(c.passes)); got != c.passes {
				t.Errorf("passes: %v", got)
			}
		})
	}
	t.Run("neighbour discovery", func(t *testing.T) {
		send(t, peer.udp("[fd07::2]:0"), "[fd07::1]:9", []byte("who are you"))
		if !peer.resolves("fd07::1", host.mac("eth0"), arrives) {
			t.Error("the guest does not find its router")
		}
	})
}

// TestNeighbourResolution: with nobody answering the queues, both sides still
// learn each other's link-layer address, because of the failsafe.
func TestNeighbourResolution(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("failsafe %v", on), func(t *testing.T) {
			host, peer := pair(t)
			table := host.open()
			p := plan(policy.FailDrop, "eth0")
			if !on {
				p.Without = p.Without.With(policy.NeighbourDiscovery)
			}
			host.apply(table, p)
			send(t, peer.udp("[fd07::2]:0"), "[fd07::1]:9", []byte("who are you"))
			if got := peer.resolves("fd07::1", host.mac("eth0"), waitFor(on)); got != on {
				t.Errorf("resolved: %v", got)
			}
		})
	}
}

// resolves waits until the namespace knows the link-layer address of a neighbour.
func (l *lab) resolves(addr string, mac net.HardwareAddr, wait time.Duration) (found bool) {
	l.t.Helper()
	index := l.index("eth0")
	l.do(func() error {
		for deadline := time.Now().Add(wait); !found &&
			time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			neighbours, err := netlink.NeighList(index, netlink.FAMILY_V6)
			if err != nil {
				return err
			}
			for _, n := range neighbours {
				found = found || n.IP.String() == addr && n.HardwareAddr.String() == mac.String()
			}
		}
		return nil
	})
	return found
}

// TestDHCPBeforeAnAddress: an offer reaches a client that has no address yet,
// with nobody answering the queues.
func TestDHCPBeforeAnAddress(t *testing.T) {
	host, peer := newLab(t), newLab(t)
	join(host, "eth0", nil, peer, "eth0", []string{"10.7.0.2/24"})
	client := host.udp("0.0.0.0:68")
	other := host.udp("0.0.0.0:1068")
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	wire := peer.packetSocket("eth0")
	for _, c := range []struct {
		at     *net.UDPConn
		port   uint16
		passes bool
	}{{client, 68, true}, {other, 1068, false}} {
		wire.send(ethernet(multicastMAC("255.255.255.255"), peer.mac("eth0"),
			ip4("10.7.0.2", "255.255.255.255", protoUDP, 0, udp(67, c.port, "offer"))))
		if got := gets(c.at, "offer", waitFor(c.passes)); got != c.passes {
			t.Errorf("port %d: passes: %v", c.port, got)
		}
	}
}
