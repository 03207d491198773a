package nfqueue

import (
	"testing"
	"time"
)

// TestBatchTimes: each batch counts at the shortest span that it fits in.
func TestBatchTimes(t *testing.T) {
	for i, span := range Spans() {
		for d, want := range map[time.Duration]int{
			span - 1: i, span: i, span + 1: i + 1, 3 * span: i + 1, 4*span + 1: min(i+2, spans),
		} {
			if got := spanOf(d); got != want {
				t.Errorf("%v counts at span %d, want %d", d, got, want)
			}
		}
	}
	var b BatchTimes
	for _, d := range []time.Duration{0, -1, time.Microsecond, time.Millisecond, time.Hour} {
		b.note(d)
	}
	want := BatchTimes{Sum: time.Hour + time.Millisecond + time.Microsecond - 1,
		Within: [spans + 1]uint64{0: 3, 3: 1, spans: 1}}
	if b != want {
		t.Errorf("counted %+v, want %+v", b, want)
	}
}
