package nfqueue

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAffinity: the thread may use only that CPU until it is released.
func TestAffinity(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpus := func() (s unix.CPUSet) {
		if err := unix.SchedGetaffinity(0, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := cpus()
	last := 0
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			last = cpu
		}
	}
	release, err := OnCPU(last).take()
	if err != nil {
		t.Fatal(err)
	}
	if now := cpus(); now.Count() != 1 || !now.IsSet(last) {
		t.Errorf("bound to CPU %d, the thread may use %v", last, now)
	}
	release()
	if now := cpus(); now != before {
		t.Errorf("released, the thread may use %v, before %v", now, before)
	}
	if release, err := (Affinity{}).take(); err != nil || cpus() != before {
		t.Errorf("no affinity changes the thread: %v", err)
	} else {
		release()
	}
	if _, err := OnCPU(1000).take(); err == nil {
		t.Error("bound to a CPU that is not there")
	}
}
