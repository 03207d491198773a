package policy

import (
	"iter"
	"net/netip"
	"strings"
	"time"
)

// AnswerTime is how long after a UDP question to an exempt service its answer
// passes: the idle time that AWS gives to UDP that it tracks (§3.3).
const AnswerTime = 30 * time.Second

// Exemption names a service of the network that AWS never filters (§4). Outside AWS
// nobody expects such holes, so each is off unless settings.exempt names it (X2).
type Exemption uint8

const (
	NoExemption Exemption = iota
	// ExemptResolvers is DNS to the name servers that the machine itself uses.
	ExemptResolvers
	// ExemptMetadata is the metadata service of the cloud.
	ExemptMetadata
	// ExemptTime is the time service of AWS.
	ExemptTime
	// NumExemptions bounds arrays that are indexed by Exemption.
	NumExemptions
)

// Ports of the services that can be exempt.
const (
	PortDNS      = 53
	PortMetadata = 80
	PortTime     = 123
)

var exemptions = [NumExemptions]struct {
	name      string
	port      uint16
	protocols []Protocol
	addresses []netip.Addr
}{
	NoExemption:     {},
	ExemptResolvers: {name: "resolvers", port: PortDNS, protocols: []Protocol{UDP, TCP}},
	// The second address is that of ECS tasks.
	ExemptMetadata: {"metadata", PortMetadata, []Protocol{TCP},
		addresses("169.254.169.254", "169.254.170.2", "fd00:ec2::254")},
	ExemptTime: {"time", PortTime, []Protocol{UDP}, addresses("169.254.169.123", "fd00:ec2::123")},
}

func addresses(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// String returns the name in the policy file and in every output, "" for
// NoExemption.
func (x Exemption) String() string { return exemptions[x].name }

// Port is that of the service.
func (x Exemption) Port() uint16 { return exemptions[x].port }

// Protocols are those that the service speaks: UDP, TCP, or both.
func (x Exemption) Protocols() []Protocol { return exemptions[x].protocols }

// Addresses are those of the service; none for ExemptResolvers, whose addresses are
// facts of the machine. The result must not be changed.
func (x Exemption) Addresses() []netip.Addr { return exemptions[x].addresses }

// Exemptions lists every exemption in the order in which outputs show them.
func Exemptions() []Exemption { return []Exemption{ExemptResolvers, ExemptMetadata, ExemptTime} }

// Set is a set of failsafes or of exemptions. The zero value is empty. Sets are
// values and can be compared.
type Set[T interface {
	Failsafe | Exemption
	String() string
}] uint16

// Has reports whether m is in the set.
func (s Set[T]) Has(m T) bool { return s>>m&1 != 0 }

// With returns the set with m in it.
func (s Set[T]) With(m T) Set[T] { return s | 1<<m }

// All iterates over what is in the set, in its fixed order.
func (s Set[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for m := T(0); s>>m != 0; m++ {
			if s.Has(m) && !yield(m) {
				return
			}
		}
	}
}

// String lists the names, or says none.
func (s Set[T]) String() string {
	var names []string
	for m := range s.All() {
		names = append(names, m.String())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
