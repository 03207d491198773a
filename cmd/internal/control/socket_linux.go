package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/host/process"
)

const (
	socketMode    = 0o660
	directoryMode = 0o755
	// maxPath is what fits into sockaddr_un with its closing zero (unix(7)).
	maxPath = 107
)

// Socket is a control socket that this process holds. The lock beside it, and
// not the socket file, says whether a daemon lives: the kernel drops it with
// the process, however that ends. Both files are removed in order.
type Socket struct {
	Listener net.Listener
	path     string
	lock     *process.Lock
}

// Listen makes the socket at path for the group with the number gid, and its
// directory if need be. A socket file that a dead daemon left is replaced; a live
// daemon is ErrRunning with its PID.
func Listen(ctx context.Context, path string, gid int) (*Socket, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("control: socket path %s has %d bytes, Linux allows %d", path, len(path),
			maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), directoryMode); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	lock, err := take(path)
	if err != nil {
		return nil, err
	}
	s := &Socket{path: path, lock: lock}
	if err := s.bind(ctx, gid); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

// Close stops listening and removes the socket file and its lock.
func (s *Socket) Close() error {
	return errors.Join(s.Listener.Close(), s.lock.Release())
}

// take takes the lock of the socket at path.
func take(path string) (*process.Lock, error) {
	lock, err := process.Take(lockOf(path))
	if held, ok := errors.AsType[*process.HeldError](err); ok {
		return nil, running(held)
	}
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return lock, nil
}

// Running is ErrRunning, with what is known of the daemon, while one holds the socket at
// path; otherwise nil.
func Running(path string) error {
	holder, held := Holder(path)
	if !held {
		return nil
	}
	return running(&process.HeldError{Path: lockOf(path), Holder: holder})
}

// running is ErrRunning with who holds the lock, and what can be done.
func running(held *process.HeldError) error {
	who := fmt.Sprintf("%s holds %s", held.Holder, held.Path)
	if held.Holder.Stopped() {
		who += " (" + held.Holder.Described() + ")"
	}
	own := process.Own()
	switch at := held.Holder.Network; {
	case at.Other(own):
		return fmt.Errorf("%w: %s, in another network namespace: %s (hint: a daemon of this namespace "+
			"needs a socket and a state directory of its own: --socket PATH --state-dir DIR)", ErrRunning,
			who, at)
	case at.Same(own):
		return fmt.Errorf("%w: %s (hint: a network namespace has one daemon: stop that one first)",
			ErrRunning, who)
	}
	return fmt.Errorf("%w: %s", ErrRunning, who)
}

// RemoveLeftovers removes the socket and the lock that a daemon left which did not stop
// in order. While one lives it removes nothing and returns ErrRunning.
func RemoveLeftovers(path string) error {
	if _, err := os.Lstat(lockOf(path)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := take(path)
	if err != nil {
		return err
	}
	return errors.Join(removeSocket(path), lock.Release())
}

// bind makes the socket file. Its mode is set on the socket before the kernel
// makes the file of it (unix_bind takes the socket's mode), so at no moment
// can anybody else connect.
func (s *Socket) bind(ctx context.Context, gid int) error {
	if err := removeSocket(s.path); err != nil {
		return err
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		if err := c.Control(func(fd uintptr) { chmod = unix.Fchmod(int(fd), socketMode) }); err != nil {
			return err
		}
		return chmod
	}}
	l, err := lc.Listen(ctx, "unix", s.path)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	// A sandbox may forbid the call, also where it would change nothing.
	if gid != NoGroup {
		if err := os.Lchown(s.path, -1, gid); err != nil {
			l.Close()
			return fmt.Errorf("control: give the socket to group %d: %w", gid, err)
		}
	}
	// The umask may have taken bits away.
	if err := os.Chmod(s.path, socketMode); err != nil {
		l.Close()
		return fmt.Errorf("control: %w", err)
	}
	s.Listener = l
	return nil
}

// removeSocket removes what a dead daemon left, and nothing but a socket.
func removeSocket(path string) error {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control: %w", err)
	case fi.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("control: %s exists and is not a socket", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("control: stale socket: %w", err)
	}
	return nil
}
