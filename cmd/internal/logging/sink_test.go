package logging

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// reader is a writer's other end, which does not read while it is held.
type reader struct {
	mu   sync.Mutex
	text strings.Builder
	fail error
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return 0, r.fail
	}
	return r.text.Write(b)
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

func testSink(r *reader) *Sink {
	return NewSink(r, func(lost uint64) []byte { return fmt.Appendf(nil, "%d lost\n", lost) })
}

// TestNobodyReads: no line waits, memory is bounded, and where lines are missing the log
// says how many once somebody reads again.
func TestNobodyReads(t *testing.T) {
	for name, line := range map[string]string{
		"short lines": "x\n", "long lines": strings.Repeat("y", maxBytes/8) + "\n"} {
		t.Run(name, func(t *testing.T) {
			written := min(3*maxLines, 4*maxBytes/len(line))
			var r reader
			s := testSink(&r)
			r.mu.Lock()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range written {
					fmt.Fprint(s, line)
				}
			}()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("a writer waits")
			}
			lost := s.Lost()
			if lost == 0 || len(s.queue) > maxLines || s.bytes > maxBytes {
				t.Errorf("%d lost, %d lines of %d bytes wait", lost, len(s.queue), s.bytes)
			}
			began := time.Now()
			if s.Flush(50 * time.Millisecond); time.Since(began) > 5*time.Second {
				t.Error("Flush waits for a reader that does not read")
			}
			r.mu.Unlock()
			s.Flush(20 * time.Second)
			fmt.Fprint(s, "after\n")
			s.Flush(20 * time.Second)
			got, told := r.lines(), uint64(0)
			kept, n := 0, uint64(0)
			for _, l := range got {
				if _, err := fmt.Sscanf(l, "%d lost", &n); err == nil {
					told += n
				} else {
					kept++
				}
			}
			if told != lost || kept != written+1-int(lost) || got[len(got)-1] != "after" {
				t.Errorf("%d lines of %d, %d lost and %d told; the end is %.20q", kept, written, lost,
					told, got[len(got)-2:])
			}
			if s.Lost() != lost {
				t.Errorf("%d lost, then %d", lost, s.Lost())
			}
		})
	}
}

// TestCannotBeWritten: a full disk, or a pipe that nobody holds, loses lines and is told
// before the first line after it.
func TestCannotBeWritten(t *testing.T) {
	var r reader
	s := testSink(&r)
	write := func(line string) {
		fmt.Fprintln(s, line)
		s.Flush(20 * time.Second)
	}
	write("one")
	r.fail = errors.New("no space left on device")
	write("two")
	write("three")
	r.fail = nil
	write("four")
	if got := strings.Join(r.lines(), ", "); got != "one, 2 lost, four" || s.Lost() != 2 {
		t.Errorf("%s; %d lost", got, s.Lost())
	}
}

// TestOrder: while somebody reads, every line arrives, in order.
func TestOrder(t *testing.T) {
	var r reader
	log, s := New(&r, JSON)
	for i := range 1000 {
		log.Info("line", "n", i)
	}
	s.Flush(20 * time.Second)
	got := r.lines()
	for i := range 1000 {
		if len(got) != 1000 || !strings.Contains(got[i], fmt.Sprintf(`"n":%d}`, i)) {
			t.Fatalf("line %d of %d is %s", i, len(got), got[i])
		}
	}
	if line := string(lostLine(JSON, 7)); !strings.Contains(line, `"lost":7}`) ||
		!strings.HasSuffix(line, "\n") {
		t.Errorf("%q", line)
	}
}
