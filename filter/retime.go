package filter

import "sgfw/conntrack"

// Retime gives flows that wait for no packet the idle timers of the ruleset in
// force where these are shorter than what the flows began with: each lives at most
// its new timer from now on (T20). A packet applies them by itself,
// longer ones included. It returns how many flows it shortened. It walks the whole
// table.
func (e *Engine) Retime() (shortened int) {
	timeouts := make(map[conntrack.Scope]conntrack.Timeouts)
	for _, l := range e.Ruleset().links.all {
		a := l.attachment
		if a == nil {
			continue
		}
		// Any device of a shared scope may see the next packet.
		t := timeouts[a.Scope]
		t.Established = max(t.Established, a.timeouts.Established)
		t.HalfClosed = max(t.HalfClosed, a.timeouts.HalfClosed)
		t.UDP = max(t.UDP, a.timeouts.UDP)
		t.UDPStream = max(t.UDPStream, a.timeouts.UDPStream)
		timeouts[a.Scope] = t
	}
	now := e.clock()
	e.flows.Range(now, func(f conntrack.FlowInfo) bool {
		t, ok := timeouts[f.Tuple.Scope()]
		if f.Untracked {
			t = t.Untracked()
		}
		if ok && e.flows.Shorten(&f, &t, now) {
			shortened++
		}
		return true
	})
	return shortened
}
