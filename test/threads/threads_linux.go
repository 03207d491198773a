// Package threads finds and stops single threads of other processes, as a
// debugger would, so that a test can have one verdict loop hang while the rest
// of the program lives.
package threads

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// reapEvery is how often a stopped thread is looked after.
const reapEvery = 10 * time.Millisecond

// In returns the threads of a process that are inside a system call.
func In(pid int, call int) ([]int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !strings.HasPrefix(string(b), strconv.Itoa(call)+" ") {
			continue // ended, or busy with something else
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// Stop stops one thread and nothing else of its process. The function that it
// returns lets it go on, if it still exists, and has to be called.
func Stop(thread int) (resume func(), err error) {
	stopped, release, resumed := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		// The tracer is a thread, not a process; it ends with this goroutine.
		runtime.LockOSThread()
		defer close(resumed)
		err := unix.PtraceSeize(thread)
		if err == nil {
			err = unix.PtraceInterrupt(thread)
		}
		if err == nil {
			_, err = unix.Wait4(thread, nil, unix.WALL, nil)
		}
		stopped <- err
		if err != nil {
			return
		}
		// Its process cannot end before its tracer has seen this thread do so.
		for look := time.NewTicker(reapEvery); ; {
			select {
			case <-release:
				unix.PtraceDetach(thread)
				return
			case <-look.C:
			}
			var ws unix.WaitStatus
			if id, err := unix.Wait4(thread, &ws, unix.WALL|unix.WNOHANG, nil); err != nil || id == thread &&
				(ws.Exited() || ws.Signaled()) {
				return
			}
		}
	}()
	resume = func() {
		close(release)
		<-resumed
	}
	if err := <-stopped; err != nil {
		resume()
		return nil, fmt.Errorf("stop thread %d: %w", thread, err)
	}
	return resume, nil
}
