package converttest

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"sgfw/policy/convert"
)

// What an answer to a hostile text may take.
const (
	soon   = time.Second
	little = 200 << 20 // bytes
)

// Hostile imports texts that are made to cost much. Each has to be answered within a second of
// work and 200 MB above what was there before, and as [Check] says. beside are sources that
// stand beside one, by its name. The race detector has its own time and memory: tests that
// call this are built without it.
func Hostile(t *testing.T, run Importer, texts map[string]string,
	beside map[string]convert.Source) {
	t.Helper()
	// What the collector leaves lying grows with the texts of all cases, which are there too.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	for name, text := range texts {
		sources := []convert.Source{{Name: "f", Data: []byte(text)}}
		if other, there := beside[name]; there {
			sources = append(sources, other)
		}
		var r convert.Result
		took, most := Cost(t, func() { r = run(sources, convert.Options{}) })
		t.Logf("%s: %v, %d MB: %.150s", name, took, most>>20, r.Problems)
		if took > soon || most > little {
			t.Errorf("%s takes %v and %d MB", name, took, most>>20)
		}
		Check(t, sources, r)
	}
}

// Cost runs a function and returns the time it had of the processors, in which a busy machine
// differs little from an idle one, and the most memory it held, in bytes, measured every few
// milliseconds.
func Cost(t *testing.T, f func()) (took time.Duration, most int64) {
	t.Helper()
	held := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	runtime.GC()
	before := held()
	stop, high := make(chan bool), make(chan int64)
	go func() {
		var top int64
		for {
			top = max(top, held())
			select {
			case <-stop:
				high <- top
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	began := spent(t)
	f()
	took = spent(t) - began
	close(stop)
	return took, max(<-high-before, 0)
}

// spent is the time that this process has had of the processors.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
