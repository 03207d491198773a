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
	// readers are those who read it now.
	readers atomic.Pointer[readers]
}

// NewFile returns the policy file at path, or what standard input says if that is Stdin.
func NewFile(path string) *File {
	f := &File{path: path, read: file.Read, stdin: os.Stdin}
	f.readers.Store(newReaders())
	return f
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
func (f *File) Hangs() bool { return f.readers.Load().hanging.Load() > 0 }

// Glance is Read for those who ask again and again: while several wait in vain it gives up
// at once, but for a try now and then.
func (f *File) Glance(ctx context.Context) (Revision, error) {
	return f.readFrom(ctx, (*readers).glance)
}

// Read returns what the file says now. It gives up when ctx ends, and leaves a thread to
// wait on: with ErrHangs if its time is over, with the error of ctx if nobody wants to know
// any more. Standard input is waited for as long as ctx lives.
func (f *File) Read(ctx context.Context) (Revision, error) {
	return f.readFrom(ctx, (*readers).begin)
}

// readFrom is Read once begin has said that it may begin.
func (f *File) readFrom(ctx context.Context,
	begin func(*readers, context.Context) (leave func(), ok bool)) (Revision, error) {
	read := func() ([]byte, error) { return f.read(f.path) }
	if f.path == Stdin {
		if f.begun.Swap(true) {
			return Revision{}, fmt.Errorf("policy: %w", ErrReadOnce)
		}
		read = func() ([]byte, error) { return file.ReadFrom(f.stdin) }
	}
	gaveUp := func() (Revision, error) {
		if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return Revision{}, fmt.Errorf("policy: %s was not waited for: %w", f.path, err)
		}
		return Revision{}, fmt.Errorf("policy: %s %w", f.path, ErrHangs)
	}
	readers := f.readers.Load()
	leave, ok := begin(readers, ctx)
	if !ok {
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
			readers.hanging.Add(-1)
		} else if readers.hanging.Load() > 0 {
			f.readers.CompareAndSwap(readers, newReaders())
		}
		leave()
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
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return gaveUp() // which says nothing of the file
		}
		readers.hanging.Add(1)
		if !state.CompareAndSwap(waiting, left) {
			readers.hanging.Add(-1) // it answered just now
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
