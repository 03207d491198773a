package draft

import (
	"net/netip"
	"slices"
	"strings"
)

// Machine is what a policy is drafted from.
type Machine struct {
	// Devices are those that a policy can manage.
	Devices []Device
	// Services are what waits for strangers, each port once.
	Services []Service
	// Sessions are the live SSH sessions.
	Sessions []Session
}

// Device is a network device.
type Device struct {
	Name      string
	Addresses []netip.Addr
	// Outward is true if a default route leads through it.
	Outward bool
}

// String is the device with its addresses.
func (d Device) String() string {
	if len(d.Addresses) == 0 {
		return d.Name
	}
	var out []string
	for _, a := range d.Addresses {
		out = append(out, a.String())
	}
	return d.Name + " (" + strings.Join(out, ", ") + ")"
}

// Service is a port that somebody listens on.
type Service struct {
	Protocol  string // "tcp" or "udp"
	Port      uint16
	Addresses []netip.Addr // that it is bound to; an unspecified one stands for all
	Processes []string     // as far as they are known
}

// Session is a live SSH session into the machine.
type Session struct {
	Client netip.Addr
	Port   uint16 // of the server
}

// Ports of DHCP clients, which pass whatever the rules say.
const (
	dhcpClient   = 68
	dhcpv6Client = 546
)

// Listens adds a socket to the services. Sockets that nobody outside reaches, and those
// that wait for answers and not for strangers, are none: UDP ports from ephemeral on are
// what the kernel gives to processes that ask for any. Those of no process are the
// kernel's own, as WireGuard's.
func (m *Machine) Listens(protocol string, at netip.AddrPort, process string, ephemeral uint16) {
	a, port := at.Addr(), at.Port()
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		protocol == "udp" && (port == dhcpClient || port == dhcpv6Client ||
			port >= ephemeral && process != "") {
		return
	}
	i := slices.IndexFunc(m.Services, func(s Service) bool {
		return s.Protocol == protocol && s.Port == port
	})
	if i < 0 {
		i = len(m.Services)
		m.Services = append(m.Services, Service{Protocol: protocol, Port: port})
	}
	s := &m.Services[i]
	s.Addresses = append(s.Addresses, a)
	if process != "" && !slices.Contains(s.Processes, process) {
		s.Processes = append(s.Processes, process)
	}
}

// serveSessions adds the ports that SSH clients came to and on which nobody is seen
// to listen, whose socket another namespace may have.
func (m *Machine) serveSessions() {
	for _, x := range m.Sessions {
		if !slices.ContainsFunc(m.Services, func(s Service) bool {
			return s.Protocol == "tcp" && s.Port == x.Port
		}) {
			m.Services = append(m.Services, Service{Protocol: "tcp", Port: x.Port,
				Addresses: []netip.Addr{netip.IPv6Unspecified()}})
		}
	}
}

// behind reports whether the service is reachable through one of the devices.
func (s Service) behind(devices []Device) bool {
	return slices.ContainsFunc(s.Addresses, func(a netip.Addr) bool {
		return a.IsUnspecified() ||
			slices.ContainsFunc(devices, func(d Device) bool { return d.Reaches(a) })
	})
}

// Reaches reports whether packets through the device come to a socket that is bound to an
// address; an unspecified one stands for all.
func (d Device) Reaches(bound netip.Addr) bool {
	return bound.IsUnspecified() || slices.Contains(d.Addresses, bound)
}

// sshPort is where SSH servers listen by default (RFC 4253 §4.1).
const sshPort = 22

// servesSSH reports whether SSH clients come to the service.
func (m *Machine) servesSSH(s Service) bool {
	return s.Protocol == "tcp" && (s.Port == sshPort || slices.Contains(s.Processes, "sshd") ||
		slices.ContainsFunc(m.Sessions, func(x Session) bool { return x.Port == s.Port }))
}
