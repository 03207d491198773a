package process

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestListening: anybody can tell whether somebody listens on a socket, and root who.
func TestListening(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a socket  with spaces")
	if ListeningOn(path) != ListeningNobody {
		t.Error("somebody listens where there is no socket")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ListeningOn(path) != ListeningSomebody || !slices.Contains(Sockets(os.Getpid()), path) {
		t.Errorf("%d, and we listen on %q", ListeningOn(path), Sockets(os.Getpid()))
	}
	t.Chdir(dir)
	if ListeningOn(filepath.Base(path)) != ListeningSomebody {
		t.Error("a relative path is another socket")
	}
	near, err := net.Listen("unix", "near")
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if on := ListeningOn(filepath.Join(dir, "near")); on != ListeningUnknown {
		t.Errorf("a socket that was bound by a relative path: %d", on)
	}
	// A process that ended leaves the file.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil || ListeningOn(path) != ListeningNobody {
		t.Errorf("%v, %d", err, ListeningOn(path))
	}
	if sockets := Sockets(1 << 30); len(sockets) != 0 {
		t.Errorf("nobody listens on %q", sockets)
	}
}

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
