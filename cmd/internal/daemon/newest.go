package daemon

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
)

// newest keeps the youngest of many flows, the youngest first. It is for one goroutine.
type newest struct {
	limit int // how many; 0 keeps none
	flows []conntrack.FlowInfo
}

// add takes note of a flow.
func (n *newest) add(f conntrack.FlowInfo) {
	i, _ := slices.BinarySearchFunc(n.flows, f, func(a, b conntrack.FlowInfo) int {
		return cmp.Compare(b.Created, a.Created)
	})
	if i >= n.limit {
		return
	}
	if len(n.flows) == n.limit {
		n.flows = n.flows[:n.limit-1]
	}
	n.flows = slices.Insert(n.flows, i, f)
}
