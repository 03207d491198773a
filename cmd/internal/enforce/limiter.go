package enforce

import "time"

const (
	// Of what another program does in a loop, so many lines are logged in a period;
	// the others are counted.
	linesPerPeriod = 5
	logPeriod      = 10 * time.Second
)

// logLimiter lets through so many lines a period and counts the others.
type logLimiter struct {
	began  time.Time
	lines  int
	hidden uint64
}

// allow tells whether one more line may be logged. The last period's count of
// those that were not comes with the first line of the next one.
func (l *logLimiter) allow(now time.Time) (ok bool, hidden uint64) {
	if now.Sub(l.began) >= logPeriod {
		hidden = l.unreported(now)
		l.began, l.lines = now, 0
	}
	if l.lines >= linesPerPeriod {
		l.hidden++
		return false, 0
	}
	l.lines++
	return true, hidden
}

// unreported returns how many lines a period that has ended did not log, once.
func (l *logLimiter) unreported(now time.Time) (hidden uint64) {
	if now.Sub(l.began) < logPeriod {
		return 0
	}
	hidden, l.hidden = l.hidden, 0
	return hidden
}
