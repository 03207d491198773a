package filter

import (
	"iter"
	"slices"
	"sync/atomic"

	"sgfw/conntrack"
	"sgfw/filter/match"
)

// Hits is how often a rule admitted a packet that no flow covered: the first
// packets of flows and, where nothing is tracked, each packet.
type Hits struct {
	Packets uint64
	// Last is when the latest of them came; meaningless while Packets is 0.
	Last conntrack.Time
}

const (
	// hitChunk is how many rules share one allocation of counters.
	hitChunk = 256
	// hitRuns is how many different rules in a row a batch remembers before it
	// counts them.
	hitRuns = 16
)

// hitCounter is written by its worker alone.
type hitCounter struct {
	packets atomic.Uint64
	last    atomic.Int64
}

// hitCounters are a worker's counters by rule number. They grow by whole chunks and
// keep those that they have, so that a worker that still holds the shorter list
// counts into the same places.
type hitCounters []*[hitChunk]hitCounter

func (h hitCounters) at(id match.RuleNumber) *hitCounter { return &h[id/hitChunk][id%hitChunk] }

// add counts packets that a rule admitted.
func (h hitCounters) add(id match.RuleNumber, packets uint64, now conntrack.Time) {
	c := h.at(id)
	c.packets.Add(packets)
	c.last.Store(int64(now))
}

// hitRun is a rule that admitted n packets in a row.
type hitRun struct {
	rule match.RuleNumber
	n    uint32
}

// makeRoom has counters for every rule of rs. It is called before rs is
// published, by one goroutine at a time.
func (w *Worker) makeRoom(rs *Ruleset) {
	var have hitCounters
	if p := w.hits.Load(); p != nil {
		have = *p
	}
	want := (len(rs.rules) + hitChunk - 1) / hitChunk
	if want <= len(have) {
		return
	}
	grown := slices.Clone(have)
	for len(grown) < want {
		grown = append(grown, new([hitChunk]hitCounter))
	}
	w.hits.Store(&grown)
}

// hit notes that a rule admitted a packet.
func (w *Worker) hit(id match.RuleNumber) {
	if n := w.runs; n > 0 && w.run[n-1].rule == id {
		w.run[n-1].n++
		return
	}
	if w.runs == hitRuns {
		w.countHits()
	}
	w.run[w.runs] = hitRun{rule: id, n: 1}
	w.runs++
}

// forget sets the counters of a rule to zero that the worker's ruleset does not have.
func (w *Worker) forget(id match.RuleNumber) {
	if counters := *w.hits.Load(); int(id) < len(counters)*hitChunk {
		c := counters.at(id)
		c.packets.Store(0)
		c.last.Store(0)
	}
}

// countHits adds what was noted to the counters.
func (w *Worker) countHits() {
	counters := *w.hits.Load()
	for _, r := range w.run[:w.runs] {
		c := counters.at(r.rule)
		c.packets.Add(uint64(r.n))
		c.last.Store(int64(w.now))
	}
	w.runs = 0
}

// Hits adds up what the rules of rs admitted since the engine was made, by rule number.
// They belong to a rule's identity: a rule that leaves the policy and comes
// back goes on where it was. Where several rules permit a packet one of them is
// counted, always the same for the same ruleset.
func (e *Engine) Hits(rs *Ruleset) []Hits {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Hits, len(rs.rules))
	for _, w := range e.workers {
		counters := *w.hits.Load()
		for id := range min(len(out), hitChunk*len(counters)) {
			c := counters.at(match.RuleNumber(id))
			if n := c.packets.Load(); n > 0 {
				out[id].Packets += n
				out[id].Last = max(out[id].Last, conntrack.Time(c.last.Load()))
			}
		}
	}
	return out
}

// Rules iterates over the rules by id: those of the policy and those that were
// part of an earlier one.
func (rs *Ruleset) Rules() iter.Seq2[match.RuleNumber, RuleInfo] {
	return func(yield func(match.RuleNumber, RuleInfo) bool) {
		for id := 1; id < len(rs.rules); id++ {
			if !yield(match.RuleNumber(id), rs.rules[id]) {
				return
			}
		}
	}
}
