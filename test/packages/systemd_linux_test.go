package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/threads"
)

const systemdProgram = "/usr/lib/systemd/systemd"

// boot is what happens before systemd: mounts of its own, and a target that
// wants nothing but what logs.
const boot = `set -e
mount -t tmpfs none /run
mount -t tmpfs none /tmp
mount -t proc proc /proc
mkdir -p /run/dev
for n in null zero full random urandom tty; do
	touch /run/dev/$n; mount --bind /dev/$n /run/dev/$n
done
mkdir /run/dev/shm /run/dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 none /run/dev/pts
ln -s pts/ptmx /run/dev/ptmx
mount --rbind /run/dev /dev
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/system/sgfw.service.d
cat >/run/systemd/system/sgfw-test.target <<END
[Unit]
DefaultDependencies=no
Wants=systemd-journald.socket systemd-journald.service
END
cat >/run/systemd/system/sgfw.service.d/quick.conf <<END
[Service]
WatchdogSec=2s
RestartSec=10ms
END
mount --make-rshared /
exec env -i PATH="$PATH" container=sgfw ` + systemdProgram + ` \
	--system --unit=sgfw-test.target --show-status=0 --log-target=journal
`

// system is a systemd that runs as process 1 of namespaces of its own, in the
// network of the throw-away machine.
type system struct {
	t   *testing.T
	pid int
}

// bootSystem starts systemd; it ends with the test.
func bootSystem(t *testing.T) *system {
	t.Helper()
	// A group of its own, so that it manages nothing of the machine around.
	groups := t.TempDir()
	if err := unix.Mount("none", groups, "cgroup2", 0, ""); err != nil {
		t.Skipf("no cgroup2 here: %v", err)
	}
	own := filepath.Join(groups, fmt.Sprintf("sgfw-test-%d", time.Now().UnixNano()))
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Skipf("no control group of our own: %v", err)
	}
	group, err := os.Open(own)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	c := exec.Command("sh", "-c", boot)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS |
			unix.CLONE_NEWCGROUP,
		UseCgroupFD: true, CgroupFD: int(group.Fd()), Pdeathsig: syscall.SIGKILL,
	}
	var log strings.Builder
	c.Stdout, c.Stderr = &log, &log
	// The death signal comes when the thread that started the child ends, not
	// the process (prctl(2), PR_SET_PDEATHSIG), and threads.Stop ends threads.
	runtime.LockOSThread()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer runtime.UnlockOSThread()
		c.Process.Kill() // and with process 1 everything that it started
		c.Wait()
		removeGroups(t, own)
		if err := unix.Unmount(groups, 0); err != nil {
			t.Error(err)
		}
	})
	s := &system{t: t, pid: c.Process.Pid}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if out, err := s.command("systemctl", "is-active", "sgfw-test.target"); err == nil {
			return s
		} else if time.Now().After(end) {
			t.Fatalf("systemd does not come up: %v\n%s%s", err, out, log.String())
		}
	}
}

// removeGroups removes the control groups that systemd made, from the inside
// out. Those of killed processes empty in a moment.
func removeGroups(t *testing.T, dir string) {
	t.Helper()
	inner, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
	for _, f := range inner {
		removeGroups(t, filepath.Dir(f))
	}
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(
		10 * time.Millisecond) {
		if err = os.Remove(dir); err == nil {
			return
		}
	}
	t.Errorf("a control group is left: %v", err)
}

// command runs a command beside systemd.
func (s *system) command(argv ...string) (string, error) {
	argv = append([]string{"-t", strconv.Itoa(s.pid), "-m", "-p", "-i", "-u", "-C", "--"}, argv...)
	out, err := exec.CommandContext(s.t.Context(), "nsenter", argv...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must runs a command that has to succeed.
func (s *system) must(argv ...string) string {
	s.t.Helper()
	out, err := s.command(argv...)
	if err != nil {
		log, _ := s.command("journalctl", "--no-pager", "-u", "sgfw")
		s.t.Fatalf("%s: %v\n%s\n%s", strings.Join(argv, " "), err, out, log)
	}
	return out
}

// property is one of the service's, as systemd shows it.
func (s *system) property(name string) string {
	s.t.Helper()
	return s.must("systemctl", "show", "--value", "-p", name, "sgfw")
}

// daemon is the service's process, by its number here and not there.
func (s *system) daemon() int {
	s.t.Helper()
	want := s.property("MainPID")
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !strings.HasPrefix(string(b), "Name:\tsgfw\n") {
			continue
		}
		_, rest, _ := strings.Cut(string(b), "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		if ids := strings.Fields(line); len(ids) > 1 && ids[len(ids)-1] == want {
			n, err := strconv.Atoi(ids[0])
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("the service's process %s is not to be seen", want)
	return 0
}

// restarted waits until the service has been started anew so often, and wants
// the table to be there all the time: nothing passes meanwhile.
func (s *system) restarted(times int, why string) {
	s.t.Helper()
	want := strconv.Itoa(times)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if got := tables(s.t); len(got) != 1 {
			s.t.Fatalf("%s: tables %v, want one at every moment", why, got)
		}
		state, n := s.property("ActiveState"), s.property("NRestarts")
		if state == "active" && n == want {
			return
		}
		if time.Now().After(end) {
			log, _ := s.command("journalctl", "--no-pager", "-u", "sgfw")
			s.t.Fatalf("%s: %s after %s starts anew, want active after %s\n%s", why, state, n, want, log)
		}
	}
}

// glob lists files.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSystemd has the real systemd run the real unit of the installed package.
func TestSystemd(t *testing.T) {
	needMachine(t, "dpkg", "systemctl", "nsenter", "setpriv")
	if !exists(systemdProgram) {
		t.Skip("systemd is not installed")
	}
	if before := left(t); len(before) > 0 {
		t.Fatalf("the machine is not as it was:\n%s", strings.Join(before, "\n"))
	}
	s := bootSystem(t)
	device(t)
	old := pack(t, "old", "deb")
	s.must("dpkg", "-i", old)
	if state := s.property("ActiveState") + " " +
		s.property("UnitFileState"); state != "inactive disabled" {
		t.Errorf("after the installation the service is %s", state)
	}
	text, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.Replace(string(text), "\ninterfaces: []",
		"\ninterfaces:\n  - device: mine0\n    security_groups: [ssh]\n", 1)
	enforce := func(text string) {
		t.Helper()
		if err := os.WriteFile(policyFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	enforce(mine)
	s.must("systemctl", "enable", "--now", "sgfw")
	// enable --now has waited for readiness.
	if got := tables(t); len(got) != 1 {
		t.Fatalf("tables %v when the service is ready, want one", got)
	}
	if before := s.property("Before"); !strings.Contains(before, "network-pre.target") {
		t.Errorf("the service comes before %s, not before the network", before)
	}
	if line := s.property("StatusText"); !strings.Contains(line, "on 1 interfaces") {
		t.Errorf("systemctl status says %q", line)
	}

	// A reload that is refused is seen to be, and changes nothing.
	s.must("systemctl", "reload", "sgfw")
	enforce("version: 9\n")
	if out, err := s.command("systemctl", "reload", "sgfw"); err == nil {
		t.Errorf("the reload of an invalid policy succeeds: %s", out)
	}
	enforce(mine)
	if state := s.property("ActiveState"); state != "active" {
		t.Errorf("after a refused reload the service is %s", state)
	}

	// A policy on trial is kept where the sandbox lets the daemon write.
	kept := func() int {
		return len(glob(t, "/"+state+"/trial-*"))
	}
	if n := kept(); n != 0 {
		t.Errorf("%d files of state before any trial", n)
	}
	enforce(strings.Replace(mine, "ports: 22", "ports: 2222", 1))
	s.must("sgfw", "reload", "--confirm", "60s")
	if kept() == 0 {
		t.Error("a trial leaves no state that would outlive the daemon")
	}
	s.must("sgfw", "rollback")
	enforce(mine)
	s.must("systemctl", "reload", "sgfw")

	// Members of the group look and do not change, others do not even look.
	member := []string{"setpriv", "--reuid=65534", "--regid=sgfw", "--clear-groups", "sgfw"}
	stranger := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sgfw"}
	s.must(append(member, "status")...)
	for _, argv := range [][]string{append(member, "reload"), append(stranger, "status")} {
		if out, err := s.command(argv...); err == nil || !strings.Contains(out, "permission denied") {
			t.Errorf("%v: %v, want permission denied\n%s", argv, err, out)
		}
	}

	// However it ends, it is started anew, and nothing passes in between.
	if err := unix.Kill(s.daemon(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.restarted(1, "killed")
	loops := s.loops()
	resume, err := threads.Stop(loops[0])
	if err != nil {
		t.Fatal(err)
	}
	s.restarted(2, "one verdict loop hangs")
	resume()
	if log := s.must("journalctl", "--no-pager", "-u", "sgfw"); !strings.Contains(log,
		"Watchdog timeout") || !strings.Contains(log, "stands still") {
		t.Errorf("the journal does not tell of the watchdog:\n%s", log)
	}

	// With a policy that cannot be used, the last good one is enforced.
	s.must("systemctl", "stop", "sgfw")
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after a stop, want none", got)
	}
	enforce("version: 9\n")
	s.must("systemctl", "start", "sgfw")
	if line := s.property("StatusText"); !strings.Contains(line, "degraded") ||
		!strings.Contains(line, "the last good policy") || len(tables(t)) != 1 {
		t.Errorf("with an invalid policy systemctl status says %q, tables %v", line, tables(t))
	}
	s.must("systemctl", "stop", "sgfw")
	if state := s.property("ActiveState") + " " + s.property("ExecMainStatus"); state != "failed 3" {
		t.Errorf("after an invalid policy the service is %s, want failed with 3", state)
	}
	// Where there is none, and the file wants that, nothing is until the file is mended.
	for _, f := range glob(t, "/"+state+"/good-*") {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	enforce("version: 9\nsettings: { on_failure: { gone: accept } }\n")
	if out, err := s.command("systemctl", "start", "sgfw"); err == nil {
		t.Errorf("an invalid policy starts: %s", out)
	}
	enforce(mine)
	for end := time.Now().Add(20 * time.Second); len(tables(t)) == 0; time.Sleep(
		50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a mended policy is not enforced: %s", s.property("ActiveState"))
		}
	}
	enforce(mine)

	// The package takes the running service with it.
	s.must("systemctl", "start", "sgfw")
	s.must("dpkg", "-P", "sgfw")
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after the purge, want none", got)
	}
	if after := left(t); len(after) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(after, "\n"))
	}
}
