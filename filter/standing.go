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
	// StandingCut: the flow is untracked, and what would be an orphan of a tracked
	// one: its opener's packets do not pass.
	StandingCut
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
	a := r.attachment(f)
	switch {
	case a == nil:
		return StandingUnmanaged
	case r.permits(a, f):
		return StandingPermitted
	case f.Untracked:
		return StandingCut
	}
	return StandingOrphan
}

// permits reports whether the first packet of a flow would pass at a.
func (r *Review) permits(a *Attachment, f *conntrack.FlowInfo) bool {
	local := f.Tuple.Local
	if a.key() != r.rs.scopes.key(f.Tuple.Scope()) || a.own != nil && !a.own.has(local) && !toGroup(local) {
		return false
	}
	return a.matchers[f.Opener][family(f.Tuple.Remote)].match(f.Tuple.Remote, opening(f)) != NoRule
}

// Tracking says whether a live flow is tracked, and what the ruleset has to say
// about that.
func (r *Review) Tracking(f *conntrack.FlowInfo) Tracking {
	a := r.attachment(f)
	if a == nil {
		return Tracking{Untracked: f.Untracked}
	}
	return a.trackingOf(f)
}

// attachment returns that of a flow's device, without its scope; nil if it is
// not managed.
func (r *Review) attachment(f *conntrack.FlowInfo) *Attachment {
	scope := f.Tuple.Scope()
	a, ok := r.known[scope]
	if !ok {
		if name := r.rs.scopes.key(scope).device; name != "" {
			a = r.rs.attach(name)
		}
		r.known[scope] = a
	}
	return a
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
