package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sgfw/policy/file"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	f := NewFile(path)
	if _, err := f.Read(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
	for _, text := range []string{"one", "", "two"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := f.Read(t.Context()); err != nil || string(r.Text) != text || !r.Intact() {
			t.Errorf("%q: %q, %v", text, r.Text, err)
		}
	}
	if id, err := f.ID(); err != nil || id != path {
		t.Errorf("ID %q, %v", id, err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFile(fifo).Read(within(t, 5*time.Second)); !errors.Is(err, file.ErrNotRegular) {
		t.Errorf("a pipe: %v", err)
	}
}

// TestFileThatHangs: nobody waits longer than wanted, the threads that do are few, and
// once the file answers everything is as before.
func TestFileThatHangs(t *testing.T) {
	f := NewFile("/dead/p.yaml")
	answer, begun := make(chan struct{}), make(chan struct{}, 100)
	f.read = func(string) ([]byte, error) {
		begun <- struct{}{}
		<-answer
		return []byte("text"), nil
	}
	if f.Hangs() {
		t.Error("it hangs before anybody asked")
	}
	for range 3 * maxReads {
		_, err := f.Read(within(t, 10*time.Millisecond))
		if !errors.Is(err, ErrHangs) || !strings.Contains(err.Error(), "/dead/p.yaml") || !f.Hangs() {
			t.Errorf("%v, hangs %t", err, f.Hangs())
		}
	}
	if n := len(begun); n != maxReads+1 { // and one that looks whether it is so still
		t.Errorf("%d reads were begun, want %d", n, maxReads+1)
	}
	close(answer)
	for deadline := time.Now().Add(5 * time.Second); f.Hangs() || f.underWay() > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("it hangs %t, %d under way, after it has answered", f.Hangs(), f.underWay())
		}
		time.Sleep(time.Millisecond)
	}
	if r, err := f.Read(within(t, 5*time.Second)); err != nil || string(r.Text) != "text" {
		t.Errorf("%q, %v", r.Text, err)
	}
}

// TestReadThatIsInterrupted: who does not want to know any more has not waited in vain.
func TestReadThatIsInterrupted(t *testing.T) {
	f := NewFile("p.yaml")
	answer, begun := make(chan struct{}), make(chan struct{}, 100)
	f.read = func(string) ([]byte, error) {
		begun <- struct{}{}
		<-answer
		return []byte("text"), nil
	}
	for range 3 * maxReads { // the last ones wait for a place
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err := f.Read(ctx)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrHangs) || f.Hangs() {
			t.Errorf("%v, hangs %t", err, f.Hangs())
		}
	}
	close(answer)
	if r, err := f.Read(within(t, 5*time.Second)); err != nil || string(r.Text) != "text" {
		t.Errorf("%q, %v", r.Text, err)
	}
	if f.Hangs() {
		t.Error("it is said to hang")
	}
}

func (f *File) underWay() int { return len(f.readers.Load().places) }

// TestFileElsewhere: the path leads elsewhere than to a dead mount now. Those who only
// glance have left a place for whoever asks, and what hangs is forgotten with the answer.
func TestFileElsewhere(t *testing.T) {
	f := NewFile("p.yaml")
	dead := make(chan struct{})
	defer close(dead)
	var elsewhere atomic.Bool
	f.read = func(string) ([]byte, error) {
		if !elsewhere.Load() {
			<-dead
		}
		return []byte("text"), nil
	}
	for range 2 * maxReads {
		if _, err := f.Glance(within(t, 10*time.Millisecond)); !errors.Is(err, ErrHangs) {
			t.Errorf("a glance: %v", err)
		}
	}
	if n := f.underWay(); n != maxGlances {
		t.Errorf("%d glances are under way, want %d", n, maxGlances)
	}
	elsewhere.Store(true)
	if r, err := f.Read(within(t, 5*time.Second)); err != nil || string(r.Text) != "text" {
		t.Errorf("it is read: %q, %v", r.Text, err)
	}
	if r, err := f.Glance(within(t, 5*time.Second)); err != nil || string(r.Text) != "text" {
		t.Errorf("a glance after that: %q, %v", r.Text, err)
	}
	if f.Hangs() || f.underWay() > 0 {
		t.Errorf("it hangs %t, %d under way", f.Hangs(), f.underWay())
	}
}

// TestFileElsewhereAfterReloads: somebody has asked until no place was left. Once the path
// leads elsewhere that is found out all the same, and a dead mount costs few threads.
func TestFileElsewhereAfterReloads(t *testing.T) {
	f := NewFile("p.yaml")
	dead, begun := make(chan struct{}), make(chan struct{}, 100)
	defer close(dead)
	var elsewhere atomic.Bool
	f.read = func(string) ([]byte, error) {
		if begun <- struct{}{}; !elsewhere.Load() {
			<-dead
		}
		return []byte("text"), nil
	}
	hangs := func(what string, ask func(context.Context) (Revision, error), begins int) {
		t.Helper()
		before := len(begun)
		_, err := ask(within(t, 20*time.Millisecond))
		if n := len(begun) - before; !errors.Is(err, ErrHangs) || n != begins {
			t.Errorf("%s: %v, %d reads were begun, want %d", what, err, n, begins)
		}
	}
	r := f.readers.Load()
	later := func(pauses int) {
		r.asked.last = time.Now().Add(-time.Duration(pauses) * tryAgain)
		r.glanced.last = r.asked.last
	}
	for range maxGlances {
		hangs("a place is left", f.Glance, 1)
	}
	hangs("no place is left for glances", f.Glance, 1)
	hangs("just after that", f.Glance, 0)
	later(2)
	hangs("a while after that", f.Glance, 1)
	later(3)
	hangs("twice the while is not over", f.Glance, 0)
	for range maxReads - maxGlances {
		hangs("a place is left", f.Read, 1)
	}
	hangs("no place is left", f.Read, 1)
	hangs("just after that", f.Read, 0)
	later(1)
	hangs("a while after that", f.Read, 1)
	r.asked.n = maxTries
	later(1)
	hangs("after many a while", f.Read, 0)
	later(1 << 10)
	elsewhere.Store(true)
	if r, err := f.Glance(within(t, 5*time.Second)); err != nil || string(r.Text) != "text" {
		t.Errorf("a glance: %q, %v", r.Text, err)
	}
	if f.Hangs() || f.underWay() > 0 {
		t.Errorf("it hangs %t, %d under way", f.Hangs(), f.underWay())
	}
}

func TestStdin(t *testing.T) {
	f := NewFile(Stdin)
	f.stdin = strings.NewReader("text")
	if r, err := f.Read(t.Context()); err != nil || string(r.Text) != "text" {
		t.Errorf("%q, %v", r.Text, err)
	}
	if _, err := f.Read(t.Context()); !errors.Is(err, ErrReadOnce) {
		t.Errorf("the second time: %v", err)
	}
	if id, err := f.ID(); err != nil || id != Stdin {
		t.Errorf("ID %q, %v", id, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Follow(ctx, func() { t.Error("it says something new") }); err != nil {
		t.Error(err)
	}
}
