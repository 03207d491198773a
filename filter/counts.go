package filter

import "sgfw/conntrack"

// course is the way of a packet at the interface that decided about it. It indexes
// counters.
type course uint8

const (
	// courseNone is that of a packet which no interface was asked about, or whose direction
	// an earlier process did not count.
	courseNone course = iota
	courseIngress
	courseEgress
	// courses bounds arrays that are indexed by course.
	courses
)

// courseOf is the course of a crossing.
func courseOf(d conntrack.Direction) course { return courseIngress + course(d&1) }

// course is that of the packet which the verdict is about.
func (v *Verdict) course() course {
	if v.Scope == 0 {
		return courseNone
	}
	return courseOf(v.Direction)
}

// Counts is how many packets were decided for each reason.
type Counts map[Reason]uint64

// Counts adds up what all workers decided. Reasons that no packet had are left out.
func (e *Engine) Counts() Counts {
	out := make(Counts)
	for r, n := range e.Crossings() {
		out[r] = n.Packets
	}
	return out
}

// Crossings is a number of packets, and how many of them were decided about as they entered
// or left what an interface protects. No interface was asked about the rest, or an earlier
// process did not count that. A packet that crosses two is counted once, at the one that
// decided last.
type Crossings struct{ Packets, Ingress, Egress uint64 }

// Crossings is Counts with the directions of the packets.
func (e *Engine) Crossings() map[Reason]Crossings {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[Reason]Crossings)
	for _, w := range e.workers {
		for r := range Reason(reasonCount) {
			var n Crossings
			n.Ingress, n.Egress = w.counts[courseIngress][r].Load(), w.counts[courseEgress][r].Load()
			if n.Packets = w.counts[courseNone][r].Load() + n.Ingress + n.Egress; n.Packets > 0 {
				c := out[r]
				out[r] = Crossings{c.Packets + n.Packets, c.Ingress + n.Ingress, c.Egress + n.Egress}
			}
		}
	}
	return out
}
