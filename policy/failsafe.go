package policy

import "fmt"

// Failsafe names traffic between a machine and its link without which the machine
// loses its neighbours or its address. It passes whatever the rules say (X3, §4)
// unless the settings switch it off. ARP needs none: the hooks never see it.
type Failsafe uint8

const (
	NoFailsafe Failsafe = iota
	// NeighbourDiscovery is ICMPv6 133 to 137 with hop limit 255. A receiver discards
	// any other hop limit, so it cannot come from beyond the link (RFC 4861 §6.1, §7.1).
	NeighbourDiscovery
	// MulticastListener is ICMPv6 130 to 132 and 143 with hop limit 1 from a
	// link-local or the unspecified address (RFC 2710 §3, RFC 3810 §5).
	MulticastListener
	// DHCPClient is UDP 68 to 67 leaving and 67 to 68 entering (RFC 2131 §4.1).
	DHCPClient
	// DHCPv6Client is UDP 546 to 547 leaving and 547 to 546 entering, from a
	// link-local address (RFC 8415 §7.1, §7.2).
	DHCPv6Client
	// OwnMulticast is a copy of what this machine itself sent to a multicast or
	// broadcast address, looped back by the kernel. Only the kernel's rules can tell
	// such copies from forged frames; the daemon cannot.
	OwnMulticast
)

// failsafes describe each failsafe once, for the policy file, its documentation and
// status.
var failsafes = [...]struct {
	name, what string
	// in and out say what passes into and out of the protected machine.
	in, out string
	// lost is what goes wrong without it.
	lost string
}{
	NoFailsafe: {},
	NeighbourDiscovery: {
		name: "neighbour-discovery", what: "IPv6 neighbour and router discovery",
		in: "ICMPv6 133-137, hop limit 255", out: "ICMPv6 133-137, hop limit 255",
		lost: "no IPv6 neighbour or router is found unless rules permit ICMPv6 133-137 both ways",
	},
	MulticastListener: {
		name: "multicast-listener-discovery",
		what: "MLD, by which the link learns which IPv6 multicast the machine wants",
		in:   "ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::",
		out:  "ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::",
		lost: "switches may stop delivering IPv6 multicast, neighbour discovery included",
	},
	DHCPClient: {
		name: "dhcpv4-client", what: "the machine as a DHCP client",
		in: "UDP 67 to 68", out: "UDP 68 to 67",
		lost: "the machine loses its IPv4 address with its lease unless rules permit UDP 67 and 68",
	},
	DHCPv6Client: {
		name: "dhcpv6-client", what: "the machine as a DHCPv6 client",
		in: "UDP 547 to 546 from fe80::/10", out: "UDP 546 to 547 from fe80::/10",
		lost: "the machine loses its IPv6 address with its lease unless rules permit UDP 546 and 547",
	},
	OwnMulticast: {
		name: "own-multicast", what: "the machine's own copies of what it sends to groups",
		in:   "our own multicast and broadcast, looped back by the kernel",
		lost: "the machine does not hear what it sends to groups unless ingress rules permit it",
	},
}

// String returns the name in the policy file, in every output and of the counter of
// the kernel's rules; "" for NoFailsafe.
func (f Failsafe) String() string { return failsafes[f].name }

// What says in a few words what the traffic is.
func (f Failsafe) What() string { return failsafes[f].what }

// In says what passes into the protected machine.
func (f Failsafe) In() string { return failsafes[f].in }

// Out says what passes out of the protected machine; "" if nothing does.
func (f Failsafe) Out() string { return failsafes[f].out }

// Failsafes lists every failsafe in the order in which outputs show them.
func Failsafes() []Failsafe {
	out := make([]Failsafe, 0, len(failsafes)-1)
	for f := NeighbourDiscovery; int(f) < len(failsafes); f++ {
		out = append(out, f)
	}
	return out
}

// checkFailsafes warns of each failsafe that is switched off: nothing else in a
// policy can take the machine off the network for good.
func (s Settings) checkFailsafes(report func(Problem)) {
	for _, f := range Failsafes() {
		if s.CutFailsafes.Has(f) {
			report(Problem{
				Field: "settings.failsafe." + f.String(), Severity: SeverityWarning,
				Message: fmt.Sprintf("failsafe %s is off: %s", f, failsafes[f].lost),
				Hint:    "leave it out unless the rules cover it",
			})
		}
	}
}
