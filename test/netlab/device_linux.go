package netlab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNotIP is returned for bytes that start with neither an IPv4 nor an IPv6 header.
var ErrNotIP = errors.New("netlab: not an IP packet")

// noSocket marks a device that has not sent yet.
const noSocket = -1

// Device is one end of a link. Its methods are safe for concurrent use.
type Device struct {
	host  *Host
	peer  *Device
	name  string
	index int
	mac   net.HardwareAddr
	addrs []netip.Prefix
	link  netlink.Link

	mu     sync.Mutex
	socket int // a packet socket bound to the device, or noSocket
}

// Host is the host that holds the device.
func (d *Device) Host() *Host { return d.host }

// Name is the device's name.
func (d *Device) Name() string { return d.name }

// Index is the device's number inside its host.
func (d *Device) Index() int { return d.index }

// MAC is the device's link-layer address.
func (d *Device) MAC() net.HardwareAddr { return slices.Clone(d.mac) }

// Peer is the other end of the link.
func (d *Device) Peer() *Device { return d.peer }

// IPv4 is the device's first IPv4 address in the topology, invalid if there is none.
func (d *Device) IPv4() netip.Addr { return d.first(netip.Addr.Is4) }

// IPv6 is the device's first IPv6 address in the topology, invalid if there is none.
func (d *Device) IPv6() netip.Addr { return d.first(netip.Addr.Is6) }

// LinkLocal is the device's fe80::/10 address with the device's name as its
// zone, invalid if it has none. The kernel gives one to every device unless
// addr_gen_mode says otherwise.
func (d *Device) LinkLocal() (netip.Addr, error) {
	addrs, err := d.host.netlink.AddrList(d.link, unix.AF_INET6)
	// An interrupted dump may lack what changed meanwhile; this address does not.
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return netip.Addr{}, fmt.Errorf("netlab: %s/%s: %w", d.host.name, d.name, err)
	}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.IsLinkLocalUnicast() {
			return ip.WithZone(d.name), nil
		}
	}
	return netip.Addr{}, nil
}

// Send puts one IP packet on the link as it is, in an Ethernet frame to the
// other end, or to the group that a multicast or broadcast destination maps to.
// It passes no netfilter hook of the sending host. A packet above the device's
// MTU fails with EMSGSIZE.
func (d *Device) Send(packet []byte) error {
	if len(packet) == 0 {
		return ErrNotIP
	}
	frame := make([]byte, 14, 14+len(packet))
	switch packet[0] >> 4 {
	case 4:
		binary.BigEndian.PutUint16(frame[12:], unix.ETH_P_IP)
	case 6:
		binary.BigEndian.PutUint16(frame[12:], unix.ETH_P_IPV6)
	default:
		return ErrNotIP
	}
	copy(frame, d.destination(packet))
	copy(frame[6:], d.mac)
	return d.Inject(append(frame, packet...))
}

// Inject puts one whole Ethernet frame on the link as it is.
func (d *Device) Inject(frame []byte) error {
	fd, err := d.packetSocket()
	if err == nil {
		err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: d.index, Halen: 6})
	}
	if err != nil {
		return fmt.Errorf("netlab: %s/%s: send: %w", d.host.name, d.name, err)
	}
	return nil
}

// destination is the link-layer destination of an IP packet: RFC 1112 §6.4,
// RFC 2464 §7, or the other end.
func (d *Device) destination(packet []byte) net.HardwareAddr {
	switch {
	case packet[0]>>4 == 4 && len(packet) >= 20:
		dst := packet[16:20]
		if dst[0]&0xf0 == 0xe0 {
			return net.HardwareAddr{0x01, 0x00, 0x5e, dst[1] & 0x7f, dst[2], dst[3]}
		}
		if binary.BigEndian.Uint32(dst) == 0xffffffff {
			return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		}
	case packet[0]>>4 == 6 && len(packet) >= 40 && packet[24] == 0xff:
		return append(net.HardwareAddr{0x33, 0x33}, packet[36:40]...)
	}
	return d.peer.mac
}

// packetSocket opens the device's sending socket on first use. Protocol 0: it
// never receives.
func (d *Device) packetSocket() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.socket != noSocket {
		return d.socket, nil
	}
	err := d.host.Do(func() (err error) {
		d.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		d.socket = noSocket
		return noSocket, err
	}
	return d.socket, nil
}

func (d *Device) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.socket == noSocket {
		return nil
	}
	fd := d.socket
	d.socket = noSocket
	return unix.Close(fd)
}

func (d *Device) first(is func(netip.Addr) bool) netip.Addr {
	for _, p := range d.addrs {
		if is(p.Addr()) {
			return p.Addr()
		}
	}
	return netip.Addr{}
}
