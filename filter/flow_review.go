package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
)

// Standing is what the rules alone make of a live flow.
type Standing uint8

const (
	// StandingPermitted: a rule would permit the flow's first packet now. The
	// zero value.
	StandingPermitted Standing = iota
	// StandingOrphan: no rule would; the flow goes on, as in AWS (T15). A flow of a shared scope is
	// permitted if a rule of any interface of the
	// scope would.
	StandingOrphan
	// StandingUnmanaged: the policy no longer manages the flow's device, whose
	// packets pass unseen.
	StandingUnmanaged
	// StandingRevoked: the flow was revoked and carries nothing any more.
	StandingRevoked
	// StandingCut: the flow lets nothing pass any more. It is untracked, and what
	// would be an orphan of a tracked one; or no packet can belong to it: it is from
	// before its device changed its mode or its scope, or of an address that the
	// source/destination check refuses now. It is there again if that is undone
	// before its timer runs out.
	StandingCut
)

// Review judges live flows by the rules of one ruleset. It is for one goroutine,
// off the packet path.
type Review struct {
	rs    *Ruleset
	known map[conntrack.Scope][]*Attachment
}

// Review begins a review of flows that carry the scopes of rs's Compiler.
func (rs *Ruleset) Review() *Review {
	return &Review{rs: rs, known: make(map[conntrack.Scope][]*Attachment)}
}

// Standing judges the first packet of a flow, as far as its tuple tells of it,
// by the rules alone. Queries of ICMP count as code 0, which they all have.
func (r *Review) Standing(f *conntrack.FlowInfo) Standing {
	if f.State == conntrack.StateRevoked {
		return StandingRevoked
	}
	at := r.attachments(f)
	held, permitted := r.judge(at, f)
	switch {
	case len(at) == 0:
		return StandingUnmanaged
	case permitted:
		return StandingPermitted
	case f.Untracked || !held:
		return StandingCut
	}
	return StandingOrphan
}

// judge reports whether packets can belong to a flow at any of the attachments, and
// whether the first one would be permitted there.
func (r *Review) judge(at []*Attachment, f *conntrack.FlowInfo) (held, permitted bool) {
	local, key := f.Tuple.Local, r.rs.scopes.key(f.Tuple.Scope())
	for _, a := range at {
		if a.key() != key || !a.mayBeOwn(local) {
			continue
		}
		held = true
		if a.matchers[f.Opener][family(f.Tuple.Remote)].Match(keyOf(f.Tuple.Remote),
			opening(f)) != match.NoRule {
			return true, true
		}
	}
	return held, false
}

// Tracking says whether a live flow is tracked, and what the ruleset has to say
// about that.
func (r *Review) Tracking(f *conntrack.FlowInfo) Tracking {
	at := r.attachments(f)
	if len(at) == 0 {
		return Tracking{Untracked: f.Untracked}
	}
	return at[0].trackingOf(f)
}

// attachments returns those whose packets may belong to a flow, without their
// scopes: that of the flow's device, or those of a shared scope. Where nothing has
// the flow's scope any more it is that of the device which had it last. There are
// none if no interface of the policy manages them.
func (r *Review) attachments(f *conntrack.FlowInfo) []*Attachment {
	scope := f.Tuple.Scope()
	at, ok := r.known[scope]
	if !ok {
		key, device := r.rs.scopes.key(scope), r.rs.scopes.device(scope)
		for i := range r.rs.attachments {
			if t := &r.rs.attachments[i]; key.shared != "" && t.iface.Scope == key.shared {
				at = append(at, &Attachment{Device: t.iface.Device, at: new(presence),
					attachmentTemplate: t})
			}
		}
		if len(at) == 0 && device != "" {
			if a := r.rs.attach(device); a != nil {
				at = append(at, a)
			}
		}
		r.known[scope] = at
	}
	return at
}

// opening is the selector of a flow's first packet. The port of the side that
// was asked is its destination port or, for a query, has the type in its upper
// byte as selectors do.
func opening(f *conntrack.FlowInfo) match.Selector {
	asked := f.Tuple.LocalPort
	if f.Opener == conntrack.Egress {
		asked = f.Tuple.RemotePort
	}
	if f.Class == conntrack.ClassQuery {
		asked &= 0xff00
	}
	return match.Selector(f.Tuple.Proto())<<16 | match.Selector(asked)
}
