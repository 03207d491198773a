package filter

import (
	"fmt"

	"sgfw/conntrack"
	"sgfw/filter/match"
)

// Tally is one counter of an engine, by what it counts.
type Tally struct {
	Of    Identity
	Count uint64
	// Last is when it counted last, 0 where that is not known.
	Last conntrack.Time
}

// Tallies returns the counters of an engine that are not 0: hits of rules, packets by reason,
// what a full table cost each device, what the kernel carried, and what the flow table
// counted. With them are the ports that untracked connections could be opened to.
func (e *Engine) Tallies(x *Identities) []Tally {
	var out []Tally
	add := func(of Identity, n uint64, last conntrack.Time) {
		if of != 0 && n != 0 {
			out = append(out, Tally{Of: of, Count: n, Last: last})
		}
	}
	for n, h := range e.Hits(x.rs) {
		add(x.Rule(match.RuleNumber(n)), h.Packets, h.Last)
	}
	counts := e.Crossings()
	for _, r := range Reasons() {
		c := counts[r]
		add(tallyOfReason(r, courseNone), c.Packets-c.Ingress-c.Egress, 0)
		add(tallyOfReason(r, courseIngress), c.Ingress, 0)
		add(tallyOfReason(r, courseEgress), c.Egress, 0)
	}
	for _, a := range x.rs.Attachments() {
		add(tallyOfDevice(a.Device), a.Exceeded(), 0)
	}
	packets, bytes := e.Carried()
	add(tallyOfCarried("packets"), packets, 0)
	add(tallyOfCarried("bytes"), bytes, 0)
	for i, n := range e.flows.Totals() {
		add(tallyOfTable(i), n, 0)
	}
	return append(out, x.rs.past.Load().tallies()...)
}

// tallyOfReason is what packets with a reason and a course are counted by.
func tallyOfReason(r Reason, c course) Identity {
	switch c {
	case courseIngress:
		return identity("reason", r.String(), conntrack.Ingress.String())
	case courseEgress:
		return identity("reason", r.String(), conntrack.Egress.String())
	}
	return identity("reason", r.String())
}

func tallyOfDevice(device string) Identity { return identity("exceeded", device) }
func tallyOfCarried(what string) Identity  { return identity("carried", what) }
func tallyOfTable(counter int) Identity    { return identity("table", fmt.Sprint(counter)) }

// AddTallies adds what another engine had counted. What this one does not count, as a rule
// that is gone, is left out. Nothing is published meanwhile.
func (e *Engine) AddTallies(x *Identities, list []Tally) {
	if len(list) == 0 {
		return
	}
	of := make(map[Identity]Tally, len(list))
	for _, t := range list {
		of[t.Of] = t
	}
	x.rs.past.Store(x.rs.past.Load().with(openingsFrom(of)))
	w := e.NewWorker() // nobody else writes to its counters
	hits := *w.hits.Load()
	for n := range x.rules {
		if t, ok := of[x.rules[n]]; ok && x.rules[n] != 0 {
			hits.add(match.RuleNumber(n), t.Count, t.Last)
		}
	}
	for _, r := range Reasons() {
		for c := range courses {
			w.counts[c][r].Add(of[tallyOfReason(r, c)].Count)
		}
	}
	for _, a := range x.rs.Attachments() {
		a.exceeded.Add(of[tallyOfDevice(a.Device)].Count)
	}
	e.carried.packets.Add(of[tallyOfCarried("packets")].Count)
	e.carried.bytes.Add(of[tallyOfCarried("bytes")].Count)
	totals := e.flows.Totals()
	for i := range totals {
		totals[i] = of[tallyOfTable(i)].Count
	}
	e.flows.AddTotals(totals)
}
