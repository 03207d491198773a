package filter

import (
	"cmp"
	"container/heap"
	"slices"
)

// span is a range of selectors, inclusive, that one rule permits.
type span struct {
	lo, hi selector
	rule   RuleID
}

// flatten turns overlapping spans into disjoint ones in ascending order. Where
// several rules permit a selector the lowest id is kept: no rule has precedence
// (R4), it only makes the answer the same each time. The result
// has at most 2n-1 spans. The argument is reordered.
func flatten(spans []span) []span {
	if len(spans) <= 1 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.rule, b.rule))
	})
	// A sweep over the borders; open holds the spans begun and not yet ended,
	// the lowest rule on top. Ended ones are taken off when they surface.
	borders := make([]selector, 0, 2*len(spans))
	for _, s := range spans {
		borders = append(borders, s.lo, s.hi+1)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)

	var (
		out  []span
		open spanHeap
		next int
	)
	for i, at := range borders {
		for next < len(spans) && spans[next].lo == at {
			heap.Push(&open, spans[next])
			next++
		}
		for len(open) > 0 && open[0].hi < at {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			continue
		}
		// borders[i+1] exists: an open span ends at a later border.
		s := span{lo: at, hi: borders[i+1] - 1, rule: open[0].rule}
		if n := len(out); n > 0 && out[n-1].rule == s.rule && out[n-1].hi+1 == s.lo {
			out[n-1].hi = s.hi
		} else {
			out = append(out, s)
		}
	}
	return out
}

// spanHeap is a container/heap of spans, lowest rule first.
type spanHeap []span

func (h spanHeap) Len() int           { return len(h) }
func (h spanHeap) Less(i, j int) bool { return h[i].rule < h[j].rule }
func (h spanHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *spanHeap) Push(x any)        { *h = append(*h, x.(span)) }
func (h *spanHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// find returns the rule whose span holds s, or NoRule. spans are disjoint and
// ascending.
func find(spans []span, s selector) RuleID {
	lo, hi := 0, len(spans)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].lo <= s {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo < hi && spans[lo].lo <= s && s <= spans[lo].hi {
		return spans[lo].rule
	}
	return NoRule
}
