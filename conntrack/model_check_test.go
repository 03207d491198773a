package conntrack

import (
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// checkShares compares what the scopes have, and checks what is promised whatever the
// naive table says.
func (m *model) checkShares(rt *rapid.T) {
	free := m.naive.maxFlows - m.naive.taken("", m.naive.counts(""))
	for n := Scope(1); n <= 3; n++ {
		flows, half := m.naive.counts("")[n], m.naive.counts("half-open")[n]
		has := m.naive.shares[""][n]
		want := Share{Flows: flows, HalfOpen: half, Guaranteed: has,
			Available: free + max(0, has-flows)}
		if got := m.table.Share(n); got != want {
			rt.Fatalf("scope %d has %+v, naive %+v", n, got, want)
		}
	}
}

// check compares everything.
func (m *model) check(rt *rapid.T) {
	seen := 0
	m.table.Range(m.now, func(got FlowInfo) bool {
		tf := m.naive.flows[got.Tuple]
		if tf == nil {
			rt.Fatalf("naive has no %+v", got)
		}
		if d := cmp.Diff(tf.info(got.Tuple), got, cmp.AllowUnexported(Tuple{})); d != "" {
			rt.Fatalf("flow differs (-naive +table):\n%s", d)
		}
		seen++
		return true
	})
	live := 0
	for _, f := range m.naive.flows {
		if m.now < f.deadline {
			live++
		}
	}
	if seen != live {
		rt.Fatalf("the table shows %d flows, naive has %d", seen, live)
	}
	if !m.swept {
		return
	}
	m.checkShares(rt)
	want := m.naive.stats
	want.MaxFlows, want.MaxHalfOpen = m.naive.maxFlows, m.naive.maxHalfOpen
	want.MaxUntracked = int(m.table.maxUntracked)
	want.Flows, want.HalfOpen = len(m.naive.flows), m.naive.count("half-open")
	want.States = m.naive.states()
	if d := cmp.Diff(want, m.table.Stats()); d != "" {
		rt.Fatalf("stats differ (-naive +table):\n%s", d)
	}
}
