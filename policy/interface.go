package policy

import (
	"net/netip"
	"time"
)

// Mode says which side of a device is protected (design: one decision per
// interface and direction).
type Mode uint8

const (
	// ModeHost: the device is this machine's own.
	ModeHost Mode = iota
	// ModeGuest: the machine behind the device is protected.
	ModeGuest
)

// String is the value in the policy file: "host" or "guest".
func (m Mode) String() string {
	if m == ModeGuest {
		return "guest"
	}
	return "host"
}

// View says which addresses and ports of a packet are judged where this machine
// rewrites them (X8).
type View uint8

const (
	// ViewLocal: those that the packet has inside this machine, behind DNAT and before
	// SNAT. A rule names the port of the program or container that is reached.
	ViewLocal View = iota
	// ViewWire: those that the packet has on the wire, before DNAT and behind SNAT, as
	// AWS sees it. A rule names the port that the client asks for.
	ViewWire
)

// String is the value in the policy file: "local" or "wire".
func (v View) String() string {
	if v == ViewWire {
		return "wire"
	}
	return "local"
}

// Interface attaches groups to a device, or to all devices that a pattern names.
type Interface struct {
	// Device is an exact name, or a name with one trailing "*". Exact beats
	// pattern, the longer pattern beats the shorter.
	Device string
	Mode   Mode
	View   View
	// Groups names the attached groups; their rules are a union (D6).
	Groups []string
	// NetworkACL names the network ACL that every packet has to pass as well, "" for none.
	NetworkACL string
	// Addresses are the interface's own: those of the machine behind the device
	// of a guest, none when they are not known; empty for a host interface whose
	// addresses are followed live. With a pattern they belong to each of its
	// devices.
	Addresses []netip.Addr
	// Prefixes are delegated to the interface: all their addresses are its own. Host bits
	// are zero, and there is more than one address in each.
	Prefixes []netip.Prefix
	// SourceDestCheck drops what leaves a guest from an address that is not its
	// own, and what enters it for another one (D9).
	SourceDestCheck bool
	// Scope names the interfaces that share their flows, empty for one that has
	// its own (T26). Only host interfaces share.
	Scope    string
	Timeouts Timeouts
	// MaxFlows is how many flows of each device are guaranteed room in the flow table
	// (T30), MinGuarantee to MaxMaxFlows; 0 for an equal part of what others leave of
	// half the table.
	MaxFlows int
	Pos      Pos
}

// MinGuarantee is the least [Interface].MaxFlows that a policy may say: a part of it is for
// each kind of flows.
const MinGuarantee = 16

// DefaultSourceDestCheck is SourceDestCheck where the policy does not say: on, as
// in AWS, for a guest whose addresses are known.
func (n *Interface) DefaultSourceDestCheck() bool {
	return n.Mode == ModeGuest && n.Listed()
}

// Listed reports whether the policy says which addresses the interface has.
func (n *Interface) Listed() bool { return len(n.Addresses)+len(n.Prefixes) > 0 }

// Own yields the addresses and prefixes of the interface that the policy lists, an
// address as a prefix of its whole length.
func (n *Interface) Own() []netip.Prefix { return own(n.Addresses, n.Prefixes) }

func own(addresses []netip.Addr, prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(addresses)+len(prefixes))
	for _, a := range addresses {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return append(out, prefixes...)
}

// OwnText is a listed address or prefix as the policy file writes it.
func OwnText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Timeouts are the idle timers of an interface, within [TimeoutRange]. AWS lets users
// set all but TCPHalfClosed.
type Timeouts struct {
	TCPEstablished time.Duration
	// TCPHalfClosed is for a connection that one side has ended. It is never longer
	// than TCPEstablished, whatever it says, see [Timeouts.HalfClosed].
	TCPHalfClosed  time.Duration
	UDP, UDPStream time.Duration
}

// HalfClosed is the timer of a half-closed connection: no connection that has half
// ended is remembered for longer than one that has not.
func (t Timeouts) HalfClosed() time.Duration { return min(t.TCPHalfClosed, t.TCPEstablished) }

// DefaultTimeouts are those that AWS documents, and one hour for half-closed
// connections.
var DefaultTimeouts = Timeouts{
	TCPEstablished: 432000 * time.Second,
	TCPHalfClosed:  3600 * time.Second,
	UDP:            30 * time.Second,
	UDPStream:      180 * time.Second,
}

// timeoutRanges are the ranges that AWS documents, by key of the policy file. A
// half-closed connection has that of an established one.
var timeoutRanges = []struct {
	key       string
	get       func(Timeouts) time.Duration
	low, high time.Duration
}{
	{"tcp_established_timeout", func(t Timeouts) time.Duration { return t.TCPEstablished },
		60 * time.Second, 432000 * time.Second},
	{"tcp_half_closed_timeout", func(t Timeouts) time.Duration { return t.TCPHalfClosed },
		60 * time.Second, 432000 * time.Second},
	{"udp_timeout", func(t Timeouts) time.Duration { return t.UDP }, 30 * time.Second,
		60 * time.Second},
	{"udp_stream_timeout", func(t Timeouts) time.Duration { return t.UDPStream }, 60 * time.Second,
		180 * time.Second},
}

// TimeoutRange is the range for a key under `connection_tracking:`,
// 0 and 0 for an unknown key.
func TimeoutRange(key string) (low, high time.Duration) {
	for _, r := range timeoutRanges {
		if r.key == key {
			return r.low, r.high
		}
	}
	return 0, 0
}

// Remote is an interface on another machine.
type Remote struct {
	Name      string
	Addresses []netip.Addr
	// Prefixes are delegated to it, see [Interface.Prefixes].
	Prefixes []netip.Prefix
	Groups   []string
	Pos      Pos
}

// Listed reports whether it has any address.
func (r *Remote) Listed() bool { return len(r.Addresses)+len(r.Prefixes) > 0 }

// Own yields its addresses and prefixes, see [Interface.Own].
func (r *Remote) Own() []netip.Prefix { return own(r.Addresses, r.Prefixes) }
