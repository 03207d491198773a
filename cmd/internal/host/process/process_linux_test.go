package process

import (
	"os"
	"testing"
)

func TestOf(t *testing.T) {
	if p := Of(os.Getpid()); p.PID != os.Getpid() || p.State == 0 || p.Described() == "" {
		t.Errorf("%+v", p)
	}
	for _, pid := range []int{0, 1 << 30} {
		if p := Of(pid); p.State != 0 || p.Described() != "" || p.Hint() != "" {
			t.Errorf("PID %d: %+v", pid, p)
		}
	}
	p := Process{PID: 7, State: 'T'}
	if p.Described() != "it is stopped, state T" || p.Hint() != "sudo kill -CONT 7" {
		t.Errorf("%q, %q", p.Described(), p.Hint())
	}
}
