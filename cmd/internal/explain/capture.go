package explain

import (
	"fmt"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/query"
	"sgfw/conntrack"
	"sgfw/filter"
)

// SelectPackets understands a query for packets to capture, as [SelectVerdicts] does: it
// leaves none out that the terms do not. Errors match [ErrQuestion].
func SelectPackets(q api.CaptureQuery, rs *filter.Ruleset) (filter.Selection, error) {
	s := filter.Selection{Reasons: filter.Everything}
	terms, err := termsOf(q.Where, query.OfVerdicts)
	if err != nil {
		return s, err
	}
	for _, t := range terms {
		if err := selectTerm(&s, t, rs); err != nil {
			return s, err
		}
	}
	if s.Reasons == 0 {
		return s, fmt.Errorf("%w: no verdict can be of this kind", ErrQuestion)
	}
	return s, nil
}

// Captured is the document of a packet that was met at a time. Names are those of devices by
// their index.
func (w *Recorder) Captured(x *filter.Sight, at time.Time,
	names func(uint32) string) api.CapturePart {
	verdict := w.Record(&x.Record, at)
	doc := api.CapturePart{Type: api.CapturePacket, Verdict: &verdict, In: names(x.In),
		Out: names(x.Out), Hook: uint8(x.Hook), Bridged: x.Bridged, Info: x.Info,
		Before: stateName(x.Before), After: stateName(x.After), Ruleset: x.Generation, Data: x.Bytes}
	return doc
}

// stateName is the name of a flow's state, "" for no flow.
func stateName(s conntrack.State) string {
	if s == 0 {
		return ""
	}
	return s.String()
}
