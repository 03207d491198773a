package daemon

import (
	"testing"
	"time"
)

func TestRateLimiter(t *testing.T) {
	start := time.Unix(1000, 0)
	l := newRateLimiter(10, start)
	for _, s := range []struct {
		after   time.Duration
		n, want int
	}{
		{0, 4, 4}, {0, 100, 6}, {0, 1, 0}, {100 * time.Millisecond, 5, 1}, {time.Second, 3, 3},
		{time.Hour, 100, 10}, {time.Hour + 500*time.Millisecond, 100, 5},
	} {
		if got := l.take(s.n, start.Add(s.after)); got != s.want {
			t.Errorf("%d after %v: %d granted, want %d", s.n, s.after, got, s.want)
		}
	}
	if got := newRateLimiter(0, start).take(1<<20, start); got != 1<<20 {
		t.Errorf("without a bound: %d", got)
	}
}
