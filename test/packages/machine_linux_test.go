package packages

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// packagesEnv names the folder with the packages to test, those of an older
// version in old and of a newer one in new. Without it every test skips.
const (
	packagesEnv = "SGFW_PACKAGES"
	insideEnv   = "SGFW_TEST_INSIDE"
)

// Inside, the throw-away machine's changes are under upper, and the machine that
// it is a copy of under lower.
const (
	upper = "/mnt/upper"
	lower = "/mnt/lower"
)

// TestMain runs the tests as process 1 of a machine that is gone afterwards: a
// copy of this one's files, with its own processes and its own network.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(packagesEnv) == "" || os.Geteuid() != 0:
		os.Exit(m.Run())
	case os.Getenv(insideEnv) == "":
		os.Exit(outside())
	}
	if err := enter(); err != nil {
		fmt.Fprintln(os.Stderr, "making the throw-away machine:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func outside() int {
	runtime.LockOSThread() // the child dies with the thread that started it
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), insideEnv+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := c.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(e.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// enter makes the copy and the root of this process the same.
func enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// Nothing but this process sees the mount, so any empty folder will do.
	const base, root = "/mnt", "/mnt/root"
	if err := unix.Mount("none", base, "tmpfs", 0, ""); err != nil {
		return err
	}
	for _, dir := range []string{"upper", "work", "lower", "root"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o755); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"/", lower, "", unix.MS_BIND, ""},
		{"none", root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s/work", lower, upper,
			base)},
		{base, root + "/mnt", "", unix.MS_BIND | unix.MS_REC, ""},
		{"/dev", root + "/dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"none", root + "/run", "tmpfs", 0, ""},
		{"none", root + "/tmp", "tmpfs", 0, ""},
		{"proc", root + "/proc", "proc", 0, ""},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	// The packages may lie where the copy has nothing of this machine.
	packages, err := filepath.Abs(os.Getenv(packagesEnv))
	if err != nil {
		return err
	}
	if err := os.Mkdir(base+"/packages", 0o755); err != nil {
		return err
	}
	if err := unix.Mount(packages, root+"/mnt/packages", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", packages, err)
	}
	// Not chroot(2): who enters the namespace would be outside of it.
	if err := os.Mkdir(root+"/mnt/around", 0o755); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, root+"/mnt/around"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/mnt/around", unix.MNT_DETACH); err != nil {
		return err
	}
	return os.RemoveAll("/" + state)
}

// state is what the service keeps. What the machine around has of it is not in
// the copy, which begins without.
const state = "var/lib/sgfw"

// needMachine skips a test outside the machine, and one whose tools are missing.
func needMachine(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv(insideEnv) == "" {
		t.Skip("run by `make packages TEST=1`, as root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// pack returns the package of a version, old or new, for a kind of system.
func pack(t *testing.T, version, kind string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("/mnt/packages", version, "*."+kind))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d packages for %s in %s, %v", len(found), kind, version, err)
	}
	return found[0]
}

// sh runs a command that must succeed, and returns what it printed.
func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// bookkeeping is what package managers write about themselves, and the copies
// that tools make of a file before they change it.
var bookkeeping = []string{
	"var/lib/dpkg/", "var/lib/rpm/", "root/.rpmdb/", "var/log/", "var/cache/", "etc/.pwd.lock",
	"etc/group-", "etc/gshadow-", "etc/passwd-", "etc/shadow-",
}

// left lists what is not as it was before the first test, bookkeeping aside.
func left(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(upper, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, upper), "/")
		if name == "" || slices.ContainsFunc(bookkeeping, func(p string) bool {
			return strings.HasPrefix(name+"/", p) && !strings.Contains(name, "/sgfw") || name == p
		}) {
			return nil
		}
		was, now := filepath.Join(lower, name), "/"+name
		switch {
		case !exists(now) && (!exists(was) || name == state):
			// Came and went.
		case !exists(now):
			out = append(out, now+" is gone")
		case !exists(was):
			out = append(out, now)
		case d.Type().IsRegular():
			before, berr := os.ReadFile(was)
			after, aerr := os.ReadFile(now)
			if berr != nil || aerr != nil || !bytes.Equal(before, after) {
				out = append(out, now+" has changed")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
