package explain

import (
	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
)

// tracking is the document about a flow's tracking, nil if there is nothing to
// say. flow is the live one, or nil.
func tracking(rs *filter.Ruleset, t filter.Tracking, flow *conntrack.FlowInfo) *api.Tracking {
	if t.Clause == filter.ClauseNone {
		return nil
	}
	doc := &api.Tracking{Tracked: !t.Untracked, Clause: t.Clause.String(), Detail: clauseText(t)}
	if info, ok := rs.Rule(t.Opening); ok {
		doc.Opening = Rule(rs.Policy().IDs, info)
	}
	if info, ok := rs.Rule(t.Return); ok {
		doc.Return = Rule(rs.Policy().IDs, info)
	}
	if flow != nil && flow.Untracked && t.Clause != filter.ClauseBoth {
		doc.Detail += "; until then its packets are judged one by one"
	}
	return doc
}

// clauseText says in a sentence why a flow is tracked or not.
func clauseText(t filter.Tracking) string {
	begin := "tracked: "
	if t.Untracked && t.Clause != filter.ClauseBoth && t.Clause != filter.ClauseMidStream {
		begin = "tracked from the next packet of its opener on, if rules permit that: "
	}
	switch t.Clause {
	case filter.ClauseMidStream:
		return "not tracked: the connection began unseen or is forgotten, and the packet may be the " +
			"answer of one that was not tracked; rules decide about each packet"
	case filter.ClauseSetting:
		return begin + "settings.tracking is always"
	case filter.ClauseScope:
		return begin + "its device shares its flows with others, by its scope"
	case filter.ClauseProtocol:
		return begin + "so is everything but TCP and UDP"
	case filter.ClauseOpening:
		return begin + "no single rule permits the first packet to all addresses"
	case filter.ClauseReturn:
		return begin + "no single rule of the other direction permits all ports to all addresses"
	case filter.ClauseEarlier:
		return "tracked, as it was before rules for all addresses permitted both directions"
	}
	return "not tracked: a rule for all addresses permits the first packet, and another one all " +
		"ports the other way"
}
