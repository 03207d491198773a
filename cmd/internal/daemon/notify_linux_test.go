package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for _, name := range []string{path, "@sgfw-test-" + filepath.Base(filepath.Dir(path))} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		t.Setenv("NOTIFY_SOCKET", name)
		n := newNotifier()
		if v, ok := os.LookupEnv("NOTIFY_SOCKET"); ok {
			t.Errorf("NOTIFY_SOCKET is still %q: children would inherit it", v)
		}
		for _, tc := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.ready("2 interfaces") }, "^READY=1\nSTATUS=2 interfaces$"},
			{n.reloading, "^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$"},
			{func() error { return n.status("degraded") }, "^STATUS=degraded$"},
			{func() error { return n.status("degraded: one\nMAINPID=1") },
				"^STATUS=degraded: one; MAINPID=1$"},
			{n.alive, "^WATCHDOG=1$"},
			{n.stopping, "^STOPPING=1\nSTATUS=stopping$"},
		} {
			if err := tc.send(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 256)
			if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			k, err := l.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(buf[:k]); !regexp.MustCompile(tc.want).MatchString(got) {
				t.Errorf("sent %q, want %s", got, tc.want)
			}
		}
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	for _, name := range []string{"", "relative/path"} {
		t.Setenv("NOTIFY_SOCKET", name)
		if err := newNotifier().ready("x"); err != nil {
			t.Errorf("NOTIFY_SOCKET=%q: %v, want nothing to happen", name, err)
		}
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := newNotifier().ready("x"); err == nil {
		t.Error("a manager that does not listen: no error")
	}
}

// TestNotifyDeafManager: a manager that stopped reading must not hold a reload.
func TestNotifyDeafManager(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	n := newNotifier()
	for range 100_000 {
		if err := n.status("again"); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a full socket: %v, want a passed deadline", err)
			}
			return
		}
	}
	t.Error("the socket takes everything: this test does not test")
}
