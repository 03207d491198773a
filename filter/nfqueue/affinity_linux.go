package nfqueue

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// take binds the calling thread to the CPU. release undoes that. A CPU that this process may
// not use is an error.
func (a Affinity) take() (release func(), err error) {
	if a == (Affinity{}) {
		return func() {}, nil
	}
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, fmt.Errorf("read the thread's CPUs: %w", err)
	}
	set.Set(a.cpu - 1)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("stay on CPU %d: %w", a.cpu-1, err)
	}
	return func() { unix.SchedSetaffinity(0, &before) }, nil
}
