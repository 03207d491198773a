package packages

import (
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/threads"
)

// loops are the threads that wait for packets, one of which may be busy with some.
func (s *system) loops() (threadIDs []int) {
	s.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found, err := threads.In(s.daemon(), unix.SYS_RECVMMSG)
		if err == nil && len(found) > 0 {
			return found
		}
		if time.Now().After(end) {
			s.t.Fatalf("threads that read queues: %v, %v", found, err)
		}
	}
}
