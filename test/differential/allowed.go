package differential

import (
	"cmp"

	"sgfw/test/naive"
)

// Case is a packet about which the program and the kernel's firewall disagree.
type Case struct {
	Packet *naive.Packet
	// Ours is true if the program passed it and the kernel did not.
	Ours bool
	// Reason is the program's, as the naive machine has it.
	Reason naive.Reason
	// Invalid is true if the kernel's connection tracking called the packet invalid.
	Invalid bool
	// Reset is true if a RST passed before of the connection that the packet belongs
	// to or is an error about, Asked if a SYN was dropped.
	Reset, Asked bool
	// Coded is true if a query with another code than 0, or its answer, went between
	// the same ends: it is this packet, came before it, or this is an error about it.
	Coded bool

	// Way is how the packet went, of a packet through an exported ruleset.
	Way Way
	// Elsewhere is true if a packet of the conversation passed where other flows are kept:
	// at another device, or at this one under another entry of the policy.
	Elsewhere bool
	// Half is true if the device from which packets of the conversation came passed one and the
	// other device did not.
	Half bool
	// Crossed is true if a SYN of the other side passed before.
	Crossed bool
	// Reloaded is true if nobody has answered in the conversation, and the policy was
	// replaced since it began.
	Reloaded bool
}

// Allowed is a difference between the program and the kernel's firewall that is
// meant to be.
type Allowed struct {
	Name, Why string
	covers    func(c *Case) bool
}

// AllowedDifferences are all there are.
var AllowedDifferences = []Allowed{
	{
		"syn in a connection",
		"To the kernel a SYN with the ports of a live connection belongs to it; to us it asks for a " +
			"new one, which rules have to permit.",
		func(c *Case) bool {
			p := c.Packet
			return !c.Ours && p.Protocol == naive.TCP && p.Flags&(naive.SYN|naive.ACK) == naive.SYN &&
				c.Reason == naive.NoRule
		},
	},
	{
		"segment out of order",
		"The kernel calls segments invalid that do not suit the state of their connection, and has " +
			"rules decide; to us every segment of a live connection belongs to it (T28).",
		func(c *Case) bool {
			return c.Ours && c.Packet.Protocol == naive.TCP && c.Invalid && c.Reason == naive.OfFlow
		},
	},
	{
		"refused connection",
		"The kernel forgets a connection at once whose only answer is a RST; we remember it for ten " +
			"seconds as Linux does others (§12).",
		func(c *Case) bool {
			return c.Ours && c.Reset && (c.Reason == naive.OfFlow || c.Reason == naive.Related)
		},
	},
	{
		"connection asked for again",
		"The kernel forgets a closed connection with the SYN of the next one, though rules drop it; we " +
			"remember it until its timer ends.",
		func(c *Case) bool {
			return c.Ours && c.Asked && (c.Reason == naive.OfFlow || c.Reason == naive.Related)
		},
	},
	{
		"redirect",
		"To the kernel redirects and source quench are related to the flow that they quote; to us they " +
			"are no errors (T24).",
		func(c *Case) bool {
			p := c.Packet
			return !c.Ours && p.Protocol == naive.ICMP && (p.Type == 4 || p.Type == 5) && p.Quote != nil
		},
	},
	{
		"icmp of the other family",
		"The kernel reads ICMP in IPv6, and ICMPv6 in IPv4, as if it were in its place; to us it is a " +
			"protocol without a name (R12).",
		func(c *Case) bool {
			p := cmp.Or(c.Packet.Quote, c.Packet)
			return p.Protocol == naive.ICMP && p.Src.Is6() || p.Protocol == naive.ICMPv6 && p.Src.Is4()
		},
	},
	{
		"code of a query",
		"To the kernel the code of an ICMP query is part of its flow; to us the identifier alone is " +
			"(T9).",
		func(c *Case) bool { return c.Coded && (IsQuery(c.Packet) || c.Packet.Quote != nil) },
	},
}

// ExportDifferences are those that there are beside these where a policy is exported as a
// ruleset of nftables. docs/from-linux.md tells users of all but the last one, which is
// between the semantics and the program.
var ExportDifferences = []Allowed{
	{
		"flow of another device",
		"The kernel has one connection where each device, or scope, of the program has its own flow " +
			"(T26).",
		func(c *Case) bool { return !c.Ours && c.Elsewhere },
	},
	{
		"half a flow",
		"A device that lets a packet in remembers it here, though the device by which it would leave " +
			"drops it; the kernel remembers what passed both.",
		func(c *Case) bool {
			return c.Ours && c.Half && (c.byFlow() || c.Reason == naive.Related)
		},
	},
	{
		"flow without an answer",
		"A connection that nobody has answered is new to the kernel, and rules decide about its next " +
			"packet; here it is a flow from its first packet on (T15).",
		func(c *Case) bool { return c.Ours && c.Reloaded && c.byFlow() },
	},
	{
		"syn of both sides",
		"A SYN that meets one of the other side belongs to its connection here; where the kernel took " +
			"that one for a part of a connection that ended, this one begins the next.",
		func(c *Case) bool {
			p := c.Packet
			return c.Ours && p.Protocol == naive.TCP && p.Flags&(naive.SYN|naive.ACK) == naive.SYN &&
				c.Reason == naive.OfFlow && c.Crossed
		},
	},
	{
		"error of a router",
		"The machine may tell the sender that it could not route a packet that rules permit (T24); the " +
			"kernel knows no connection of such a packet, and rules decide.",
		func(c *Case) bool { return c.Ours && c.Way.Hook == naive.Output && c.Reason == naive.Related },
	},
	{
		"failsafe from another address",
		"The kernel passes failsafes before it looks whose address they have; so do the program's own " +
			"rules in the kernel.",
		func(c *Case) bool {
			return !c.Ours && c.Reason == naive.Misplaced && c.Way.Hook != naive.Forward &&
				special(c.Packet)
		},
	},
}

// byFlow reports whether a flow passed the packet, perhaps at the first of two devices: the
// reason is that of the second one.
func (c *Case) byFlow() bool {
	return c.Reason == naive.OfFlow || c.Reason == naive.OfRule && c.Way.Hook == naive.Forward
}

// Explains returns the difference of the lists that a case is one of, nil if it is none.
func Explains(c *Case, lists ...[]Allowed) *Allowed {
	for _, list := range lists {
		for i := range list {
			if list[i].covers(c) {
				return &list[i]
			}
		}
	}
	return nil
}

// IsQuery reports whether a packet is an ICMP query or the answer to one.
func IsQuery(p *naive.Packet) bool {
	if p.Protocol == naive.ICMPv6 {
		return p.Type == 128 || p.Type == 129
	}
	return p.Protocol == naive.ICMP && (p.Type == 0 || p.Type == 8 || 13 <= p.Type && p.Type <= 18)
}
