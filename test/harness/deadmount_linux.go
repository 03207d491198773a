package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// DeadMount returns a directory on a mount whose server does not answer: whoever looks
// into it waits until the test ends, or is killed.
func DeadMount(t testing.TB) string {
	t.Helper()
	dir, _ := MountThatDies(t)
	return dir
}

// MountThatDies is DeadMount whose mount can go away before the test ends: whoever waits
// fails, and an ordinary directory is left.
func MountThatDies(t testing.TB) (dir string, gone func()) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dead")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The server of a FUSE mount is whoever has the descriptor: nobody reads from it.
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("a dead mount cannot be made: /dev/fuse: %v", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("dead", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		unix.Close(fd)
		t.Skipf("a dead mount cannot be made: %v", err)
	}
	var once sync.Once
	gone = func() {
		once.Do(func() {
			// Without its server it fails whatever waits for it.
			unix.Close(fd)
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", dir, err)
			}
		})
	}
	t.Cleanup(gone)
	return dir, gone
}

// Pipe returns the path of a pipe that nobody writes to.
func Pipe(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Link makes the policy file a symbolic link.
func (d *Daemon) Link(target string) {
	d.T.Helper()
	if err := os.Remove(d.Config); err != nil {
		d.T.Fatal(err)
	}
	if err := os.Symlink(target, d.Config); err != nil {
		d.T.Fatal(err)
	}
}
