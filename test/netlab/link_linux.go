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
	// carrierTimeout bounds the wait for both ends to be operational.
	carrierTimeout = 5 * time.Second
	carrierPoll    = time.Millisecond
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
		return k, err
	}
	if k.b, err = b.addDevice(spec.B); err != nil {
		return k, err
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
		if err := d.awaitCarrier(); err != nil {
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

// awaitCarrier waits until the device is operational: before that, IPv6 takes
// its addresses for unusable and the queue discipline drops what is sent.
func (d *Device) awaitCarrier() error {
	for deadline := time.Now().Add(carrierTimeout); ; time.Sleep(carrierPoll) {
		now, err := d.host.netlink.LinkByIndex(d.index)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", d.host.name, d.name, err)
		}
		if now.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s/%s: no carrier after %v: state is %v", d.host.name, d.name, carrierTimeout, now.Attrs().OperState)
		}
	}
}

// remove deletes the pair. A pair that is gone already is no error.
func (k *link) remove() error {
	if k.a == nil {
		return nil
	}
	err := k.a.host.netlink.LinkDel(k.a.link)
	if err != nil && !errors.Is(err, unix.ENODEV) && !errors.As(err, &netlink.LinkNotFoundError{}) {
		return fmt.Errorf("netlab: %s/%s: remove: %w", k.a.host.name, k.a.name, err)
	}
	return nil
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
