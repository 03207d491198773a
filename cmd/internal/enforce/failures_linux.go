package enforce

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/filter/offload"
	"sgfw/policy"
)

// How often FollowFailures looks, and after how many looks at which nothing was lost or passed
// a failure is over.
const (
	failuresEvery = time.Second
	failuresCalm  = 3
)

// failures is what becomes of packets that nobody decides about, and of flows without room.
// stuck and overloaded are fixed at the start.
type failures struct {
	stuck, overloaded policy.FailAction
	// patience is how long queues may stand still.
	patience time.Duration
	// refused is why what the policy accepts is dropped, "" if it is not.
	refused string

	mu       sync.Mutex
	unserved bool
	faint    bool // the last pulse failed
	causes   [3]cause
}

// cause is what came of one cause.
type cause struct {
	name string
	// seen is what the counter said at the last look; packets are those since the start.
	seen, packets uint64
	active        bool
	times         uint64
	calm          int
}

// begin takes what the policy says at the start.
func (f *failures) begin(s policy.Settings, patience time.Duration, have nft.Facts) {
	f.stuck, f.overloaded, f.patience = s.OnStuck, s.OnOverloaded, patience
	if f.marks(s) != 0 && !have.CanOwn {
		f.stuck, f.overloaded = policy.FailDrop, policy.FailDrop
		f.refused = "settings.on_failure: this kernel cannot tell what passes without a verdict, " +
			"which stuck: accept and overloaded: accept need (Linux 5.12): it is dropped"
	}
	for i, name := range []string{"stuck", "overloaded", "table_full"} {
		f.causes[i].name = name
	}
}

// marks are those of verdicts, by which packets without one are told; none where all of those
// are dropped.
func (f *failures) marks(s policy.Settings) offload.Marks {
	if f.needMarks() {
		return offload.Marks(s.Offload.Mask())
	}
	return 0
}

// needMarks reports whether verdicts have marks also where nothing is carried.
func (f *failures) needMarks() bool {
	return f.stuck == policy.FailAccept || f.overloaded == policy.FailAccept
}

// plan puts what is to become of packets into the plan of a table.
func (f *failures) plan(p *nft.Plan, s policy.Settings) {
	if p.Offload.Marks == 0 {
		p.Offload.Marks = f.marks(s)
	}
	p.Overloaded = f.overloaded
	if f.stuck == policy.FailAccept {
		p.Stuck = f.patience
	}
}

// Served says that every queue is served. Where packets pass while none is, the kernel has to
// hear it again within [Config].Patience.
func (e *Enforcer) Served() {
	f := &e.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unserved = false
	if f.stuck != policy.FailAccept {
		return
	}
	err := e.table.Pulse(f.patience)
	if err != nil && !f.faint {
		e.log.Warn("the kernel cannot be told that packets are judged", "error", err)
	}
	f.faint = err != nil
}

// Unserved says that a queue stands still.
func (e *Enforcer) Unserved() {
	e.failures.mu.Lock()
	defer e.failures.mu.Unlock()
	e.failures.unserved = true
}

// FollowFailures is the task that notes when a failure begins, and when it is over. It returns
// when ctx ends.
func (e *Enforcer) FollowFailures(ctx context.Context) error {
	tick := time.NewTicker(failuresEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if e.lookForFailures() {
			e.cfg.Events.Health()
		}
	}
}

// countFailures has what the counters say now, of an earlier daemon, be none of this one's.
func (e *Enforcer) countFailures() {
	f := &e.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, n := range e.lost() {
		f.causes[i].seen = n
	}
}

// lost counts the packets of each cause.
func (e *Enforcer) lost() (out [3]uint64) {
	if e.failures.needMarks() {
		counters, _ := e.table.Counters() // of a damaged table there are none, which is told
		out[0] = counters[offload.CounterStuck].Packets
		out[1] = counters[offload.CounterOverloaded].Packets
	}
	for _, q := range e.queues.status() {
		out[1] += q.KernelDropped + q.UserDropped
	}
	counts := e.engine.Counts()
	out[2] = counts[filter.ReasonTableFull] + counts[filter.ReasonNoRoom]
	return out
}

// lookForFailures logs what has begun or ended, and reports whether anything has.
func (e *Enforcer) lookForFailures() (changed bool) {
	settings, lost := e.Settings(), e.lost()
	f := &e.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.causes {
		c := &f.causes[i]
		grew := c.count(lost[i]) || i == 0 && f.unserved
		switch {
		case grew && !c.active:
			c.active, c.times = true, c.times+1
			e.log.LogAttrs(context.Background(), slog.LevelWarn, "failure: "+c.name,
				slog.String("packets", becomes(f.action(i, settings))))
		case c.active && !grew && c.calm >= failuresCalm:
			c.active = false
			e.log.Info("failure is over: "+c.name, "packets", c.packets,
				"action", f.action(i, settings).String())
		default:
			if c.calm++; grew {
				c.calm = 0
			}
			continue
		}
		c.calm, changed = 0, true
	}
	return changed
}

// count adds what a counter says to the packets, and reports whether that is anything. A
// counter may have begun anew.
func (c *cause) count(now uint64) bool {
	more := now - c.seen
	if now < c.seen {
		more = now
	}
	c.seen, c.packets = now, c.packets+more
	return more > 0
}

// becomes is an action in words.
func becomes(a policy.FailAction) string {
	if a == policy.FailAccept {
		return "pass"
	}
	return "are dropped"
}

// action is what becomes of the packets of a cause.
func (f *failures) action(cause int, s policy.Settings) policy.FailAction {
	return [...]policy.FailAction{f.stuck, f.overloaded, s.OnTableFull}[cause]
}

// degraded says what passes that nobody has decided about.
func (f *failures) degraded(s policy.Settings) (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused != "" {
		out = append(out, f.refused)
	}
	for i := range f.causes {
		c := &f.causes[i]
		if !c.active || f.action(i, s) != policy.FailAccept {
			continue
		}
		what := "whatever the rules say"
		if i == 2 {
			what = "untracked where rules permit them"
		}
		out = append(out, fmt.Sprintf("%s: packets pass %s (settings.on_failure)", c.name, what))
	}
	return out
}

// status is the document of each cause.
func (f *failures) status(s policy.Settings) []api.FailureStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]api.FailureStatus, 0, len(f.causes))
	for i, c := range f.causes {
		out = append(out, api.FailureStatus{Cause: c.name, Action: f.action(i, s).String(),
			Active: c.active, Times: c.times, Packets: c.packets})
	}
	return out
}
