package enforce

import (
	"slices"
	"time"
)

const (
	// A program that damages the table so often in breakerPeriod does it in a loop:
	// no repair lasts. The devices are closed until the table was left alone for as
	// long.
	breakerDamages = 5
	breakerPeriod  = time.Second
	// breakerPause is the pause between two looks at the table meanwhile.
	breakerPause = 20 * time.Millisecond
)

// breaker is a circuit breaker for repairs of the table. It trips when damages come
// in a loop, and may be reset once they have stopped. The zero value has not tripped.
type breaker struct {
	latest  []time.Time // the last breakerDamages, oldest first
	tripped bool        // the devices are closed because of it
}

// damaged notes a damage and tells whether the breaker has tripped.
func (b *breaker) damaged(now time.Time) bool {
	b.latest = append(b.latest, now)
	if excess := len(b.latest) - breakerDamages; excess > 0 {
		b.latest = slices.Delete(b.latest, 0, excess)
	}
	b.tripped = b.tripped || len(b.latest) == breakerDamages && now.Sub(b.latest[0]) < breakerPeriod
	return b.tripped
}

// calm tells whether a tripped breaker may be reset.
func (b *breaker) calm(now time.Time) bool {
	return b.tripped && now.Sub(b.latest[len(b.latest)-1]) >= breakerPeriod
}
