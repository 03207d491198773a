// Package policy is what is allowed, as a pure value: security groups with
// their rules, prefix lists, the interfaces that the groups are attached to,
// interfaces on other machines, and settings. It knows nothing of files,
// kernels or packets. A Policy that [Validate] accepted is immutable.
package policy

import (
	"net/netip"
	"time"
)

// Pos is where a part of the policy was written; the zero Pos is "nowhere",
// as for defaults. Line and Col count from 1.
type Pos struct {
	File      string
	Line, Col int
}

// Policy is everything that one policy file says, defaults filled in.
type Policy struct {
	PrefixLists []PrefixList
	Groups      []Group
	Interfaces  []Interface
	// Remotes are the interfaces on other machines (`peers:` in the file), so
	// that group references have members there.
	Remotes  []Remote
	Settings Settings
}

// PrefixList is a named set of CIDRs of one family (aws-semantics R22).
type PrefixList struct {
	Name string
	// MaxEntries is what the list costs in quotas (Q3); the number of entries
	// when the file does not say.
	MaxEntries int
	Entries    []PrefixEntry
	Pos        Pos
}

// PrefixEntry is one CIDR of a prefix list, in canonical form.
type PrefixEntry struct {
	CIDR        netip.Prefix
	Description string
	Pos         Pos
}

// Group is a security group. Rules are allow-only, without order (R4).
type Group struct {
	Name, Description string
	Tags              map[string]string
	Ingress, Egress   []Rule
	Pos               Pos
}

// Rule is one permission with exactly one peer (R1). A block of the file with
// several peers becomes as many Rules, with the same Index (R8).
type Rule struct {
	// Index is the block's place in its list of the file, from 0; -1 for the
	// default egress rules of a group whose file does not say egress.
	Index       int
	Description string
	Protocol    Protocol
	// From and To are the destination ports of TCP and UDP, inclusive (R6),
	// or type and code of ICMP and ICMPv6, -1 meaning all. They are -1 for
	// every other protocol (R9).
	From, To int
	Peer     Peer
	// Pos is where the block begins; Peer.Pos where the peer stands.
	Pos Pos
}

// Protocol is an IP protocol number 0-255 or AllProtocols.
type Protocol int16

const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

// PeerKind says which field of a Peer counts.
type PeerKind uint8

const (
	// PeerCIDR is an IPv4 or IPv6 CIDR, by the family of Peer.CIDR.
	PeerCIDR PeerKind = iota
	// PeerPrefixList is a prefix list, by Peer.Name.
	PeerPrefixList
	// PeerGroup is a security group, by Peer.Name; a self reference names its
	// own group (R28).
	PeerGroup
)

// Peer is the far side of a rule: source of ingress, destination of egress (R2).
type Peer struct {
	Kind PeerKind
	CIDR netip.Prefix
	Name string
	// Self is true for a group peer written as `self: true`.
	Self bool
	Pos  Pos
}

// Mode says which side of a device is protected (design: one decision per
// interface and direction).
type Mode uint8

const (
	// ModeHost: the device is this machine's own.
	ModeHost Mode = iota
	// ModeGuest: the machine behind the device is protected.
	ModeGuest
)

// Interface attaches groups to a device, or to all devices that a pattern names.
type Interface struct {
	// Device is an exact name, or a name with one trailing "*". Exact beats
	// pattern, the longer pattern beats the shorter.
	Device string
	Mode   Mode
	// Groups names the attached groups; their rules are a union (D6).
	Groups []string
	// Addresses are the interface's own; empty for a host interface whose
	// addresses are followed live.
	Addresses       []netip.Addr
	SourceDestCheck bool
	Timeouts        Timeouts
	Pos             Pos
}

// Timeouts are the idle timers that AWS lets users set per interface (§3.3).
type Timeouts struct {
	TCPEstablished time.Duration // 60 s to 432000 s
	UDP            time.Duration // 30 s to 60 s
	UDPStream      time.Duration // 60 s to 180 s
}

// DefaultTimeouts are the documented defaults.
var DefaultTimeouts = Timeouts{
	TCPEstablished: 432000 * time.Second,
	UDP:            30 * time.Second,
	UDPStream:      180 * time.Second,
}

// Remote is an interface on another machine.
type Remote struct {
	Name      string
	Addresses []netip.Addr
	Groups    []string
	Pos       Pos
}

// ICMPErrors says what decides about ICMP errors (T24).
type ICMPErrors uint8

const (
	// ICMPErrorsRelated: errors about a live flow pass, rules decide the rest.
	ICMPErrorsRelated ICMPErrors = iota
	// ICMPErrorsRules: rules alone decide.
	ICMPErrorsRules
)

// OnStop says what an ordered stop leaves behind.
type OnStop uint8

const (
	// OnStopRemove removes our table: the machine is as it was.
	OnStopRemove OnStop = iota
	// OnStopKeep leaves the table, without a listener: closed.
	OnStopKeep
)

// FailAction says what happens to traffic after an exit that nobody ordered.
type FailAction uint8

const (
	FailDrop FailAction = iota
	FailAccept
)

// Settings are the values under `settings:`, defaults filled in.
type Settings struct {
	ICMPErrors ICMPErrors
	OnStop     OnStop
	// OnGone is settings.on_failure.gone: the daemon died.
	OnGone FailAction
	// QueueBase is the first queue number, 1 to 65535.
	QueueBase uint16
	// QueueCount is the number of queues, 0 for one per CPU, at most 8.
	QueueCount int
	// MaxFlows is the hard cap of the flow table.
	MaxFlows int
}

// DefaultSettings are the settings of a file that has none.
var DefaultSettings = Settings{QueueBase: 4270, MaxFlows: 262144}
