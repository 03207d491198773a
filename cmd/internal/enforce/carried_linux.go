package enforce

import (
	"context"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/filter/offload"
	"sgfw/policy"
)

// carryNew is how long the kernel carries on with a new flow before a packet of it is judged
// again, which is less than a quarter of any idle timer. Timers of idle flows are exact
// within that, or within the policy's lifetime.
const carryNew = 5 * time.Second

// collectEvery is how often the flow table hears of new flows that are carried, and
// collectProven of the others. collectLate is how late it may be.
const (
	collectEvery  = 2 * time.Second
	collectProven = 2 * collectEvery
	collectLate   = 500 * time.Millisecond
)

// carried is what the kernel carries on with.
type carried struct {
	mu     sync.Mutex // the sets and the worker are for one at a time
	sets   *offload.Sets
	worker *filter.Worker
	used   [2]offload.Usage // of flows that are proven, and of new ones
	// collected is when all sets were last read.
	collected time.Time
	// stale: the sets could not be emptied when the rules changed.
	stale bool
}

// carriedBy is how the kernel carries on with flows under these settings, with a flow table of
// a size that does not change.
func carriedBy(s policy.Settings, flows int) offload.Config {
	return offload.Config{
		Marks: offload.Marks(s.Offload.Mask()), Lifetime: s.Offload.Lifetime, Opening: carryNew,
		Flows: uint32(flows),
	}
}

// roomsOf are the rooms of the sets, which devices share.
func roomsOf(c offload.Config) (out filter.Rooms) {
	for carriage, k := range map[conntrack.Carriage]offload.Kind{
		conntrack.CarryOpening: offload.Opening, conntrack.CarryProven: offload.Proven,
	} {
		r := &out[carriage]
		r.Flows, r.Lifetime = c.Room(k)
	}
	return out
}

func newCarried(cfg offload.Config, table *nft.Table, w *filter.Worker) (*carried, error) {
	c := &carried{worker: w}
	var err error
	c.sets, err = offload.Open(nft.TableName, table, cfg, 0)
	return c, err
}

func (c *carried) close() { _ = c.sets.Close() }

// collect takes to the flow table what flows of a kind were carried, and ends the carriage of
// those whose time is nearly over.
func (c *carried) collect(kinds ...offload.Kind) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range kinds {
		margin := collectEvery + collectLate
		if k == offload.Proven {
			margin = collectProven + collectLate
		}
		// In one batch of the worker a change of the rules would wait for the whole.
		var seen []account
		used, err := c.sets.Collect(k, margin, func(p offload.Path, s offload.Seen) {
			if seen = append(seen, account{p, s}); len(seen) == accountBatch {
				c.account(seen)
				seen = seen[:0]
			}
		}, c.goesOn)
		c.account(seen)
		if k != offload.Answer {
			c.used[k] = used
		}
		if err != nil {
			return err
		}
	}
	if len(kinds) == len(allKinds) {
		c.collected = time.Now()
	}
	return nil
}

// account is what passed on one path.
type account struct {
	path offload.Path
	seen offload.Seen
}

// accountBatch is how much is accounted for at a time.
const accountBatch = 256

func (c *carried) account(list []account) {
	c.worker.Begin()
	defer c.worker.End()
	for _, a := range list {
		c.worker.Credit(pathOf(&a.path), conntrack.Seen(a.seen))
	}
}

// goesOn reports whether somebody is likely to use the flow of a path again.
func (c *carried) goesOn(p offload.Path) bool {
	c.worker.Begin()
	defer c.worker.End()
	return c.worker.GoesOn(pathOf(&p))
}

// pathOf is a path as the engine has it.
func pathOf(p *offload.Path) filter.Path {
	return filter.Path{In: p.In, Out: p.Out, Src: conntrack.AddrFrom(p.Src),
		Dst: conntrack.AddrFrom(p.Dst), SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto}
}

// end takes flows back from the kernel, of each of which a path is given.
func (c *carried) end(flows []offload.Path) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var seen []account
	err := c.sets.End(flows, func(p offload.Path, s offload.Seen) {
		seen = append(seen, account{p, s})
	})
	c.account(seen)
	return err
}

// allKinds are the kinds of sets, those of new flows first.
var allKinds = []offload.Kind{offload.Opening, offload.Answer, offload.Proven}

// judgeAgain has a packet of every flow judged by what is in force now: what is sent after
// it returned does not ride on what was before. Where that fails, for the table is damaged or
// the kernel has no memory, FollowCarried tries again.
func (e *Enforcer) judgeAgain() {
	if e.carried == nil {
		return
	}
	if err := e.carried.flush(); err != nil {
		e.log.Error("flows that the kernel carries could not be taken back", "error", err)
	}
}

// Refresh has the flow table know what the kernel has carried until now.
func (e *Enforcer) Refresh() {
	if e.carried != nil && e.carried.due() {
		_ = e.carried.collect(allKinds...) // FollowCarried says what is wrong
	}
}

// tellCarried has the flow table know what was carried under the rules in force, before others
// take their place: where the scope of a device changes the same counts are another flow's.
func (e *Enforcer) tellCarried() {
	if e.carried != nil {
		_ = e.carried.collect(allKinds...) // FollowCarried says what is wrong
	}
}

// refreshPause is the least pause between two refreshes that somebody asks for: a million
// flows take a second.
const refreshPause = 100 * time.Millisecond

// due reports whether the last complete collection is long enough ago.
func (c *carried) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.collected) >= refreshPause
}

// status is the document of what is carried.
func (c *carried) status(e *filter.Engine, o policy.Offload) *api.OffloadStatus {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &api.OffloadStatus{
		Flows: (c.used[0].Elements + 1) / 2, Max: c.used[0].Size / 2,
		Opening: (c.used[1].Elements + 1) / 2, MaxOpening: c.used[1].Size / 2,
	}
	out.Packets, out.Bytes = e.Carried()
	out.NoRoom = e.NoRoom()
	all := uint64(0)
	for _, n := range e.Counts() { // carried packets are among them
		all += n
	}
	if all > 0 {
		out.Percent = int(100 * out.Packets / all)
	}
	out.MarkBits = []int{int(o.MarkBits[0]), int(o.MarkBits[1])}
	out.Lifetime = int(o.Lifetime / time.Second)
	return out
}

// flush takes everything back from the kernel.
func (c *carried) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var seen []account
	err := c.sets.Flush(func(p offload.Path, s offload.Seen) {
		if seen = append(seen, account{p, s}); len(seen) == accountBatch {
			c.account(seen)
			seen = seen[:0]
		}
	})
	c.account(seen)
	c.stale = err != nil
	return err
}

// unflushed reports whether the last flush failed.
func (c *carried) unflushed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale
}

// FollowCarried is the task that takes to the flow table what the kernel carries. It
// returns when ctx ends.
func (e *Enforcer) FollowCarried(ctx context.Context) error {
	if e.carried == nil {
		return nil
	}
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	failing := false
	var resets resets
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		kinds := allKinds
		if n%int(collectProven/collectEvery) != 0 {
			kinds = allKinds[:2]
		}
		err := e.carried.collect(kinds...)
		if err != nil && !failing && ctx.Err() == nil {
			e.log.Warn("reading what the kernel carries failed", "error", err)
		}
		failing = err != nil
		if e.carried.unflushed() {
			e.judgeAgain()
		}
		gone := resets.follow(e.engine)
		if len(gone) == 0 {
			continue
		}
		if err := e.carried.end(gone); err != nil {
			e.log.Warn("connections that were reset are still carried", "error", err)
		}
	}
}
