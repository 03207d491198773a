package logging

import (
	"io"
	"sync"
	"time"
)

const (
	// maxLines and maxBytes bound what waits to be written. A line is some 200 bytes;
	// a refused policy of thousands of problems fits in.
	maxLines = 4096
	maxBytes = 1 << 20
)

// Sink is a writer that never blocks: what is written to it is queued, and written to
// another writer in the order of its arrival. What finds no room, or cannot be written,
// is lost and counted; once something can be written again the place where lines are
// missing is marked. It is safe for concurrent use.
type Sink struct {
	to   io.Writer
	mark func(lost uint64) []byte

	mu    sync.Mutex
	idle  *sync.Cond // nothing is queued, and nothing is being written
	queue [][]byte
	bytes int // in queue
	// missing are the lines that found no room behind those of queue.
	missing uint64
	lost    uint64
	writing bool
	// unmarked are the lost lines that nothing written speaks of yet. It belongs to the
	// goroutine that writes.
	unmarked uint64
}

// NewSink returns a sink that writes to a writer, for which at most one goroutine waits.
// mark returns the text that stands for lines that were lost.
func NewSink(to io.Writer, mark func(lost uint64) []byte) *Sink {
	s := &Sink{to: to, mark: mark}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// Write queues one line, or loses it. It never blocks and never fails: a logger has
// nobody to tell.
func (s *Sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Behind a gap nothing is queued until its mark is due: the order stays. One line
	// always fits, however long it is.
	if s.missing > 0 || len(s.queue) >= maxLines || s.bytes > 0 && s.bytes+len(line) > maxBytes {
		s.missing++
		s.lost++
	} else {
		s.queue = append(s.queue, append([]byte(nil), line...))
		s.bytes += len(line)
	}
	if !s.writing {
		s.writing = true
		go s.drain()
	}
	return len(line), nil
}

// Lost counts the lines that were lost since the start.
func (s *Sink) Lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Flush waits until everything is written, for so long at most.
func (s *Sink) Flush(patience time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.mu.Lock()
		defer s.mu.Unlock()
		for s.writing {
			s.idle.Wait()
		}
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}

// drain writes what is queued until nothing is.
func (s *Sink) drain() {
	for {
		s.mu.Lock()
		lines, missing := s.queue, s.missing
		s.queue, s.bytes, s.missing = nil, 0, 0
		if len(lines) == 0 && missing == 0 {
			s.writing = false
			s.idle.Broadcast()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, line := range lines {
			if s.marked() && s.put(line) {
				continue
			}
			s.unmarked++
			s.mu.Lock()
			s.lost++
			s.mu.Unlock()
		}
		s.unmarked += missing
		s.marked()
	}
}

// marked writes the mark of lost lines, if there are any, and reports whether none is
// left to be written. Where that fails the next line tries again.
func (s *Sink) marked() bool {
	if s.unmarked > 0 && s.put(s.mark(s.unmarked)) {
		s.unmarked = 0
	}
	return s.unmarked == 0
}

// put writes one text as a whole.
func (s *Sink) put(text []byte) bool {
	n, err := s.to.Write(text)
	return err == nil && n == len(text)
}
