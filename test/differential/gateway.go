package differential

import (
	"net/netip"
	"slices"

	"sgfw/test/naive"
)

// Addresses of the gateway's links that nobody routes to.
var (
	linkNeighbour = netip.MustParseAddr("fe80::1")
	linkOwn       = netip.MustParseAddr("fe80::2")
	everybody     = addresses("255.255.255.255", "224.0.0.1", "ff02::1")
)

// Gateway is the world of trials of exported rulesets: a machine with three devices that
// talks for itself and forwards between the networks behind them. It manages some, on
// either side; which ones is up to the policy. What its hosts and itself cannot send does
// not exist, nor do the timers, nor SCTP.
func Gateway(guests ...string) *World {
	w := &World{
		Devices: []naive.Device{
			{Name: "eth0", Addresses: addresses("10.0.0.4", "2001:db8::4")},
			{Name: "eth1", Addresses: addresses("10.0.1.4", "10.0.1.5", "2001:db8:1::4")},
			{Name: "veth-b", Addresses: addresses("10.0.2.4", "2001:db8:2::4")},
		},
		Ports: Laboratory().Ports,
		// Groups as peers stand for what is listed: an export follows no live addresses.
		Interfaces: []naive.Interface{
			{Device: "eth0", Addresses: addresses("10.0.0.4", "2001:db8::4")},
			{Device: "eth1", Addresses: addresses("10.0.1.4", "10.0.1.5", "2001:db8:1::4")},
			{Device: "veth-b", Addresses: addresses("10.0.2.4")},
			{Device: "veth-*", Addresses: addresses("2001:db8:2::4")},
			{Device: "*", Addresses: addresses("10.0.0.6", "2001:db8:1::6")},
		},
		Behind: make(map[string][]netip.Addr), Talks: true,
	}
	for i := range w.Interfaces {
		n := &w.Interfaces[i]
		if n.Guest = slices.Contains(guests, n.Device); !n.Guest {
			continue
		}
		switch n.Device {
		case "eth1":
			n.Addresses = addresses("10.0.1.1", "10.0.1.2", "2001:db8:1::1", "2001:db8:1::2")
			n.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.1.6/31"),
				netip.MustParsePrefix("2001:db8:1::6/127")}
		case "veth-b":
			n.Addresses = addresses("10.0.2.1", "10.0.2.3", "2001:db8:2::3", "fe80::3")
		case "veth-*":
			n.Addresses = addresses("10.0.2.1", "10.0.2.2", "2001:db8:2::2", "2001:db8:2::7")
		}
	}
	for _, d := range w.Devices {
		for f, n := range Networks(d.Name) {
			for a, i := n.Addr(), 0; i < 8; a, i = a.Next(), i+1 {
				w.Addresses[f] = append(w.Addresses[f], a)
				if !w.owns(a) {
					w.Behind[d.Name] = append(w.Behind[d.Name], a)
				}
			}
		}
	}
	return w
}

// Networks are what lies behind a device of the passage or the gateway.
func Networks(device string) []netip.Prefix {
	switch device {
	case "eth0":
		return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"),
			netip.MustParsePrefix("2001:db8::/64")}
	case "eth1":
		return []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24"),
			netip.MustParsePrefix("2001:db8:1::/64")}
	}
	return []netip.Prefix{netip.MustParsePrefix("10.0.2.0/24"),
		netip.MustParsePrefix("2001:db8:2::/64")}
}

// owns reports whether the address is the machine's own.
func (w *World) owns(a netip.Addr) bool {
	return slices.ContainsFunc(w.Devices,
		func(d naive.Device) bool { return slices.Contains(d.Addresses, a) })
}

// own is an address of the machine on a device.
func (w *World) own(device string) netip.Addr {
	i := slices.IndexFunc(w.Devices, func(d naive.Device) bool { return d.Name == device })
	return w.Devices[i].Addresses[0]
}

// senders are who may send packets that go that way, nil where everybody may.
func (w *World) senders(way Way) (all []netip.Addr) {
	if !w.Talks || way.Hook != naive.Output {
		return w.Behind[way.In]
	}
	for _, d := range w.Devices {
		all = append(all, d.Addresses...)
	}
	return all
}

// ownPacketExists reports whether a packet from or to the machine itself can go that way.
// The kernel drops what comes from nobody unless it is for everybody, and puts an address of
// its own in the place of 0.0.0.0 in what is sent. Protocol 255 is one for sending only.
func (w *World) ownPacketExists(p *naive.Packet, way Way) bool {
	toAll := slices.Contains(everybody, p.Dst)
	if way.Hook == naive.Output {
		from := w.owns(p.Src) || p.Src == linkNeighbour || p.Src == linkOwn ||
			p.Src == netip.IPv6Unspecified() && toAll
		return from && (toAll || slices.Contains(w.Behind[way.Out], p.Dst))
	}
	from := slices.Contains(w.Behind[way.In], p.Src) || p.Src == linkNeighbour ||
		p.Src.IsUnspecified() && (p.Dst == everybody[0] || p.Src.Is6() && toAll)
	return from && (toAll || w.owns(p.Dst) || p.Dst == linkOwn) && p.Protocol != 255
}
