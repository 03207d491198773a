package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
)

// End is one end of a conversation: an address and a port.
type End struct {
	Addr conntrack.Addr
	Port uint16
}

// Conversation is one of TCP or UDP that exists, though none of its packets was judged.
//
// Where the kernel rewrites addresses they differ on the way: the opener's packets arrive as
// From to Asked, are routed as From to To, and leave as As to To.
type Conversation struct {
	// In and Out are the devices that packets of the opener arrive and leave by, 0 for none.
	In, Out             uint32
	Proto               uint8
	From, Asked, To, As End
	// State is as in [conntrack.Adoption].
	State conntrack.State
	// OpenerEnded: of both sides the opener has ended, in StateCloseWait.
	OpenerEnded bool
}

// Adopted counts what became of conversations at managed interfaces, each of which counts by
// itself.
type Adopted struct {
	// Tracked and Untracked were adopted; of the latter rules decide about each packet.
	Tracked, Untracked int
	// Known were there already, or are at an end there.
	Known int
	// Refused fail the source/destination check, or found no room.
	Refused int
}

// Adopt adds a conversation to the flow table, with each managed interface that it crosses as
// if a rule had permitted its first packet there; which one would today is noted, if any.
// What rules leave untracked stays so. It adds to the counts and is for one goroutine.
func (e *Engine) Adopt(c *Conversation, n *Adopted) {
	rs := e.Ruleset()
	if in := rs.links.find(c.In).attachment; in != nil && c.In != 0 {
		to := c.To
		if in.wire {
			to = c.Asked
		}
		e.adopt(in, in.inward, c, c.From, to, n)
	}
	if out := rs.links.find(c.Out).attachment; out != nil && c.Out != 0 {
		from := c.From
		if out.wire {
			from = c.As
		}
		e.adopt(out, out.inward.Reverse(), c, from, c.To, n)
	}
}

// adopt is Adopt at one interface, which the opener's packets cross in direction d.
func (e *Engine) adopt(a *Attachment, d conntrack.Direction, c *Conversation, from, to End,
	n *Adopted) {
	t := conntrack.NewTuple(a.Scope, d, c.Proto, from.Addr, to.Addr, from.Port, to.Port)
	if !a.mayBeOwn(t.Local) || from == to {
		n.Refused++
		return
	}
	peer := from.Addr
	if d == conntrack.Egress {
		peer = to.Addr
	}
	f := family(peer)
	rule := a.matchers[d][f].Match(keyOf(peer), match.Selector(c.Proto)<<16|match.Selector(to.Port))
	how := conntrack.Adoption{Class: conntrack.ClassUDP, Opener: d, State: c.State, Ended: d,
		Rule: uint32(rule)}
	if c.Proto == conntrack.ProtoTCP {
		how.Class = conntrack.ClassTCP
	}
	if !c.OpenerEnded {
		how.Ended = d.Reverse()
	}
	timeouts := &a.timeouts
	if tracking := a.tracking(d, f, c.Proto, to.Port); tracking.Untracked {
		how.Untracked, how.Rule, timeouts = true, uint32(tracking.Opening), &a.remembered
	}
	now := e.clock()
	entry := e.flows.Lock(&t, now)
	defer entry.Unlock()
	switch result := entry.Adopt(&how, timeouts, now); {
	case result == conntrack.AdoptKnown:
		n.Known++
	case result == conntrack.AdoptFull:
		n.Refused++
	case how.Untracked:
		n.Untracked++
	default:
		n.Tracked++
	}
}
