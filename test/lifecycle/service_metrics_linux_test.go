package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sgfw/test/harness"
)

// TestServiceMetrics: in its sandbox the daemon shows metrics at a unix socket for its group,
// and at loopback addresses with what is added to the unit for that. Without it says what is
// missing, and enforces all the same.
func TestServiceMetrics(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: it knows what the unit's sets of system calls are")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, added := range []string{"", "1"} {
		_, server, g := harness.NewPair(t)
		policy := func(at string) string {
			return harness.GatePolicy("metrics: { listen: " + strconv.Quote(at) + " }")
		}
		d := harness.Prepare(t, server.Host(), policy("127.0.0.1:9455"))
		d.Through = self
		d.Env = []string{confineEnv + "=" + filepath.Dir(d.Config), loopbackEnv + "=" + added}
		d.Start()
		socket := filepath.Join(filepath.Dir(d.Socket), "metrics.sock")
		for _, at := range []string{"127.0.0.1:9455", "[::1]:9455", socket} {
			d.Reload(policy(at))
			if added == "" && at != socket {
				s := d.Becomes(t, "degraded", func(s harness.StatusDocument) bool {
					return len(s.Degraded) == 1 && strings.Contains(s.Degraded[0], at)
				})
				if !strings.Contains(s.Degraded[0], "metrics-on-loopback.conf") {
					t.Errorf("no hint: %s", s.Degraded[0])
				}
				continue
			}
			harness.Scrapes(t, server.Host(), at, "in the sandbox",
				func(m harness.Metrics) bool { return m.Sum("sgfw_policy_generation") > 1 })
			d.Becomes(t, "running", func(s harness.StatusDocument) bool { return s.State == "running" })
		}
		fi, err := os.Stat(socket)
		if err != nil {
			t.Fatal(err)
		}
		if gid := fi.Sys().(*syscall.Stat_t).Gid; gid != serviceGroup || fi.Mode().Perm() != 0o660 {
			t.Errorf("the socket belongs to group %d with mode %o, want %d and 660", gid,
				fi.Mode().Perm(), serviceGroup)
		}
		g.Expect(t, "enforced", harness.Filtered)
		d.Stop()
		if _, err := os.Stat(socket); err == nil {
			t.Error("an ordered stop leaves the socket")
		}
	}
}
