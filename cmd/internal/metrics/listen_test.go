package metrics

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
)

// TestListenOnSocket: a unix socket is for its owner and group, replaces what a dead daemon
// left, and nothing else.
func TestListenOnSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "sgfw") // shorter than that of the test
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "metrics.sock")
	at := policy.Listen(path)
	listen := func() net.Listener {
		t.Helper()
		l, err := Listen(t.Context(), at, -1)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := listen()
	if fi, err := os.Lstat(path); err != nil || fi.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the socket is %v, %v", fi.Mode(), err)
	}
	if other, err := Listen(t.Context(), at, -1); err == nil ||
		!strings.Contains(err.Error(), "another program listens on "+path) {
		t.Errorf("a second listener: %v, %v", other, err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first one after that: %v", err)
	} else {
		c.Close()
	}
	l.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left after an ordered end")
	}

	l = listen()
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as one that is killed
	l.Close()
	listen().Close()

	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), at, -1); err == nil ||
		!strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Error("the file was touched")
	}
	if _, err := Listen(t.Context(), policy.Listen(filepath.Join(dir, "none", "m.sock")),
		-1); err == nil {
		t.Error("listens in a directory that is not there")
	}
}

// TestListenWhereOthersWrite: no socket is made where others could replace it.
func TestListenWhereOthersWrite(t *testing.T) {
	dir, err := os.MkdirTemp("", "sgfw")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "metrics.sock")
	for mode, listens := range map[fs.FileMode]bool{0o700: true, 0o755: true,
		0o777 | fs.ModeSticky: true, 0o777: false, 0o775: false, 0o757: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(t.Context(), policy.Listen(path), -1)
		if (err == nil) != listens || err != nil && !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("in a folder of mode %v: %v", mode, err)
		}
		if err == nil {
			l.Close()
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("in a folder of mode %v a socket is left", mode)
		}
	}
}

// TestListenTwice: an address that another program has is an error.
func TestListenTwice(t *testing.T) {
	l, err := Listen(context.Background(), "127.0.0.1:0", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(context.Background(), policy.Listen(l.Addr().String()), -1); err == nil ||
		!strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second listener: %v", err)
	}
}
