package daemon

import (
	"slices"
	"testing"

	"sgfw/conntrack"
)

// TestNewest: of many flows the youngest stay, in order.
func TestNewest(t *testing.T) {
	for limit, want := range map[int][]conntrack.Time{0: nil, 1: {9}, 3: {9, 7, 7},
		9: {9, 7, 7, 5, 2, 1}} {
		n := newest{limit: limit}
		for _, created := range []conntrack.Time{5, 7, 1, 9, 7, 2} {
			n.add(conntrack.FlowInfo{Created: created})
		}
		var got []conntrack.Time
		for _, f := range n.flows {
			got = append(got, f.Created)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the newest %d: %v, want %v", limit, got, want)
		}
	}
}
