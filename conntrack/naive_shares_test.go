package conntrack

import (
	"cmp"
	"slices"
)

// naiveShares are guarantees by kind, "" for flows of any kind, and by scope.
type naiveShares map[string]map[Scope]int

// naiveKinds have a limit each; of two with as many flows the earlier one makes room.
var naiveKinds = []string{"query", "datagram", "closed", "half-open", "other", "stream"}

// limit is how many flows of a kind there may be, of any kind for "".
func (w *naiveTable) limit(kind string) int {
	switch kind {
	case "":
		return w.maxFlows
	case "half-open":
		return w.maxHalfOpen
	}
	return max(1, w.maxFlows/2)
}

// counts counts the flows of a kind by scope.
func (w *naiveTable) counts(kind string) map[Scope]int {
	n := map[Scope]int{}
	for k, f := range w.flows {
		if kind == "" || f.kind() == kind {
			n[k.Scope()]++
		}
	}
	return n
}

func (w *naiveTable) count(kind string) (sum int) {
	for _, n := range w.counts(kind) {
		sum += n
	}
	return sum
}

// taken is what is in use or set aside when scopes have so many flows of a kind.
func (w *naiveTable) taken(kind string, flows map[Scope]int) (sum int) {
	for scope := Scope(1); scope <= 3; scope++ {
		sum += max(flows[scope], w.shares[kind][scope])
	}
	return sum
}

// guarantee gives the scopes 1, 2 and 3 their guarantees.
func (w *naiveTable) guarantee(flows [4]int) {
	for _, kind := range append([]string{""}, naiveKinds...) {
		if w.shares[kind] == nil {
			w.shares[kind] = map[Scope]int{}
		}
		share, have := w.shares[kind], w.counts(kind)
		want := func(n Scope) int { return min(flows[n], w.maxFlows) * w.limit(kind) / w.maxFlows }
		for n := Scope(1); n <= 3; n++ {
			share[n] = min(share[n], want(n))
		}
		for n := Scope(1); n <= 3; n++ {
			for share[n] < want(n) {
				share[n]++
				if w.taken(kind, have) > w.limit(kind) && have[n] < share[n] {
					share[n]--
					break
				}
			}
		}
	}
}

// makeRoomOfKind keeps the limit of a kind when more flows of a scope join it, and
// reports whether there is room.
func (w *naiveTable) makeRoomOfKind(scope Scope, kind string, old *naiveFlow, more int) bool {
	flows := w.counts(kind)
	flows[scope] += more
	if flows[scope] <= w.shares[kind][scope] || w.taken(kind, flows) <= w.limit(kind) {
		return true
	}
	victim, most := Scope(0), 0
	for _, n := range []Scope{scope, 1, 2, 3} {
		beyond := flows[n] - w.shares[kind][n]
		if beyond > most && w.oldest(n, kind, old) != nil {
			victim, most = n, beyond
		}
	}
	return most > 0 && w.evict(victim, kind, old)
}

// makeRoom applies the limits before a flow of a kind joins, which may take the place of
// old, and reports whether there is room.
func (w *naiveTable) makeRoom(scope Scope, kind string, old *naiveFlow) bool {
	if old == nil || old.kind() != kind {
		if !w.makeRoomOfKind(scope, kind, old, 1) {
			return false
		}
	}
	flows := w.counts("")
	flows[scope]++
	if old != nil || flows[scope] <= w.shares[""][scope] || w.taken("", flows) <= w.maxFlows {
		return true
	}
	size := func(n Scope, k string) int { // with the one that wants to join
		if n == scope && k == kind {
			return w.counts(k)[n] + 1
		}
		return w.counts(k)[n]
	}
	victim, most := Scope(0), 0
	for _, n := range []Scope{scope, 1, 2, 3} {
		movable := 0
		for _, k := range naiveKinds {
			if w.oldest(n, k, nil) != nil {
				movable += size(n, k)
			}
		}
		if m := min(movable, flows[n]-w.shares[""][n]); m > most {
			victim, most = n, m
		}
	}
	kinds := slices.Clone(naiveKinds)
	slices.SortStableFunc(kinds, func(a, b string) int {
		return cmp.Compare(size(victim, b), size(victim, a))
	})
	evict := func(k string) bool { return w.evict(victim, k, nil) }
	return most > 0 && slices.ContainsFunc(kinds, evict)
}

// oldest returns the tuple of the flow of a scope that became one of the kind first, other
// than keep; nil if there is none.
func (w *naiveTable) oldest(scope Scope, kind string, keep *naiveFlow) (found *Tuple) {
	for k, f := range w.flows {
		if k.Scope() == scope && f != keep && f.kind() == kind &&
			(found == nil || f.entered < w.flows[*found].entered) {
			found = &k
		}
	}
	return found
}

// evict removes the oldest flow of a kind and reports whether there was one.
func (w *naiveTable) evict(scope Scope, kind string, keep *naiveFlow) bool {
	key := w.oldest(scope, kind, keep)
	if key == nil {
		return false
	}
	state := w.flows[*key].state
	delete(w.flows, *key)
	switch {
	case kind == "half-open":
		w.stats.EvictedHalfOpen++
	case kind == "closed":
		w.stats.EvictedClosed++
	case state == StateUnreplied:
		w.stats.EvictedUnreplied++
	default:
		w.stats.EvictedAnswered++
	}
	return true
}
