package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Topology is a network as data. The zero value is an empty network.
type Topology struct {
	Hosts []HostSpec
	Links []LinkSpec
}

// HostSpec is one network namespace. Its loopback device is always up.
type HostSpec struct {
	// Name is how the links and the test call the host; it is unique.
	Name string
	// Forward makes the host a router for both families.
	Forward bool
	// Routes are installed once all links are up.
	Routes []Route
	// Sysctls are written over the lab's own settings. A key is written with
	// dots (net.ipv4.tcp_syncookies) or, for devices whose name has a dot, with
	// slashes. Keys of a device of the topology apply once that device exists,
	// all others before, so that conf.default reaches the devices.
	Sysctls map[string]string
}

// Route is one route of a host. Exactly one of Via and Dev may be left out.
type Route struct {
	// Dst is the destination; 0.0.0.0/0 and ::/0 are the default routes.
	Dst netip.Prefix
	// Via is the next hop, invalid for a route straight to the link.
	Via netip.Addr
	// Dev is the device, empty when Via tells it.
	Dev string
}

// LinkSpec is a veth pair.
type LinkSpec struct {
	A, B End
	// MTU in bytes for both ends, 0 for the kernel's 1500.
	MTU int
	// TxQueueLen in packets for both ends, 0 for the kernel's default.
	TxQueueLen int
	// Neighbours says how the ends learn each other's MAC address.
	Neighbours Neighbours
	// Offload says whether the ends may leave work to a device that does not exist.
	Offload Offload
}

// End is one end of a link.
type End struct {
	// Host is the name of the host that holds the device.
	Host string
	// Dev is the device's name there, at most 15 bytes.
	Dev string
	// Addrs are the device's addresses with the length of their subnets. IPv6
	// addresses skip duplicate address detection and are usable at once.
	Addrs []netip.Prefix
	// MAC is a locally administered address of the lab's choice when left out.
	MAC net.HardwareAddr
}

// Neighbours says how the ends of a link learn each other's MAC address.
type Neighbours uint8

const (
	// NeighboursDiscovered leaves it to ARP and neighbour discovery.
	NeighboursDiscovered Neighbours = iota
	// NeighboursStatic writes permanent entries for all addresses of the ends,
	// so that neither ARP nor neighbour discovery appears for them.
	NeighboursStatic
)

// Offload says what the ends of a link hand to each other.
type Offload uint8

const (
	// OffloadDefault is the kernel's choice for veth: checksums are left
	// unfinished, TCP segments travel as one packet of up to 64 KiB.
	OffloadDefault Offload = iota
	// OffloadOff makes every packet one that could travel on a cable: finished
	// checksums, no packet above the MTU. Captures then show correct bytes.
	OffloadOff
)

// maxDevName is the longest device name in bytes: IFNAMSIZ less the final zero
// (include/uapi/linux/if.h).
const maxDevName = 15

// Validate reports everything that is wrong with t before anything is built.
func (t Topology) Validate() error {
	var errs []error
	hosts := make(map[string]bool, len(t.Hosts))
	for _, h := range t.Hosts {
		switch {
		case h.Name == "":
			errs = append(errs, errors.New("a host has no name"))
		case hosts[h.Name]:
			errs = append(errs, fmt.Errorf("host %q appears twice", h.Name))
		}
		hosts[h.Name] = true
		for _, r := range h.Routes {
			switch {
			case !r.Dst.IsValid():
				errs = append(errs, fmt.Errorf("host %q: a route has no destination", h.Name))
			case !r.Via.IsValid() && r.Dev == "":
				errs = append(errs, fmt.Errorf("host %q: route to %v has neither next hop nor device", h.Name,
					r.Dst))
			case r.Via.IsValid() && r.Via.Is4() != r.Dst.Addr().Is4():
				errs = append(errs, fmt.Errorf(
					"host %q: route to %v and its next hop %v are of different families", h.Name, r.Dst, r.Via))
			}
		}
	}
	type device struct{ host, dev string }
	devices := make(map[device]bool, 2*len(t.Links))
	for _, l := range t.Links {
		for _, e := range []End{l.A, l.B} {
			d := device{e.Host, e.Dev}
			switch {
			case !hosts[e.Host]:
				errs = append(errs, fmt.Errorf("a link names host %q, which does not exist", e.Host))
			case e.Dev == "" || len(e.Dev) > maxDevName || e.Dev == "lo" ||
				strings.ContainsAny(e.Dev, "/: \t\n"):
				errs = append(errs, fmt.Errorf("host %q: %q is no device name", e.Host, e.Dev))
			case devices[d]:
				errs = append(errs, fmt.Errorf("host %q: device %q appears twice", e.Host, e.Dev))
			}
			devices[d] = true
			if e.MAC != nil && len(e.MAC) != 6 {
				errs = append(errs, fmt.Errorf("host %q: device %q: MAC address of %d bytes", e.Host, e.Dev,
					len(e.MAC)))
			}
			for _, a := range e.Addrs {
				if !a.IsValid() {
					errs = append(errs, fmt.Errorf("host %q: device %q has an invalid address", e.Host, e.Dev))
				}
			}
		}
		if l.MTU < 0 || l.TxQueueLen < 0 {
			errs = append(errs, fmt.Errorf("link %s/%s: negative MTU or queue length", l.A.Host, l.A.Dev))
		}
	}
	for _, h := range t.Hosts {
		for _, r := range h.Routes {
			if r.Dev != "" && r.Dev != "lo" && !devices[device{h.Name, r.Dev}] {
				errs = append(errs, fmt.Errorf("host %q: route to %v leaves through %q, which does not exist",
					h.Name, r.Dst, r.Dev))
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("netlab: topology: %w", errors.Join(errs...))
	}
	return nil
}
