package netlab

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// ErrGoexit is returned when a function that was to run inside a namespace
// ended its goroutine, as testing's FailNow does.
var ErrGoexit = errors.New("netlab: the function ended its goroutine")

// threadNetNS is the network namespace of the calling thread. /proc/self would
// be that of the process's first thread.
const threadNetNS = "/proc/thread-self/ns/net"

// namespace is a network namespace kept alive by an open descriptor alone.
type namespace struct{ file *os.File }

// newNamespace makes an empty network namespace.
func newNamespace() (namespace, error) {
	var ns namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		f, err := os.Open(threadNetNS)
		if err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		ns.file = f
		return nil
	})
	return ns, err
}

// do runs f on a thread inside the namespace.
func (ns namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// onThread runs f on a thread that is destroyed when f is done, so that nothing
// else ever runs in a namespace that f entered.
func onThread(f func() error) error {
	err := ErrGoexit
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the runtime ends a thread whose goroutine ends locked,
		// and starts new threads from a clean one while this one exists.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			err = f()
			return
		}
		// The first thread cannot be ended: it would stay in the namespace, and
		// with it what /proc/self shows. Keep it busy while another one works.
		err = onThread(f)
		runtime.UnlockOSThread()
	}()
	<-done
	return err
}
