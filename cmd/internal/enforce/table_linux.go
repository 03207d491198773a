package enforce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
)

// repairEvery is the pause between two looks at the table, and two tries to
// repair it.
const repairEvery = 300 * time.Millisecond

// tableState is what is known of our table and of those who damage it.
type tableState struct {
	plan     nft.Plan
	broken   string // why the table could not be repaired, "" if it is whole
	repaired uint64
	// others is what other programs did; lines bounds what is logged of it.
	others  interferences
	lines   logLimiter
	breaker breaker
}

// repair puts the table right that somebody else altered; the caller holds mu.
func (e *Enforcer) repair() error {
	t := &e.mu.rules
	if err := e.table.Repair(t.plan); err != nil {
		t.broken = fmt.Sprintf("table inet %s was damaged and could not be repaired: %v", nft.TableName,
			err)
		return err
	}
	t.broken = ""
	t.repaired++
	return nil
}

// closeOrReset keeps the devices closed while damages go on, and opens them again
// when they have stopped. The caller holds mu; the breaker has tripped.
func (e *Enforcer) closeOrReset() error {
	t := &e.mu.rules
	if !t.breaker.calm(time.Now()) {
		return e.table.Bar(t.plan)
	}
	err := e.repair()
	if err == nil {
		err = e.table.Unbar()
	}
	if err == nil {
		t.breaker = breaker{}
		e.log.Info("the table was left alone: the devices are open again")
		e.cfg.Events.Health()
	}
	return err
}

// WatchTable is the task that hears of every change of the table by others and
// repairs it at once. It returns when ctx ends.
func (e *Enforcer) WatchTable(ctx context.Context) error {
	return e.table.Watch(ctx, e.tableChanged)
}

// tableChanged repairs the table that somebody else altered or removed.
func (e *Enforcer) tableChanged(c nft.Change) {
	if e.damaged(c) {
		// The next look can wait: the devices are closed.
		time.Sleep(breakerPause)
	}
}

// damaged answers a damage and tells whether the devices are closed because of it.
func (e *Enforcer) damaged(c nft.Change) (tripped bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopping {
		return false
	}
	t := &e.mu.rules
	var err error
	before := t.breaker.tripped
	if t.breaker.damaged(time.Now()) {
		err = e.closeOrReset()
	} else if err = e.repair(); errors.Is(err, nft.ErrAltered) || errors.Is(err, nft.ErrMissing) {
		// It was damaged again while it was being repaired.
		t.breaker.tripped = true
		err = e.closeOrReset()
	}
	if t.breaker.tripped && !before {
		e.log.Error("another program damages the table again and again: the devices are closed until "+
			"it stops",
			"pid", c.PID, "process", c.Process)
	}
	t.others.note(api.Interference{What: c.Err.Error(), PID: c.PID, Process: c.Process, Port: c.Port})
	if ok, hidden := t.lines.allow(time.Now()); ok {
		log := e.log.With("damage", c.Err, "pid", c.PID, "process", c.Process, "netlink_port", c.Port)
		if hidden > 0 {
			log = log.With("unlogged_before", hidden)
		}
		switch {
		case err != nil:
			log.Error("table damaged by another program, repair failed", "error", err)
		case t.breaker.tripped:
			log.Warn("table damaged by another program")
		default:
			log.Warn("table damaged by another program and repaired")
		}
	}
	e.cfg.Events.Health()
	return t.breaker.tripped
}

// RepairTable is the task that tries again what could not be repaired at once, and
// looks for damage that the watch did not tell of. It returns when ctx ends.
func (e *Enforcer) RepairTable(ctx context.Context) error {
	tick := time.NewTicker(repairEvery)
	defer tick.Stop()
	last := look{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		last = e.lookForDamage(last)
		e.retry()
	}
}

// look is what one look at the table found.
type look struct {
	damaged  bool
	repaired uint64 // how many repairs there had been
}

// lookForDamage answers a damage that was there at the last look already. The watch is
// told at once: what is there for longer it does not see. What was repaired since the
// last look is another damage.
func (e *Enforcer) lookForDamage(last look) look {
	err := e.table.Verify()
	e.mu.Lock()
	now := look{err != nil, e.mu.rules.repaired}
	tripped := e.mu.rules.breaker.tripped
	e.mu.Unlock()
	if now.damaged && now == last && !tripped {
		e.damaged(nft.Change{Err: err})
	}
	return now
}

// retry tries again what could not be repaired.
func (e *Enforcer) retry() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopping {
		return
	}
	t := &e.mu.rules
	if t.breaker.tripped {
		if err := e.closeOrReset(); err != nil {
			e.log.Error("closing the devices failed", "error", err)
		}
	} else if t.broken != "" && e.repair() == nil {
		e.log.Info("the table is whole again")
		e.cfg.Events.Health()
	}
	if hidden := t.lines.unreported(time.Now()); hidden > 0 {
		e.log.Warn("more was done by other programs than is logged", "unlogged_before", hidden)
	}
}

// queueChanged closes the table while a queue cannot be had: whoever has bound its
// number gets the packets that the rules send there.
func (e *Enforcer) queueChanged(q *queue, what queueChange, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &e.mu.rules
	if e.mu.stopping || t.plan.QueueCount == 0 { // not started yet, or ended
		return
	}
	log := e.log.With("queue", q.number)
	if err != nil {
		log = log.With("error", err)
	}
	ok, hidden := t.lines.allow(time.Now())
	if hidden > 0 {
		log = log.With("unlogged_before", hidden)
	}
	switch what {
	case queueLost:
		t.others.note(api.Interference{What: err.Error()})
		if ok {
			log.Warn("a queue was taken away; binding it again")
		}
		return // a moment at most, during which its packets are dropped
	case queueMissing:
		culprit := api.Interference{What: err.Error()}
		if o, ok := errors.AsType[*nfqueue.OwnedError](err); ok {
			culprit.PID, culprit.Process, culprit.Port = o.PID, o.Command, o.PortID
		}
		t.others.note(culprit)
		log.Error("a queue cannot be bound again: the devices are closed until it can")
	case queueBound:
		if ok || t.plan.Closed {
			log.Info("the queue is bound again")
		}
	}
	if closed := e.queues.unbindable() != nil; closed != t.plan.Closed {
		t.plan.Closed = closed
		e.adjust()
	}
	e.cfg.Events.Health()
}

// adjust makes the table what the changed plan wants; the caller holds mu.
func (e *Enforcer) adjust() {
	t := &e.mu.rules
	if err := e.table.Apply(t.plan); err != nil {
		t.broken = fmt.Sprintf("table inet %s could not be adjusted: %v", nft.TableName, err)
		e.log.Error("the table could not be adjusted", "error", err)
	}
}
