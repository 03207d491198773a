package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

// TestNothingIsLeft: an ordered end leaves neither socket nor lock, nor does a start
// that fails; after a crash the next daemon or a cleanup takes what is there.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.sock")
	s, err := Listen(t.Context(), path, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	if _, held := Holder(path); !held || len(files(t, dir)) != 2 {
		t.Errorf("held %t, %v", held, files(t, dir))
	}
	if err := RemoveLeftovers(path); !errors.Is(err, ErrRunning) || len(files(t, dir)) != 2 {
		t.Errorf("of a living daemon: %v, %v", err, files(t, dir))
	}
	if err := s.Close(); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("after an ordered end: %v, %v", err, files(t, dir))
	}
	if err := RemoveLeftovers(path); err != nil {
		t.Error(err)
	}
	// A crash leaves both.
	s, err = Listen(t.Context(), path, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(s.Listener.Close(), s.lock.Release(),
		os.WriteFile(lockOf(path), []byte("1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir)) != 2 {
		t.Fatal(files(t, dir))
	}
	if err := RemoveLeftovers(path); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("leftovers: %v, %v", err, files(t, dir))
	}
	// What is in the way of the socket is kept, and the lock is not.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), path, NoGroup); err == nil || len(files(t, dir)) != 1 {
		t.Errorf("a file in the way: %v, %v", err, files(t, dir))
	}
}
