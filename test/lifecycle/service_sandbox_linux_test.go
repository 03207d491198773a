package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"sgfw/test/harness"
)

// TestServiceSandbox runs the daemon as its unit does, with the capabilities,
// system calls, address families and file system of that: it enforces, reloads,
// feeds the watchdog and stops in order.
func TestServiceSandbox(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: it knows what the unit's sets of system calls are")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, server, g := harness.NewPair(t)
	// With what asks the system for more than the defaults do.
	limited := strings.Replace(harness.GatePolicy("watch: true"), "count: 1",
		"count: 1, balance: pinned", 1)
	d := harness.Prepare(t, server.Host(), limited)
	own := filepath.Dir(d.Config)
	d.Through = self
	d.Env = []string{confineEnv + "=" + own, "WATCHDOG_USEC=2000000"}
	d.Start()
	g.Expect(t, "enforced", harness.Filtered)

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"NoNewPrivs:\t1", "Seccomp:\t2",
		fmt.Sprintf("CapEff:\t%016x", 1<<12), fmt.Sprintf("CapBnd:\t%016x", 1<<12), // CAP_NET_ADMIN
		fmt.Sprintf("Gid:\t%[1]d\t%[1]d", serviceGroup),
	} {
		if !strings.Contains(string(status), line) {
			t.Errorf("the daemon is not confined as the unit says: no %q in\n%s", line, status)
		}
	}
	if fi, err := os.Stat(d.Socket); err != nil {
		t.Error(err)
	} else if gid := fi.Sys().(*syscall.Stat_t).Gid; gid != serviceGroup || fi.Mode().Perm() != 0o660 {
		t.Errorf("the socket belongs to group %d with mode %o, want %d and 660", gid, fi.Mode().Perm(),
			serviceGroup)
	}

	// ExecReload= runs in the same sandbox.
	d.Write(harness.AllowAll)
	reload := server.Host().Command(self, harness.Program, "--socket", d.Socket, "reload")
	reload.Env = append(os.Environ(), confineEnv+"="+own, "SSH_CONNECTION=")
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
	g.Expect(t, "reloaded", harness.Open)
	d.Write(limited)
	d.Sgfw("reload")
	g.Expect(t, "reloaded again", harness.Filtered)

	if out, code := d.Sgfw("status"); code != 0 || !strings.Contains(out, "running") ||
		strings.Contains(out, "denied") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	if strings.Contains(d.Log.String(), "not permitted") ||
		strings.Contains(d.Log.String(), "denied") {
		t.Errorf("the sandbox is in the way:\n%s", d.Log)
	}
	for end := time.Now().Add(harness.ArrivalTimeout); d.Beats.Load() == 0; time.Sleep(
		10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the watchdog is not fed")
		}
	}
	d.Stop()
	g.Expect(t, "stopped", harness.Open)
	if err := server.Host().Do(func() error {
		tables, err := (&nftables.Conn{}).ListTables()
		if len(tables) > 0 {
			t.Errorf("an ordered stop left %d tables", len(tables))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
