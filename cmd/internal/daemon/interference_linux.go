package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
)

const (
	// mostRemembered bounds the memory of what other programs did.
	mostRemembered = 16
	// Of what another program does in a loop, so many lines are logged in a period;
	// the others are counted.
	linesPerPeriod = 5
	logPeriod      = 10 * time.Second
	// A program that damages the table so often in stormPeriod does it in a loop: no
	// repair lasts, so the devices are closed until the table was left alone for as
	// long. Meanwhile it is looked at every stormPause.
	stormDamages = 5
	stormPeriod  = time.Second
	stormPause   = 20 * time.Millisecond
)

// remember notes what another program did. The same again by a program of the
// same name is one entry. The caller holds mu.
func (d *daemon) remember(what api.Interference) {
	what.First, what.Last, what.Count = time.Now().UTC(), time.Now().UTC(), 1
	i := slices.IndexFunc(d.interference, func(o api.Interference) bool {
		return o.What == what.What && o.Process == what.Process
	})
	if i >= 0 {
		what.First, what.Count = d.interference[i].First, d.interference[i].Count+1
		d.interference = slices.Delete(d.interference, i, i+1)
	}
	d.interference = slices.Insert(d.interference, 0, what)
	d.interference = d.interference[:min(len(d.interference), mostRemembered)]
}

// muffler lets through so many lines a period and counts the others.
type muffler struct {
	began  time.Time
	lines  int
	hidden uint64
}

// allows tells whether one more line may be logged. The last period's count of
// those that were not comes with the first line of the next one.
func (m *muffler) allows(now time.Time) (ok bool, hidden uint64) {
	if now.Sub(m.began) >= logPeriod {
		hidden = m.over(now)
		m.began, m.lines = now, 0
	}
	if m.lines >= linesPerPeriod {
		m.hidden++
		return false, 0
	}
	m.lines++
	return true, hidden
}

// over returns how many lines a period that has ended did not log, once.
func (m *muffler) over(now time.Time) (hidden uint64) {
	if now.Sub(m.began) < logPeriod {
		return 0
	}
	hidden, m.hidden = m.hidden, 0
	return hidden
}

// storm is a loop of damages.
type storm struct {
	latest []time.Time // the last stormDamages, oldest first
	rages  bool        // the devices are closed because of it
}

// damaged notes a damage and tells whether it is one of a storm.
func (s *storm) damaged(now time.Time) bool {
	s.latest = append(s.latest, now)
	if excess := len(s.latest) - stormDamages; excess > 0 {
		s.latest = slices.Delete(s.latest, 0, excess)
	}
	s.rages = s.rages || len(s.latest) == stormDamages && now.Sub(s.latest[0]) < stormPeriod
	return s.rages
}

// calm tells whether a storm that raged has passed.
func (s *storm) calm(now time.Time) bool {
	return s.rages && now.Sub(s.latest[len(s.latest)-1]) >= stormPeriod
}

// endure closes the devices in a storm, and opens them again behind it. The caller
// holds mu.
func (d *daemon) endure() error {
	if !d.storm.calm(time.Now()) {
		return d.table.Bar(d.plan)
	}
	err := d.repair()
	if err == nil {
		err = d.table.Unbar()
	}
	if err == nil {
		d.storm = storm{}
		d.log.Info("the table was left alone: the devices are open again")
		d.logNotify(d.notify.status(d.line()))
	}
	return err
}

func (d *daemon) raging() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.storm.rages
}

// tableChanged repairs the table that somebody else altered or removed.
func (d *daemon) tableChanged(c nft.Change) {
	if d.damaged(c) {
		// The next look can wait: the devices are closed.
		time.Sleep(stormPause)
	}
}

func (d *daemon) damaged(c nft.Change) (stormy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return false
	}
	before := d.line()
	var err error
	raged := d.storm.rages
	if d.storm.damaged(time.Now()) {
		err = d.endure()
	} else if err = d.repair(); errors.Is(err, nft.ErrAltered) || errors.Is(err, nft.ErrMissing) {
		// It was damaged again while it was being repaired.
		d.storm.rages = true
		err = d.endure()
	}
	if d.storm.rages && !raged {
		d.log.Error("another program damages the table again and again: the devices are closed until it stops", "pid", c.PID, "process", c.Process)
	}
	d.remember(api.Interference{
		What: c.Err.Error(), PID: c.PID, Process: c.Process, Port: c.Port,
	})
	if ok, hidden := d.muffled.allows(time.Now()); ok {
		log := d.log.With("damage", c.Err, "pid", c.PID, "process", c.Process, "netlink_port", c.Port)
		if hidden > 0 {
			log = log.With("unlogged_before", hidden)
		}
		switch {
		case err != nil:
			log.Error("table damaged by another program, repair failed", "error", err)
		case d.storm.rages:
			log.Warn("table damaged by another program")
		default:
			log.Warn("table damaged by another program and repaired")
		}
	}
	if line := d.line(); line != before {
		d.logNotify(d.notify.status(line))
	}
	return d.storm.rages
}

// queueChanged closes the table while a queue cannot be had: whoever has bound its
// number gets the packets that the rules send there.
func (d *daemon) queueChanged(q *queue, what queueChange, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || d.plan.QueueCount == 0 { // not started yet, or ended
		return
	}
	log := d.log.With("queue", q.number)
	if err != nil {
		log = log.With("error", err)
	}
	ok, hidden := d.muffled.allows(time.Now())
	if hidden > 0 {
		log = log.With("unlogged_before", hidden)
	}
	switch what {
	case queueLost:
		d.remember(api.Interference{What: err.Error()})
		if ok {
			log.Warn("a queue was taken away; binding it again")
		}
		return // a moment at most, during which its packets are dropped
	case queueMissing:
		culprit := api.Interference{What: err.Error()}
		if o, ok := errors.AsType[*nfqueue.OwnedError](err); ok {
			culprit.PID, culprit.Process, culprit.Port = o.PID, o.Command, o.PortID
		}
		d.remember(culprit)
		log.Error("a queue cannot be bound again: the devices are closed until it can")
	case queueBound:
		if ok || d.plan.Closed {
			log.Info("the queue is bound again")
		}
	}
	if closed := d.missing() != nil; closed != d.plan.Closed {
		d.plan.Closed = closed
		if err := d.table.Apply(d.plan); err != nil {
			d.broken = fmt.Sprintf("table inet %s could not be adjusted: %v", nft.TableName, err)
			d.log.Error("the table could not be adjusted", "error", err)
		}
	}
	d.logNotify(d.notify.status(d.line()))
}

// missing says of each queue that could not be bound again why not.
func (d *daemon) missing() (out []string) {
	for _, q := range d.queues {
		if why := q.unbindable(); why != nil {
			out = append(out, fmt.Sprintf("queue %d was lost and cannot be bound: the devices are closed: %v", q.number, why))
		}
	}
	return out
}
