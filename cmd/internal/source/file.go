package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sgfw/cmd/internal/host/files"
	"sgfw/policy/file"
)

// Stdin is the path of a file that is standard input.
const Stdin = "-"

// StdinName is what messages call standard input.
const StdinName = "stdin"

// Patience is how long a daemon waits for a file that does not answer.
const Patience = 5 * time.Second

// maxReads bounds the reads of one file that are under way: of a mount that is dead
// each costs a thread until it answers, or for ever.
const maxReads = 4

// ErrHangs says that the file did not answer in time: it lies on a mount whose server
// is gone, as a rule.
var ErrHangs = errors.New("does not answer")

// ErrReadOnce says that standard input was read already, and says nothing more.
var ErrReadOnce = errors.New("standard input was read at the start and cannot be read again")

// File is a policy file. Its methods are safe for concurrent use.
type File struct {
	path string
	// read is how it is read.
	read func(path string) ([]byte, error)
	// stdin is where the text of Stdin comes from.
	stdin io.Reader
	// begun is true once Stdin was read.
	begun atomic.Bool
	// reads has an element for each read that is under way, and hanging counts those
	// that nobody waits for any more.
	reads   chan struct{}
	hanging atomic.Int32
}

// NewFile returns the policy file at path, or what standard input says if that is Stdin.
func NewFile(path string) *File {
	return &File{path: path, read: file.Read, stdin: os.Stdin, reads: make(chan struct{}, maxReads)}
}

// Name is what positions in messages call the file.
func (f *File) Name() string {
	if f.path == Stdin {
		return StdinName
	}
	return f.path
}

// ID tells the file from others, wherever the process is started: its absolute path, or
// Stdin.
func (f *File) ID() (string, error) {
	if f.path == Stdin {
		return Stdin, nil
	}
	return filepath.Abs(f.path)
}

// Hangs reports whether somebody has waited in vain for the file, and it has not
// answered since.
func (f *File) Hangs() bool { return f.hanging.Load() > 0 }

// Read returns what the file says now. It gives up with ErrHangs when ctx ends, and
// leaves a thread to wait on. Standard input is waited for as long as ctx lives.
func (f *File) Read(ctx context.Context) (Revision, error) {
	read := func() ([]byte, error) { return f.read(f.path) }
	if f.path == Stdin {
		if f.begun.Swap(true) {
			return Revision{}, fmt.Errorf("policy: %w", ErrReadOnce)
		}
		read = func() ([]byte, error) { return file.ReadFrom(f.stdin) }
	}
	gaveUp := func() (Revision, error) {
		return Revision{}, fmt.Errorf("policy: %s %w", f.path, ErrHangs)
	}
	select {
	case f.reads <- struct{}{}:
	case <-ctx.Done():
		return gaveUp()
	}
	type result struct {
		text    []byte
		writers Writer
		err     error
	}
	const waiting, answered, left = 0, 1, 2
	var state atomic.Int32
	done := make(chan result, 1)
	go func() {
		text, err := read()
		writers := Writer{}
		if f.path != Stdin && err == nil {
			writers = Writers(f.path)
		}
		if !state.CompareAndSwap(waiting, answered) {
			f.hanging.Add(-1)
		}
		<-f.reads
		done <- result{text, writers, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return Revision{}, r.err
		}
		out := NewRevision(r.text)
		out.Writers = r.writers
		return out, nil
	case <-ctx.Done():
		f.hanging.Add(1)
		if !state.CompareAndSwap(waiting, left) {
			f.hanging.Add(-1) // it answered just now
		}
		return gaveUp()
	}
}

// Follow calls settled when the file may say something new, however it was changed:
// written in place, replaced by a rename, or reached through a symbolic link that was
// swapped, as Kubernetes does with a ConfigMap. It calls it once at the start, too.
// It returns nil when ctx ends, though a mount that does not answer can hold it up.
// Standard input says nothing new.
func (f *File) Follow(ctx context.Context, settled func()) error {
	if f.path == Stdin {
		<-ctx.Done()
		return nil
	}
	return files.Follow(ctx, f.path, files.DefaultDelays, settled)
}
