package policy

import (
	"fmt"
	"net/netip"
)

// Rule is one permission with exactly one peer (R1). A block of the file with
// several peers becomes as many Rules, with the same Index (R8).
type Rule struct {
	// Index is the block's place in its list of the file, from 0; -1 for the
	// rules of a group whose file does not say them, see [DefaultIndex].
	Index       int
	Description string
	// Tags are those of the block. Like the description they do not make rules different.
	Tags     map[string]string
	Protocol Protocol
	// From and To are the destination ports of TCP and UDP, inclusive (R6),
	// or type and code of ICMP and ICMPv6, -1 meaning all. They are -1 for
	// every other protocol (R9).
	From, To int
	Peer     Peer
	// Pos is where the block begins; Peer.Pos where the peer stands.
	Pos Pos
}

// RuleID is what makes two rules of one direction the same rule: description,
// position and spelling do not count (R3). It is comparable.
type RuleID struct {
	Protocol Protocol
	From, To int
	Kind     PeerKind
	CIDR     netip.Prefix
	Name     string
}

// ID returns the rule's identity within its group and direction.
func (r *Rule) ID() RuleID {
	return RuleID{r.Protocol, r.From, r.To, r.Peer.Kind, r.Peer.CIDR, r.Peer.Name}
}

// String is the rule in one line, for people: "tcp 443 0.0.0.0/0", "icmp type 8 list office" or
// "all group app".
func (r *Rule) String() string {
	what := r.Protocol.String()
	switch {
	case r.Protocol == AllProtocols:
		what = everyValue
	case r.Protocol.HasPorts() && r.From == r.To:
		what += fmt.Sprintf(" %d", r.From)
	case r.Protocol.HasPorts():
		what += fmt.Sprintf(" %d-%d", r.From, r.To)
	case r.Protocol.IsICMP():
		what += " " + typeText(r.From, r.To)
	}
	return what + " " + r.Peer.String()
}

// everyValue is what people read for -1.
const everyValue = "all"

// typeText is type and code of ICMP for people.
func typeText(typ, code int) string {
	switch {
	case typ < 0:
		return everyValue
	case code < 0:
		return fmt.Sprintf("type %d", typ)
	}
	return fmt.Sprintf("type %d code %d", typ, code)
}

// Limits of what a rule's From and To may be.
const (
	MaxPort     = 65535
	MaxICMPType = 255
	MaxICMPCode = 255
)

// CheckRange says whether from and to suit the protocol (the table of AWS's
// protocols and ports, R10): ports in order for TCP and UDP; type and code for
// ICMP, where all types force all codes; -1 and -1 for the rest. It returns nil
// or a Problem whose Pos is for the caller to fill in.
func CheckRange(p Protocol, from, to int) *Problem {
	invalid := func(field, hint, format string, a ...any) *Problem {
		return &Problem{Field: field, Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...),
			Hint: hint}
	}
	switch {
	case p.HasPorts():
		for _, end := range []struct {
			field string
			port  int
		}{{"from_port", from}, {"to_port", to}} {
			if end.port == -1 {
				return invalid(end.field, "all ports are 0-65535; all protocols are `protocol: -1`",
					"-1 is not a port of %s", p)
			}
			if end.port < 0 || end.port > MaxPort {
				return invalid(end.field, "ports are 0 to 65535", "port %d is out of range", end.port)
			}
		}
		if from > to {
			return invalid("from_port", "swap the two", "the port range %d-%d is backwards", from, to)
		}
	case p.IsICMP():
		if from < -1 || from > MaxICMPType {
			return invalid("from_port", "from_port is the type: 0 to 255, or -1 for all",
				"%s type %d is out of range", p, from)
		}
		if to < -1 || to > MaxICMPCode {
			return invalid("to_port", "to_port is the code: 0 to 255, or -1 for all",
				"%s code %d is out of range", p, to)
		}
		if from == -1 && to != -1 {
			return invalid("to_port", "set to_port to -1, or name a type in from_port",
				"%s code %d without a type: all types take all codes", p, to)
		}
	case from != -1 || to != -1:
		return invalid("from_port", "leave the ports out", "protocol %s has no ports", p)
	}
	return nil
}
