package state

import "time"

// Deadline is a moment on two clocks. The steady one counts from the boot, time
// asleep included, and nobody sets it; it means nothing after the next boot.
// The wall clock does, but may be wrong or be set.
type Deadline struct {
	// Set and Wall are when the deadline was set and when it passes.
	Set  time.Time `json:"set"`
	Wall time.Time `json:"wall"`
	// Boot names the boot that Steady belongs to; Steady is since that boot.
	Boot   string        `json:"boot_id"`
	Steady time.Duration `json:"steady_ns"`
}

// Moment is the present on both clocks.
type Moment struct {
	Wall   time.Time
	Boot   string
	Steady time.Duration
}

// In returns the deadline that passes after d.
func (m Moment) In(d time.Duration) Deadline {
	return Deadline{Set: m.Wall.Round(0), Wall: m.Wall.Add(d).Round(0), Boot: m.Boot,
		Steady: m.Steady + d}
}

// Left returns how long it is to the deadline, 0 once it has passed. most is the longest
// time that can be asked for. A deadline that is further away than that, or than what was
// asked for when it was set, makes no sense, and counts as passed: a clock was wrong, or
// the record is. So does, after another boot, a wall clock that says it is earlier than
// when the deadline was set. Who has to wait in doubt may be locked out.
func (d Deadline) Left(now Moment, most time.Duration) time.Duration {
	left := d.Wall.Sub(now.Wall)
	if d.Boot != "" && d.Boot == now.Boot {
		left = d.Steady - now.Steady
	} else if now.Wall.Before(d.Set) {
		return 0
	}
	if asked := min(d.Wall.Sub(d.Set), most); left > asked {
		return 0
	}
	return max(0, left)
}
