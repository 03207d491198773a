package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// firstIndex numbers the A ends of links. The kernel numbers the B ends from
	// 2 on: were both ends of a veth pair to get the same number, in different
	// namespaces, the kernel would take them for an ordinary device and delay
	// the news of their carrier by up to a second (net/core/link_watch.c,
	// linkwatch_urgent_event).
	firstIndex = 1000
	// readyTimeout bounds the wait for both ends to be operational.
	readyTimeout = 5 * time.Second
	readyPoll    = time.Millisecond
	// noLinkLocal is IN6_ADDR_GEN_MODE_NONE (include/uapi/linux/if_link.h).
	noLinkLocal = "1"
)

// link is a veth pair whose ends are devices of two hosts, or of one.
type link struct {
	a, b *Device
	spec LinkSpec
}

// addLink makes the pair with its addresses and leaves it down.
func (l *Lab) addLink(i int, spec LinkSpec) (*link, error) {
	a, b := l.hosts[spec.A.Host], l.hosts[spec.B.Host]
	attrs := netlink.NewLinkAttrs()
	attrs.Name = spec.A.Dev
	attrs.Index = firstIndex + i
	attrs.MTU = spec.MTU
	attrs.HardwareAddr = macOr(spec.A.MAC, i, 1)
	veth := netlink.NewVeth(attrs)
	if spec.TxQueueLen > 0 {
		veth.TxQLen, veth.PeerTxQLen = spec.TxQueueLen, spec.TxQueueLen
	}
	veth.PeerName = spec.B.Dev
	veth.PeerHardwareAddr = macOr(spec.B.MAC, i, 2)
	veth.PeerMTU = uint32(spec.MTU)
	veth.PeerNamespace = netlink.NsFd(b.NetNS())
	if err := a.netlink.LinkAdd(veth); err != nil {
		return nil, fmt.Errorf("add: %w", err)
	}
	k := &link{spec: spec}
	var err error
	if k.a, err = a.addDevice(spec.A); err != nil {
		return nil, err
	}
	if k.b, err = b.addDevice(spec.B); err != nil {
		return nil, err
	}
	k.a.peer, k.b.peer = k.b, k.a
	return k, k.configure()
}

// addDevice takes note of a device that exists.
func (h *Host) addDevice(e End) (*Device, error) {
	found, err := h.netlink.LinkByName(e.Dev)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", h.name, e.Dev, err)
	}
	d := &Device{
		host: h, name: e.Dev, index: found.Attrs().Index, mac: found.Attrs().HardwareAddr,
		addrs: slices.Clone(e.Addrs), link: found, socket: noSocket,
	}
	h.devices[e.Dev] = d
	return d, nil
}

// configure sets what can be set while the pair is down.
func (k *link) configure() error {
	for _, d := range []*Device{k.a, k.b} {
		if k.spec.Offload == OffloadOff {
			if err := d.offloadOff(); err != nil {
				return fmt.Errorf("%s/%s: offloads off: %w", d.host.name, d.name, err)
			}
		}
		for _, p := range d.addrs {
			addr := &netlink.Addr{IPNet: ipNet(p)}
			if p.Addr().Is6() {
				addr.Flags = unix.IFA_F_NODAD
			}
			if err := d.host.netlink.AddrAdd(d.link, addr); err != nil {
				return fmt.Errorf("%s/%s: address %v: %w", d.host.name, d.name, p, err)
			}
		}
	}
	return nil
}

// up brings the pair up and waits until both ends carry packets.
func (k *link) up() error {
	ends := []*Device{k.a, k.b}
	for _, d := range ends {
		if err := d.host.netlink.LinkSetUp(d.link); err != nil {
			return fmt.Errorf("%s/%s: up: %w", d.host.name, d.name, err)
		}
	}
	for _, d := range ends {
		if err := d.awaitReady(); err != nil {
			return err
		}
	}
	if k.spec.Neighbours != NeighboursStatic {
		return nil
	}
	for _, d := range ends {
		for _, p := range d.peer.addrs {
			err := d.host.netlink.NeighSet(&netlink.Neigh{
				LinkIndex: d.index, Family: family(p.Addr()), State: netlink.NUD_PERMANENT,
				IP: p.Addr().AsSlice(), HardwareAddr: d.peer.mac,
			})
			if err != nil {
				return fmt.Errorf("%s/%s: neighbour %v: %w", d.host.name, d.name, p.Addr(), err)
			}
		}
	}
	return nil
}

// awaitReady waits until the device is operational and its addresses answer.
// Before the first, the queue discipline drops what is sent. The second comes
// later for IPv6: the kernel enters an address into the local routing table on a
// work queue (net/ipv6/addrconf.c, addrconf_dad_work), without duplicate address
// detection too, and drops what arrives for it until then.
func (d *Device) awaitReady() error {
	missing, err := d.expected6()
	if err != nil {
		return fmt.Errorf("%s/%s: %w", d.host.name, d.name, err)
	}
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(readyPoll) {
		now, err := d.host.netlink.LinkByIndex(d.index)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", d.host.name, d.name, err)
		}
		missing, err = d.notLocal6(missing)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", d.host.name, d.name, err)
		}
		if now.Attrs().OperState == netlink.OperUp && len(missing) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s/%s: not ready after %v: state %v, unusable addresses %v",
				d.host.name, d.name, readyTimeout, now.Attrs().OperState, missing)
		}
	}
}

// expected6 are the IPv6 addresses that the device will have, with fe80:: for its
// link-local one.
func (d *Device) expected6() ([]netip.Addr, error) {
	var want []netip.Addr
	for _, p := range d.addrs {
		if p.Addr().Is6() {
			want = append(want, p.Addr())
		}
	}
	mode, err := d.host.Sysctl("net/ipv6/conf/" + d.name + "/addr_gen_mode")
	if err != nil {
		return nil, err
	}
	off, err := d.host.Sysctl("net/ipv6/conf/" + d.name + "/disable_ipv6")
	if err != nil {
		return nil, err
	}
	if mode != noLinkLocal && off == "0" {
		want = append(want, linkLocal)
	}
	return want, nil
}

// linkLocal stands for whatever link-local address the kernel makes.
var linkLocal = netip.MustParseAddr("fe80::")

// notLocal6 are those of the addresses that the local routing table lacks.
func (d *Device) notLocal6(addrs []netip.Addr) ([]netip.Addr, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	routes, err := d.host.netlink.RouteListFiltered(unix.AF_INET6,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, LinkIndex: d.index, Type: unix.RTN_LOCAL},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF|netlink.RT_FILTER_TYPE)
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return addrs, nil // the kernel added a route meanwhile: look again
	}
	if err != nil {
		return nil, fmt.Errorf("local routes: %w", err)
	}
	return slices.DeleteFunc(addrs, func(a netip.Addr) bool {
		return slices.ContainsFunc(routes, func(r netlink.Route) bool {
			if a == linkLocal {
				return r.Dst.IP.IsLinkLocalUnicast()
			}
			return r.Dst.IP.Equal(a.AsSlice())
		})
	}), nil
}

func (h *Host) addRoutes(routes []Route) error {
	for _, r := range routes {
		route := &netlink.Route{Dst: ipNet(r.Dst.Masked()), Family: family(r.Dst.Addr())}
		if r.Via.IsValid() {
			route.Gw = r.Via.AsSlice()
		}
		if r.Dev == "lo" {
			route.LinkIndex = 1
		} else if r.Dev != "" {
			route.LinkIndex = h.devices[r.Dev].index
		}
		if err := h.netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %v: %w", r.Dst, err)
		}
	}
	return nil
}

// namesDevice tells whether a sysctl's path has the name of a device that host
// will have.
func namesDevice(t Topology, host, path string) bool {
	parts := strings.Split(path, "/")
	return slices.ContainsFunc(t.Links, func(l LinkSpec) bool {
		return l.A.Host == host && slices.Contains(parts, l.A.Dev) ||
			l.B.Host == host && slices.Contains(parts, l.B.Dev)
	})
}

// macOr is mac, or the address of an end (1 or 2) of link i: locally
// administered, unicast, and the same in every run.
func macOr(mac net.HardwareAddr, i, end int) net.HardwareAddr {
	if mac != nil {
		return mac
	}
	return net.HardwareAddr{0x02, 0x00, 0x5e, byte(i >> 8), byte(i), byte(end)}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
