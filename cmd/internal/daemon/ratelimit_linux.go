package daemon

import "time"

// rateLimiter is a token bucket: rate items a second, and at most as many at once.
type rateLimiter struct {
	rate   float64 // a second; 0: no limit
	tokens float64
	last   time.Time
}

func newRateLimiter(rate int, now time.Time) *rateLimiter {
	return &rateLimiter{rate: float64(rate), tokens: float64(rate), last: now}
}

// take returns how many of n items are granted now.
func (l *rateLimiter) take(n int, now time.Time) int {
	if l.rate == 0 {
		return n
	}
	l.tokens = min(l.rate, l.tokens+l.rate*now.Sub(l.last).Seconds())
	l.last = now
	n = min(n, int(l.tokens))
	l.tokens -= float64(n)
	return n
}
