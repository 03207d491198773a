package enforce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/state"
	"sgfw/conntrack"
	"sgfw/conntrack/keep"
	"sgfw/filter"
	"sgfw/filter/match"
)

const (
	// keepEvery is how old the flows on file are at most, while writing them takes less than a
	// tenth of that.
	keepEvery = time.Second
	// keepRest is how many times as long as it wrote the task rests at least.
	keepRest = 9
	// keepTries is how often flows are written again because the rules changed meanwhile.
	keepTries = 3
)

// kept is how flows outlive the process. The zero value keeps nothing.
type kept struct {
	path string

	mu     sync.Mutex
	origin keep.Origin
	file   *state.Volatile
	writer *keep.Writer
	names  *filter.Identities
	ending keep.Ending
	since  time.Time
	// unused, unkept and taken are what status tells.
	unused, unkept string
	taken          *api.KeptFlows
	// closed is true from the end of the last pass on.
	closed bool
}

// bootClock is the time since the boot when it was made, and goes on without suspensions: so
// flows that begin before a process have an age.
func bootClock() func() conntrack.Time {
	boot, err := state.Steady()
	if err != nil {
		boot = 0
	}
	start := time.Now()
	return func() conntrack.Time { return conntrack.Time(boot + time.Since(start)) }
}

// sinceIdentity names when counting began, among the counters.
const sinceIdentity keep.ID = 1

// blocksOf is how many blocks the flows of a table can take, and counters: twice as many as
// full slabs, and a slab begun for each lane of each shard.
func blocksOf(maxFlows int) uint32 {
	return uint32(min(4*maxFlows/conntrack.SlabFlows, 1<<28) + 64*conntrack.Lanes + 4096)
}

// clocks reads both clocks.
func (e *Enforcer) clocks() (keep.Clocks, error) {
	boot, err := state.Steady()
	return keep.Clocks{Table: e.engine.Now(), Boot: boot}, err
}

// errClosed is why nothing goes on where nothing may pass.
var errClosed = errors.New("the devices are closed for want of a policy")

// takeFlows takes over the flows that an earlier daemon left, before packets come. Where the
// devices are closed for want of a policy there are none.
func (e *Enforcer) takeFlows(rs *filter.Ruleset) {
	k := &e.kept
	if k.path == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.since = time.Now()
	now, err := state.Now()
	if err == nil {
		k.origin = keep.Origin{Boot: now.Boot, Network: fmt.Sprint("net:", process.Own().Inode)}
		err = e.take(rs)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	k.unused = err.Error()
	e.log.Warn("beginning without the flows of an earlier daemon", "file", k.path, "why", err)
}

// take is takeFlows with mu held.
func (e *Enforcer) take(rs *filter.Ruleset) error {
	k := &e.kept
	f, err := state.OpenVolatile(k.path)
	if err != nil {
		return err
	}
	defer f.Close()
	e.mu.Lock()
	closed := e.mu.standIn.closed
	e.mu.Unlock()
	if closed {
		return errClosed
	}
	at, err := e.clocks()
	if err != nil {
		return err
	}
	left, err := keep.Read(bufio.NewReaderSize(f, 1<<18), k.origin, at.Boot, blocksOf(e.maxFlows))
	if err != nil {
		return err
	}
	k.names = rs.Identities(nil)
	scopes := k.names.Attached()
	got, counters := left.Restore(e.engine.Flows(), at, keep.Numbers{
		Scope: func(id keep.ID) (conntrack.Scope, bool) {
			n, ok := scopes[filter.Identity(id)]
			return n, ok
		},
		Rule: func(id keep.ID) uint32 { return uint32(k.names.FindRule(filter.Identity(id))) },
	})
	var tallies []filter.Tally
	for _, c := range counters {
		if c.ID == sinceIdentity {
			if since := time.Unix(0, int64(c.Value)); since.Before(k.since) {
				k.since = since
			}
			continue
		}
		tallies = append(tallies, filter.Tally{Of: filter.Identity(c.ID), Count: c.Value, Last: c.Last})
	}
	e.engine.AddTallies(k.names, tallies)
	e.engine.Retime()
	k.taken = &api.KeptFlows{
		Age: left.Age.Milliseconds(), Ending: left.Ending.String(), Restored: got.Restored,
		Expired: got.Over, Gone: got.Gone, Impossible: got.Impossible, Full: got.Full,
		Replaced: got.Replaced, DamagedBlocks: got.Damaged,
	}
	log := e.log.Info
	if got.Left()+got.Damaged > 0 {
		log = e.log.Warn
	}
	log("flows of an earlier daemon go on", "restored", got.Restored, "expired", got.Over,
		"gone", got.Gone, "impossible", got.Impossible, "full", got.Full, "replaced", got.Replaced,
		"damaged_blocks", got.Damaged, "age", left.Age.Round(time.Millisecond), "ending", left.Ending)
	return nil
}

// FollowKept is the task that writes the flows to where they outlive the process. It returns
// when ctx ends.
func (e *Enforcer) FollowKept(ctx context.Context) error {
	if e.kept.path == "" {
		return nil
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		begun := time.Now()
		e.keepFlows()
		took := time.Since(begun)
		pause.Reset(max(keepEvery-took, keepRest*took))
	}
}

// keepFlows writes what has changed about flows. What fails is told once.
func (e *Enforcer) keepFlows() {
	k := &e.kept
	if k.path == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	was := k.unkept
	k.unkept = ""
	if err := e.saveFlows(); err != nil {
		k.unkept = err.Error()
		if was == "" {
			e.log.Warn("flows cannot be kept: those of now end with the daemon", "error", err)
		}
	}
}

// saveFlows is keepFlows with the lock held.
func (e *Enforcer) saveFlows() (err error) {
	k := &e.kept
	if k.writer == nil {
		if k.file, err = state.CreateVolatile(k.path); err != nil {
			return err
		}
		k.writer = keep.NewWriter(k.file, e.engine.Flows(), k.origin, blocksOf(e.maxFlows))
	}
	for range keepTries {
		rs := e.engine.Ruleset()
		k.names = rs.Identities(k.names)
		at, err := e.clocks()
		if err != nil {
			return err
		}
		if _, err = k.writer.Save(at, keep.Names{
			Scope: func(n conntrack.Scope) keep.ID { return keep.ID(k.names.Scope(n)) },
			Rule:  func(n uint32) keep.ID { return keep.ID(k.names.Rule(match.RuleNumber(n))) },
		}, e.keptCounters(), k.ending); err != nil {
			return err
		}
		// Numbers may have gone to others with the rules.
		if e.engine.Ruleset() == rs {
			break
		}
	}
	return k.file.Install()
}

// keptCounters are the counters that go on.
func (e *Enforcer) keptCounters() []keep.Counter {
	list := e.engine.Tallies(e.kept.names)
	out := make([]keep.Counter, 0, 1+len(list))
	out = append(out, keep.Counter{ID: sinceIdentity, Value: uint64(e.kept.since.UnixNano())})
	for _, t := range list {
		out = append(out, keep.Counter{ID: keep.ID(t.Of), Value: t.Count, Last: t.Last})
	}
	return out
}

// ends notes how an ordered stop ends.
func (k *kept) ends(closed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ending = keep.EndingOpen; closed {
		k.ending = keep.EndingShut
	}
}

// leaveFlows writes the flows for the last time, when no packet changes them any more. A
// daemon whose start failed leaves those that it found.
func (e *Enforcer) leaveFlows() {
	k := &e.kept
	k.mu.Lock()
	begun := k.writer != nil && !k.closed
	k.mu.Unlock()
	if !begun {
		return
	}
	e.keepFlows()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if err := k.file.Close(); err != nil {
		e.log.Warn("closing the file of flows failed", "error", err)
	}
}

// CountedSince is when the counters began, started where none were taken over.
func (e *Enforcer) CountedSince(started time.Time) time.Time {
	k := &e.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.taken == nil {
		return started
	}
	return k.since
}

// status is the document of what is kept.
func (k *kept) status() *api.KeptStatus {
	if k.path == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return &api.KeptStatus{File: k.path, Since: k.since.UTC(), Error: k.unkept, Unused: k.unused,
		Taken: k.taken}
}
