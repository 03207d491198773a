package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// elsewhere runs f on a thread in a network namespace of its own.
func elsewhere(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error, 1)
	var enter func()
	enter = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread cannot be ended, and is what others see of the process: keep it
			// busy while another one goes.
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				enter()
			}()
			<-ended
			runtime.UnlockOSThread()
			return
		}
		// Never unlocked: the thread ends with the goroutine.
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}
	go enter()
	if err := <-done; errors.Is(err, unix.EPERM) {
		t.Skip("needs root")
	} else if err != nil {
		t.Fatal(err)
	}
}

// TestNamespaces: namespaces are told apart, and are called what people call them.
func TestNamespaces(t *testing.T) {
	was := names
	defer func() { names = was }()
	names = t.TempDir()
	own := Own()
	if link, err := os.Readlink(ownLink); err != nil || link != fmt.Sprintf("net:[%d]", own.Inode) {
		t.Errorf("%+v, and the kernel says %s, %v", own, link, err)
	}
	if !own.Same(NamespaceWith(own.Inode)) || own.Other(own) || own.Other(Namespace{}) ||
		own.Same(Namespace{}) || (Namespace{}).Same(Namespace{}) || (Namespace{}).String() != "" {
		t.Errorf("%+v is not compared well", own)
	}
	elsewhere(t, func() {
		there := Own()
		if !there.Other(own) || there.Same(own) || there.Initial || there.Name != "" ||
			there.String() != fmt.Sprint(there.Inode) {
			t.Errorf("elsewhere it is %+v, and was %+v", there, own)
		}
		// A name is a file that is the namespace, whatever else lies there.
		thread := fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		for name, what := range map[string]string{"red": "/dev/null", "blue": thread, "green": thread,
			"gone": "/nowhere"} {
			if err := os.Symlink(what, filepath.Join(names, name)); err != nil {
				t.Error(err)
			}
		}
		if n := Own(); n.Name != "blue" || n.String() != fmt.Sprintf("blue (%d)", n.Inode) ||
			n != NamespaceWith(n.Inode) {
			t.Errorf("%+v, %s", n, n)
		}
	})
	// A child of ours can be looked at, and somebody's who is gone cannot.
	if p := Of(os.Getpid()); !p.Network.Known() {
		t.Errorf("our own process: %+v", p)
	}
	if p := Of(1 << 30); p.Network.Known() || p.String() != fmt.Sprintf("PID %d", 1<<30) {
		t.Errorf("nobody: %+v", p)
	}
	host := Namespace{Inode: initialInode, Name: "host", Initial: true}
	if !strings.Contains(host.String(), "the machine's own") {
		t.Errorf("%s", host)
	}
	if initial(initialInode, 7) != true || initial(7, 8) {
		t.Error("the initial namespace is not told from others")
	}
}

// TestLockNamesItsHolder: whoever finds a lock taken hears by whom and where, also from
// one that an earlier version has written.
func TestLockNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if _, held := HolderOf(path); held {
		t.Error("held before it is there")
	}
	l, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, network Namespace) {
		t.Helper()
		_, err := Take(path)
		held, ok := errors.AsType[*HeldError](err)
		if !ok || held.Holder.PID != os.Getpid() || held.Holder.Network != network ||
			err.Error() != fmt.Sprintf("PID %d holds %s", os.Getpid(), path) {
			t.Errorf("%s: %v, %+v", what, err, held)
		}
		if h, ok := HolderOf(path); !ok || h.PID != os.Getpid() || h.Network != network {
			t.Errorf("%s: %+v, want %+v", what, h, held)
		}
	}
	expect("ours", Own())
	elsewhere(t, func() {
		there := Own()
		text := fmt.Sprintf("%d\n%d\n", os.Getpid(), there.Inode)
		if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
			t.Error(err)
		}
		expect("of another namespace", there)
	})
	for _, format := range []string{"%d\n", "%d\nx"} {
		text := fmt.Sprintf(format, os.Getpid())
		if err := errors.Join(l.file.Truncate(0), os.WriteFile(path, []byte(text), 0)); err != nil {
			t.Fatal(err)
		}
		expect("of an earlier version", Own())
	}
	for _, text := range []string{"", "-1", "x\n", "0\n"} {
		if err := errors.Join(l.file.Truncate(0), os.WriteFile(path, []byte(text), 0)); err != nil {
			t.Fatal(err)
		}
		if h, ok := HolderOf(path); !ok || h.PID != 0 || h.String() != "an unknown process" {
			t.Errorf("%q: %+v, %t", text, h, ok)
		}
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}
