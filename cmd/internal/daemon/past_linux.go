package daemon

import (
	"context"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/past"
	"sgfw/conntrack"
	"sgfw/filter"
)

// pastBuffer is how many packets wait to be remembered. Two buffers of it are less than 3 MB.
const pastBuffer = 8192

// lookOn begins to watch what is to be remembered: before anybody hears that the start is over.
func (d *daemon) lookOn() {
	if d.past != nil {
		d.witness = d.enforcer.Engine().Remember(pastBuffer,
			filter.Selection{Reasons: past.Remembered})
	}
}

// remember fills the memory of the past until ctx ends.
func (d *daemon) remember(ctx context.Context) error {
	if d.past == nil {
		<-ctx.Done()
		return nil
	}
	w := d.witness
	defer w.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Ready():
			time.Sleep(logPause)
			d.past.Add(w.Take())
		}
	}
}

// lookBack is what the ruleset next would make of the past, other than the one in force does;
// nil if nothing is remembered.
func (d *daemon) lookBack(inForce, next *filter.Ruleset) *api.Past {
	if d.past == nil {
		return nil
	}
	wall, now := time.Now(), d.enforcer.Engine().Now()
	return d.past.Under(inForce, next, wall,
		func(t conntrack.Time) time.Time { return wall.Add(-now.Sub(t)) })
}
