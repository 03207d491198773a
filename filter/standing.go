package filter

import "sgfw/conntrack"

// Standing is what the rules alone make of a live flow.
type Standing uint8

const (
	// StandingPermitted: a rule would permit the flow's first packet now. The
	// zero value.
	StandingPermitted Standing = iota
	// StandingOrphan: no rule would; the flow goes on as T15 of the AWS semantics
	// has it. So are flows that no packet can belong to any more: those from before
	// their device changed its mode, and those of addresses that the
	// source/destination check refuses now.
	StandingOrphan
	// StandingUnmanaged: the policy no longer manages the flow's device, whose
	// packets pass unseen.
	StandingUnmanaged
	// StandingRevoked: the flow was revoked and carries nothing any more.
	StandingRevoked
)

// Review judges live flows by the rules of one ruleset. It is for one goroutine,
// off the packet path.
type Review struct {
	rs    *Ruleset
	known map[conntrack.Scope]*Attachment
}

// Review begins a review of flows that carry the scopes of rs's Compiler.
func (rs *Ruleset) Review() *Review {
	return &Review{rs: rs, known: make(map[conntrack.Scope]*Attachment)}
}

// Standing judges the first packet of a flow, as far as its tuple tells of it,
// by the rules alone. Queries of ICMP count as code 0, which they all have.
func (r *Review) Standing(f *conntrack.FlowInfo) Standing {
	if f.State == conntrack.StateRevoked {
		return StandingRevoked
	}
	scope := f.Tuple.Scope()
	a, ok := r.known[scope]
	if !ok {
		if name := r.rs.scopes.key(scope).device; name != "" {
			a = r.rs.attach(name)
		}
		r.known[scope] = a
	}
	if a == nil {
		return StandingUnmanaged
	}
	local := f.Tuple.Local
	if a.key() != r.rs.scopes.key(scope) || a.own != nil && !a.own.has(local) && !toGroup(local) {
		return StandingOrphan
	}
	if a.matchers[f.Opener][family(f.Tuple.Remote)].match(f.Tuple.Remote, opening(f)) == NoRule {
		return StandingOrphan
	}
	return StandingPermitted
}

// opening is the selector of a flow's first packet. The port of the side that
// was asked is its destination port or, for a query, has the type in its upper
// byte as selectors do.
func opening(f *conntrack.FlowInfo) selector {
	asked := f.Tuple.LocalPort
	if f.Opener == conntrack.Egress {
		asked = f.Tuple.RemotePort
	}
	if f.Class == conntrack.ClassQuery {
		asked &= 0xff00
	}
	return selector(f.Tuple.Proto())<<16 | selector(asked)
}
