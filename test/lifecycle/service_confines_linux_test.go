package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestServiceConfines: what the unit does not grant is refused, or the test
// above would show nothing.
func TestServiceConfines(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: it knows what the unit's sets of system calls are")
	}
	harness.NewPair(t) // needs the same rights
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct {
		command string
		works   bool
	}{
		{"true", true},
		{"touch " + filepath.Join(dir, "mine"), true},
		{"touch /tmp/sgfw-not-mine", false},
		{"chown 0:0 " + dir, false},
		{"unshare -n true", false},
		{"mount -t tmpfs none " + dir, false},
		{"nice -n 5 true", true}, // says that it cannot, and goes on
	} {
		argv := strings.Fields(c.command)
		path, err := exec.LookPath(argv[0])
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, append([]string{path}, argv[1:]...)...)
		cmd.Env = append(os.Environ(), confineEnv+"="+dir)
		out, err := cmd.CombinedOutput()
		if (err == nil) != c.works {
			t.Errorf("%s: %v, works %v wanted\n%s", c.command, err, c.works, out)
		}
	}
}
