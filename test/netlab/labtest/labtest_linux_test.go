package labtest_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// nobody is a user without any capability.
const nobody = 65534

// TestNeedsRoot is run by TestWithoutRoot in a process without root too.
func TestNeedsRoot(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	if _, err := lab.Host("client").Inode(); err != nil {
		t.Error(err)
	}
}

func TestWithoutRoot(t *testing.T) {
	labtest.RequireRoot(t) // to become nobody
	for _, test := range []struct {
		name, require string
		fails         bool
		says          string
	}{
		{"skips", "", false, "--- SKIP: TestNeedsRoot"},
		{"skips when not required", "0", false, "--- SKIP: TestNeedsRoot"},
		{"fails when required", "1", true, "--- FAIL: TestNeedsRoot"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestNeedsRoot$", "-test.v")
			c.Dir = "/"
			c.Env = append(os.Environ(), labtest.RequireRootEnv+"="+test.require)
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			out, err := c.CombinedOutput()
			if (err != nil) != test.fails {
				t.Errorf("ended with %v", err)
			}
			for _, want := range []string{test.says, labtest.SkipMessage, "operation not permitted"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("does not say %q:\n%s", want, out)
				}
			}
		})
	}
}
