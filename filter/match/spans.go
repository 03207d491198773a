package match

import (
	"cmp"
	"container/heap"
	"slices"
)

// Span is a range of selectors, inclusive, that one rule permits.
type Span struct {
	Lo, Hi Selector
	Rule   RuleNumber
}

// Flatten turns overlapping spans into disjoint ones in ascending order. Where
// several rules permit a selector the lowest id is kept: no rule has precedence
// (R4), it only makes the answer the same each time. The result
// has at most 2n-1 spans. The argument is reordered.
func Flatten(spans []Span) []Span {
	if len(spans) <= 1 {
		return spans
	}
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Rule, b.Rule))
	})
	// A sweep over the borders; open holds the spans begun and not yet ended,
	// the lowest rule on top. Ended ones are taken off when they surface.
	borders := make([]Selector, 0, 2*len(spans))
	for _, s := range spans {
		borders = append(borders, s.Lo, s.Hi+1)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)

	var (
		out  []Span
		open spanHeap
		next int
	)
	for i, at := range borders {
		for next < len(spans) && spans[next].Lo == at {
			heap.Push(&open, spans[next])
			next++
		}
		for len(open) > 0 && open[0].Hi < at {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			continue
		}
		// borders[i+1] exists: an open span ends at a later border.
		s := Span{Lo: at, Hi: borders[i+1] - 1, Rule: open[0].Rule}
		if n := len(out); n > 0 && out[n-1].Rule == s.Rule && out[n-1].Hi+1 == s.Lo {
			out[n-1].Hi = s.Hi
		} else {
			out = append(out, s)
		}
	}
	return out
}

// spanHeap is a container/heap of spans, lowest rule first.
type spanHeap []Span

func (h spanHeap) Len() int           { return len(h) }
func (h spanHeap) Less(i, j int) bool { return h[i].Rule < h[j].Rule }
func (h spanHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *spanHeap) Push(x any)        { *h = append(*h, x.(Span)) }
func (h *spanHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// Find returns the rule whose span holds s, or NoRule. spans are disjoint and
// ascending.
func Find(spans []Span, s Selector) RuleNumber {
	lo, hi := 0, len(spans)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].Lo <= s {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo < hi && spans[lo].Lo <= s && s <= spans[lo].Hi {
		return spans[lo].Rule
	}
	return NoRule
}
