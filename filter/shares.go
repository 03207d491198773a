package filter

import "sgfw/conntrack"

// guarantees divides a table of so many flows among the devices that exist (T30): each
// has what the policy says under max_flows, and those of which it says nothing have equal
// parts of what that leaves of half the table. Devices that share their flows have the
// sum of theirs. A pattern may name more devices than there is room for: then all that
// the policy says is cut by the same factor.
func (rs *Ruleset) guarantees(limit int) []conntrack.Guarantee {
	at := make(map[conntrack.Scope]int, len(rs.links.all))
	var out []conntrack.Guarantee
	rs.eachGuarantee(limit, func(a *Attachment, n int) {
		i, there := at[a.Scope]
		if !there {
			i = len(out)
			at[a.Scope] = i
			out = append(out, conntrack.Guarantee{Scope: a.Scope})
		}
		out[i].Flows += n
	})
	return out
}

// eachGuarantee tells how many flows of a table of that size are guaranteed to each device.
func (rs *Ruleset) eachGuarantee(limit int, tell func(*Attachment, int)) {
	said, silent := 0, 0
	attachments := make([]*Attachment, 0, len(rs.links.all))
	for _, l := range rs.links.all {
		a := l.attachment
		if a == nil {
			continue
		}
		attachments = append(attachments, a)
		if said += a.iface.MaxFlows; a.iface.MaxFlows == 0 {
			silent++
		}
	}
	each := max(0, limit/2-said) / max(1, silent)
	for _, a := range attachments {
		n := a.iface.MaxFlows
		switch {
		case n == 0:
			n = each
		case said > limit:
			n = int(int64(n) * int64(limit) / int64(said))
		}
		tell(a, n)
	}
}

// Share says what a device has of the flow table. Devices that share their flows have one
// share together.
func (e *Engine) Share(a *Attachment) conntrack.Share { return e.flows.Share(a.Scope) }
