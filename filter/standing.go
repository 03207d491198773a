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
	// their device changed its mode or its scope, and those of addresses that the
	// source/destination check refuses now. A flow of a shared scope is permitted
	// if a rule of any interface of the scope would.
	StandingOrphan
	// StandingUnmanaged: the policy no longer manages the flow's device, whose
	// packets pass unseen; or no interface has the flow's scope any more.
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
	switch {
	case len(at) == 0:
		return StandingUnmanaged
	case r.permitting(at, f) != nil:
		return StandingPermitted
	case f.Untracked:
		return StandingCut
	}
	return StandingOrphan
}

// permitting returns the attachment at which the first packet of a flow would pass,
// nil for none.
func (r *Review) permitting(at []*Attachment, f *conntrack.FlowInfo) *Attachment {
	local, key := f.Tuple.Local, r.rs.scopes.key(f.Tuple.Scope())
	for _, a := range at {
		if a.key() != key || a.own != nil && !a.own.has(local) && !toGroup(local) {
			continue
		}
		if a.matchers[f.Opener][family(f.Tuple.Remote)].match(f.Tuple.Remote, opening(f)) != NoRule {
			return a
		}
	}
	return nil
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
// scopes: that of the flow's device, or those of a shared scope. There are none if
// no interface of the policy manages them.
func (r *Review) attachments(f *conntrack.FlowInfo) []*Attachment {
	scope := f.Tuple.Scope()
	at, ok := r.known[scope]
	if !ok {
		key := r.rs.scopes.key(scope)
		if key.shared != "" {
			for i := range r.rs.attachments {
				if t := &r.rs.attachments[i]; t.iface.Scope == key.shared {
					at = append(at, &Attachment{Device: t.iface.Device, attachmentTemplate: t})
				}
			}
		} else if a := r.rs.attach(key.device); key.device != "" && a != nil {
			at = append(at, a)
		}
		r.known[scope] = at
	}
	return at
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
