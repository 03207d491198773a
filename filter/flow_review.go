package filter

import (
	"slices"

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
	// StandingDenied: a rule would permit the flow's first packet, but a network ACL denies
	// that packet or the answer to it. It goes on if that is undone before its timer runs out.
	StandingDenied
)

// Review judges live flows by the rules of one ruleset. It is for one goroutine,
// off the packet path.
type Review struct {
	rs    *Ruleset
	known map[conntrack.Scope][]*Attachment
	at    []*Attachment // what crossed returns
}

// Review begins a review of flows that carry the scopes of rs's Compiler.
func (rs *Ruleset) Review() *Review {
	return &Review{rs: rs, known: make(map[conntrack.Scope][]*Attachment)}
}

// Standing judges the first packet of a flow, as far as its tuple tells of it,
// by the rules alone, and whether network ACLs let it pass and its answer. Queries of
// ICMP count as code 0, which they all have.
func (r *Review) Standing(f *conntrack.FlowInfo) Standing {
	if f.State == conntrack.StateRevoked {
		return StandingRevoked
	}
	crossed := r.crossed(f)
	held := len(crossed) > 0
	permitted := slices.ContainsFunc(crossed,
		func(a *Attachment) bool { return a.permitsFlow(f) })
	_, denied := r.DeniedBy(f)
	switch {
	case len(r.attachments(f)) == 0:
		return StandingUnmanaged
	case permitted && denied:
		return StandingDenied
	case permitted:
		return StandingPermitted
	case f.Untracked || !held:
		return StandingCut
	}
	return StandingOrphan
}

// crossed are the attachments that packets of a flow may cross. The slice is only good
// until the next call.
func (r *Review) crossed(f *conntrack.FlowInfo) []*Attachment {
	r.at = r.at[:0]
	key := r.rs.scopes.key(f.Tuple.Scope())
	for _, a := range r.attachments(f) {
		if a.key() == key && a.mayBeOwn(f.Tuple.Local) {
			r.at = append(r.at, a)
		}
	}
	return r.at
}

// permitsFlow reports whether a rule would permit the first packet of a flow.
func (a *Attachment) permitsFlow(f *conntrack.FlowInfo) bool {
	return a.matchers[f.Opener][family(f.Tuple.Remote)].Match(keyOf(f.Tuple.Remote),
		opening(f)) != match.NoRule
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
