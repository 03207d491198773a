package nfqueue

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// firstSpan is the logarithm of the shortest span of [BatchTimes] in nanoseconds: 16 µs.
	// Each further one is four times as long.
	firstSpan = 14
	// spans is how many there are, beside the one without an end.
	spans = 8
)

// BatchTimes is how long batches took: from the end of the read until their verdicts were
// written and counted. Packets that pass go on their way within that write. The zero value is
// that of no batch.
type BatchTimes struct {
	// Sum is the time of all batches.
	Sum time.Duration
	// Within counts batches by their time: those that took no longer than the span of the same
	// index of [Spans] and longer than the one before, and last those that took longer still.
	Within [spans + 1]uint64
}

// Spans are the lengths that [BatchTimes] distinguishes, the shortest first.
func Spans() (out [spans]time.Duration) {
	for i := range out {
		out[i] = 1 << (firstSpan + 2*i)
	}
	return out
}

// spanOf is the index of Within that a batch counts at.
func spanOf(d time.Duration) int {
	return min(max(0, (bits.Len64(uint64(max(d, 1)-1))-firstSpan+1)/2), spans)
}

// note counts one batch.
func (t *BatchTimes) note(d time.Duration) {
	t.Sum += d
	t.Within[spanOf(d)]++
}

// add returns the sums of t and o.
func (t BatchTimes) add(o BatchTimes) BatchTimes {
	t.Sum += o.Sum
	for i, n := range o.Within {
		t.Within[i] += n
	}
	return t
}

// batchTimes is BatchTimes for a goroutine that counts and others that read.
type batchTimes struct {
	sum    atomic.Int64
	within [spans + 1]atomic.Uint64
}

func (c *batchTimes) publish(t *BatchTimes) {
	if t.Sum != 0 {
		c.sum.Add(int64(t.Sum))
	}
	for i, n := range t.Within {
		if n != 0 {
			c.within[i].Add(n)
		}
	}
}

func (c *batchTimes) load() BatchTimes {
	t := BatchTimes{Sum: time.Duration(c.sum.Load())}
	for i := range t.Within {
		t.Within[i] = c.within[i].Load()
	}
	return t
}
