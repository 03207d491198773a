package policy

import "fmt"

// Failsafe names traffic of a machine with its link without which it loses its
// neighbours or its address. Each passes whatever the rules say
// (X3, §4) unless the settings switch it off.
type Failsafe uint8

const (
	NoFailsafe Failsafe = iota
	// NeighbourDiscovery is ICMPv6 133-137 with hop limit 255 (RFC 4861).
	NeighbourDiscovery
	// MulticastListener is ICMPv6 130-132 and 143 with hop limit 1 from a
	// link-local or the unspecified address (RFC 2710, RFC 3810).
	MulticastListener
	// DHCPClient is UDP 68 to 67 leaving and 67 to 68 entering (RFC 2131).
	DHCPClient
	// DHCPv6Client is UDP 546 to 547 leaving and 547 to 546 entering, from a
	// link-local address (RFC 8415).
	DHCPv6Client
	// OwnMulticast is a copy of what this machine itself sent to a group, looped
	// back by the kernel. Only the kernel's rules can tell such copies.
	OwnMulticast
)

var failsafes = [...]struct {
	name string
	// lost is what goes wrong without it.
	lost string
}{
	NoFailsafe:         {},
	NeighbourDiscovery: {"neighbour-discovery", "no IPv6 neighbour or router is found unless rules permit ICMPv6 133-137 both ways"},
	MulticastListener:  {"multicast-listener-discovery", "switches may stop delivering IPv6 multicast, neighbour discovery included"},
	DHCPClient:         {"dhcpv4-client", "the machine loses its IPv4 address with its lease unless rules permit UDP 67 and 68"},
	DHCPv6Client:       {"dhcpv6-client", "the machine loses its IPv6 address with its lease unless rules permit UDP 546 and 547"},
	OwnMulticast:       {"own-multicast", "the machine does not hear what it sends to groups unless ingress rules permit it"},
}

// String returns the name in the policy file and in every output, "" for
// NoFailsafe: that of the kernel rule's counter in filter/nft.
func (l Failsafe) String() string { return failsafes[l].name }

// Failsafes lists every failsafe in the order in which outputs show them.
func Failsafes() []Failsafe {
	out := make([]Failsafe, 0, len(failsafes)-1)
	for l := NeighbourDiscovery; int(l) < len(failsafes); l++ {
		out = append(out, l)
	}
	return out
}

// checkFailsafes warns of each that is switched off: nothing else in a policy can
// take the machine off the network for good.
func (s Settings) checkFailsafes(report func(Problem)) {
	for _, l := range Failsafes() {
		if s.CutFailsafes.Has(l) {
			report(Problem{
				Field: "settings.failsafe." + l.String(), Severity: SeverityWarning,
				Message: fmt.Sprintf("failsafe %s is off: %s", l, failsafes[l].lost),
				Hint:    "leave it out unless the rules cover it",
			})
		}
	}
}
