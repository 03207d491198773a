package test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"sgfw/test/netlab"
	"sgfw/test/sandbox"
)

// serviceFile is the unit that packages install.
const serviceFile = "../packaging/systemd/sgfw.service"

// A process that is started with confineEnv, the directories that stay
// writable, executes its arguments as the unit would.
const (
	confineEnv   = "SGFW_TEST_CONFINE"
	serviceGroup = 61998
)

// confine does not return unless it fails.
func confine() error {
	unit, err := sandbox.ReadUnit(serviceFile)
	if err != nil {
		return err
	}
	m := sandbox.Machine{Writable: filepath.SplitList(os.Getenv(confineEnv)), Group: serviceGroup}
	os.Unsetenv(confineEnv)
	return sandbox.Exec(unit, m, os.Args[1:])
}

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
	_, server, g := newPair(t)
	// With what asks the system for more than the defaults do.
	limited := strings.Replace(gatePolicy("watch: true"), "count: 1", "count: 1, balance: pinned", 1)
	d := prepare(t, server.Host(), limited)
	own := filepath.Dir(d.config)
	d.through = self
	d.env = []string{confineEnv + "=" + own, "WATCHDOG_USEC=2000000"}
	d.start()
	g.expect(t, "enforced", filtered)

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
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
	if fi, err := os.Stat(d.socket); err != nil {
		t.Error(err)
	} else if gid := fi.Sys().(*syscall.Stat_t).Gid; gid != serviceGroup || fi.Mode().Perm() != 0o660 {
		t.Errorf("the socket belongs to group %d with mode %o, want %d and 660", gid, fi.Mode().Perm(), serviceGroup)
	}

	// ExecReload= runs in the same sandbox.
	d.write(everything)
	reload := server.Host().Command(self, program, "--socket", d.socket, "reload")
	reload.Env = append(os.Environ(), confineEnv+"="+own, "SSH_CONNECTION=")
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
	g.expect(t, "reloaded", open)
	d.write(limited)
	d.sgfw("reload")
	g.expect(t, "reloaded again", filtered)

	if out, code := d.sgfw("status"); code != 0 || !strings.Contains(out, "running") || strings.Contains(out, "denied") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	if strings.Contains(d.log.String(), "not permitted") || strings.Contains(d.log.String(), "denied") {
		t.Errorf("the sandbox is in the way:\n%s", d.log)
	}
	for end := time.Now().Add(patience); d.beats.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the watchdog is not fed")
		}
	}
	d.stop()
	g.expect(t, "stopped", open)
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

// TestServiceConfines: what the unit does not grant is refused, or the test
// above would show nothing.
func TestServiceConfines(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: it knows what the unit's sets of system calls are")
	}
	newPair(t) // needs the same rights
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

// TestShippedPolicy: what packages install filters nothing until its own
// instructions are followed.
func TestShippedPolicy(t *testing.T) {
	t.Parallel()
	client, server, _ := newPair(t)
	text, err := os.ReadFile("../packaging/sgfw.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := enforce(t, server.Host(), string(text))
	reaches := func(from, to *netlab.Device, port int, wait time.Duration) bool {
		t.Helper()
		at := netip.AddrPortFrom(to.IPv4(), uint16(port))
		defer echoTCP(t, to.Host(), at).Close()
		return connects(t, from.Host(), netip.AddrPort{}, at, wait)
	}
	if !reaches(client, server, 7001, patience) || !reaches(server, client, 7001, patience) {
		t.Error("the policy as it is shipped filters")
	}
	before, after, ok := strings.Cut(string(text), "\ninterfaces: []\n")
	if !ok {
		t.Fatal("the policy as it is shipped has interfaces")
	}
	d.reload(before + "\n" + strings.ReplaceAll(after, "# ", ""))
	if reaches(client, server, 7002, silence) {
		t.Error("the policy filters nothing when its instructions were followed")
	}
	if !reaches(server, client, 7002, patience) {
		t.Error("the policy keeps the machine from going out")
	}
}

// TestServiceExposure keeps the unit's exposure, by systemd's own account, below
// 2 of 10.
func TestServiceExposure(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=19", serviceFile).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	_, level, ok := strings.Cut(string(out), "Overall exposure level for sgfw.service: ")
	if !ok {
		t.Fatalf("no exposure level in\n%s", out)
	}
	if n, err := strconv.ParseFloat(strings.Fields(level)[0], 64); err != nil || n >= 2 {
		t.Errorf("exposure %v, %v, want below 2.0", n, err)
	}
}
