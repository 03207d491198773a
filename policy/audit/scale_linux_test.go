//go:build !race

// The race detector has its own memory and its own time.

package audit

import (
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestScale: 60,000 rules in 1,000 groups are audited within 2 seconds of a processor and
// 300 MB, in a process of its own.
func TestScale(t *testing.T) {
	if os.Getenv("SGFW_AUDIT_SCALE") != "" {
		p := big()
		debug.FreeOSMemory()
		began := used()
		r := Run(p, Options{Now: time.Now()})
		if len(r.Findings) < 10000 {
			t.Fatal(len(r.Findings))
		}
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d findings, %v of a processor, %d MB", len(r.Findings), used()-began, u.Maxrss>>10)
		if u.Maxrss > 300<<10 {
			t.Errorf("it took %d MB", u.Maxrss>>10)
		}
		// With collections on other processors; a busy machine and its caches are slower.
		if took := used() - began; took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
		return
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestScale$", "-test.v")
	c.Env = append(os.Environ(), "SGFW_AUDIT_SCALE=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "findings") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// used is the time of processors that the process has taken.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
