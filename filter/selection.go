package filter

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// Selection is what a watcher wants to see: all that is given must hold.
type Selection struct {
	// Reasons are looked at before anything is recorded.
	Reasons ReasonSet
	// Where are asked about each record, on the packet path.
	Where []Condition
}

// Condition holds for some records. It neither allocates nor waits. rs is the ruleset that
// decided, or a later one of its Compiler.
type Condition func(rs *Ruleset, r *Record) bool

// Matches reports whether a watcher wants to see the record.
func (s *Selection) Matches(rs *Ruleset, r *Record) bool {
	if !s.Reasons.Has(r.Verdict.Reason) {
		return false
	}
	for _, holds := range s.Where {
		if !holds(rs, r) {
			return false
		}
	}
	return true
}

// Not is the opposite of a condition.
func Not(c Condition) Condition { return func(rs *Ruleset, r *Record) bool { return !c(rs, r) } }

// AnyOf holds if one of some conditions does.
func AnyOf(list ...Condition) Condition {
	if len(list) == 1 {
		return list[0]
	}
	return func(rs *Ruleset, r *Record) bool {
		for _, c := range list {
			if c(rs, r) {
				return true
			}
		}
		return false
	}
}

// OnDevice holds for what was decided at a device: its name, or the beginning of names and
// a *.
func OnDevice(name string) Condition {
	prefix, glob := strings.CutSuffix(name, "*")
	return func(_ *Ruleset, r *Record) bool {
		return r.Device == name || glob && r.Device != "" && strings.HasPrefix(r.Device, prefix)
	}
}

// OfProtocol holds for packets of a protocol.
func OfProtocol(number uint8) Condition {
	return func(_ *Ruleset, r *Record) bool { return r.Parsed() && r.Tuple.Proto() == number }
}

// WithPort holds if one of the packet's ports is among these.
func WithPort(low, high uint16) Condition {
	return AnyOf(FromEnd(netip.Prefix{}, low, high), ToEnd(netip.Prefix{}, low, high))
}

// WithAddress holds if one of the packet's addresses is in the prefix.
func WithAddress(p netip.Prefix) Condition {
	return func(_ *Ruleset, r *Record) bool {
		return r.Parsed() && (p.Contains(r.Tuple.Local.Netip()) || p.Contains(r.Tuple.Remote.Netip()))
	}
}

// FromEnd holds for a source in the prefix, if it is valid, with a port among these, if
// these are not all.
func FromEnd(p netip.Prefix, low, high uint16) Condition {
	return func(_ *Ruleset, r *Record) bool {
		return r.isEnd(r.Verdict.Direction == conntrack.Egress, p, low, high)
	}
}

// ToEnd is FromEnd for the destination.
func ToEnd(p netip.Prefix, low, high uint16) Condition {
	return func(_ *Ruleset, r *Record) bool {
		return r.isEnd(r.Verdict.Direction != conntrack.Egress, p, low, high)
	}
}

// isEnd compares one end of the packet, the local one or the other.
func (r *Record) isEnd(local bool, p netip.Prefix, low, high uint16) bool {
	if !r.Parsed() {
		return false
	}
	addr, port := r.Tuple.Remote, r.Tuple.RemotePort
	if local {
		addr, port = r.Tuple.Local, r.Tuple.LocalPort
	}
	if p.IsValid() && !p.Contains(addr.Netip()) {
		return false
	}
	if low == 0 && high == 0xffff {
		return true
	}
	return (r.Kind == packet.KindTCP || r.Kind == packet.KindUDP) && low <= port && port <= high
}

// Toward holds for packets that a device judged in a direction.
func Toward(d conntrack.Direction) Condition {
	return func(_ *Ruleset, r *Record) bool { return r.Verdict.Scope != 0 && r.Verdict.Direction == d }
}

// OfGroup holds for what a group has permitted, and for drops where it is attached.
func OfGroup(name string) Condition {
	return func(rs *Ruleset, r *Record) bool {
		if info, ok := rs.Rule(r.Verdict.Rule); ok && info.ACL == "" {
			return info.Group == name
		}
		return slices.Contains(r.Groups, name)
	}
}

// PermittedBy holds for what a rule has permitted that is one of these.
func PermittedBy(is func(RuleInfo) bool) Condition {
	return func(rs *Ruleset, r *Record) bool {
		info, ok := rs.Rule(r.Verdict.Rule)
		return ok && is(info)
	}
}

// WithFlags holds for TCP segments that have all of some flags.
func WithFlags(f conntrack.TCPFlags) Condition {
	return func(_ *Ruleset, r *Record) bool {
		return r.Parsed() && r.Kind == packet.KindTCP && r.Flags&f == f
	}
}
