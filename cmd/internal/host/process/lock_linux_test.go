package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOneAtATime: though the lock's file goes with its holder, never two hold it.
func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock.lock")
	var holders, taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				l, err := Take(path)
				if _, held := errors.AsType[*HeldError](err); held {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				taken.Add(1)
				holders.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() < 8 {
		t.Errorf("taken %d times", taken.Load())
	}
}

// TestWhoLooksHoldsNothing: a lock is taken while others look at it, and they do not keep a
// process from starting.
func TestWhoLooksHoldsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock.lock")
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
	looks, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer looks.Close()
	if err := unix.Flock(int(looks.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	looked := make(chan error)
	go func() {
		time.Sleep(20 * time.Millisecond)
		looked <- unix.Flock(int(looks.Fd()), unix.LOCK_UN)
	}()
	l, err := Take(path)
	if err := <-looked; err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if h, held := HolderOf(path); !held || h.PID != os.Getpid() {
			t.Errorf("held %t by %v", held, h)
		}
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// TestLockOnAFullDisk: where nobody can write who holds a lock it holds all the same.
func TestLockOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("sgfw-test", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Skipf("needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, bytes.Repeat([]byte("x"), os.Getpagesize()), mode); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "lock")
	l, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, held := HolderOf(path); !held || h.PID != 0 {
		t.Errorf("held %t by %v", held, h)
	}
	if _, err := Take(path); err == nil {
		t.Error("it is taken twice")
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
