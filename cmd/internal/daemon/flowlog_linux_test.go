package daemon

import (
	"slices"
	"testing"
	"time"

	"sgfw/filter"
	windows "sgfw/filter/flowlog"
	"sgfw/policy"
	"sgfw/policy/flowlog"
	"sgfw/policy/member"
)

// TestFlowLogWindowEnds: a window ends with its interval, and when the clock is set back to
// before it; not for a step back within it.
func TestFlowLogWindowEnds(t *testing.T) {
	l := &logging{settings: policy.FlowLog{Traffic: policy.TrafficAll, Interval: time.Minute}}
	const begin = 1000*60 + 10
	l.open(begin)
	for now, want := range map[int64]bool{begin: false, begin + 49: false, begin + 50: true,
		begin + 5000: true, begin - 1: true, begin - 3600: true} {
		if got := l.over(now); got != want {
			t.Errorf("%d s after its begin: %t, want %t", now-begin, got, want)
		}
	}
	l.open(begin - 3600)
	if l.over(begin-3600+49) || !l.over(begin-3600+50) {
		t.Error("the window after the step does not end with its interval")
	}
}

// TestFlowLogKnowsWhatWent: the window has a line for a device that came and went in it.
func TestFlowLogKnowsWhatWent(t *testing.T) {
	p := &policy.Policy{Groups: []policy.Group{{Name: "g"}}, Quotas: policy.DefaultQuotas,
		Settings: policy.DefaultSettings}
	for _, name := range []string{"eth0", "veth0"} {
		p.Interfaces = append(p.Interfaces, policy.Interface{Device: name, Groups: []string{"g"},
			Timeouts: policy.DefaultTimeouts})
	}
	none := filter.Compile(p, nil)
	alone := none.WithLinks([]member.Link{{Name: "eth0", Index: 2}})
	both := alone.WithLinks([]member.Link{{Name: "eth0", Index: 2}, {Name: "veth0", Index: 3}})
	l := &logging{settings: policy.FlowLog{Traffic: policy.TrafficAll, Interval: time.Minute}}
	devices := func(end *filter.Ruleset) (out []string) {
		s := windows.SceneOf(end)
		for _, r := range l.window.Close(&s, windows.Clock{Wall: time.Unix(60, 0)}) {
			if r.Status == flowlog.NoData {
				out = append(out, r.Device)
			}
		}
		slices.Sort(out)
		return out
	}
	l.open(0)
	for _, rs := range []*filter.Ruleset{alone, both, alone} {
		l.look(rs)
	}
	if got := devices(alone); !slices.Equal(got, []string{"eth0", "veth0"}) {
		t.Errorf("%v", got)
	}
	l.open(60)
	l.look(alone)
	if got := devices(none); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("the next window: %v", got)
	}
}
