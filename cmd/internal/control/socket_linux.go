package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	socketMode    = 0o660
	directoryMode = 0o755
	lockMode      = 0o600
	// maxPath is what fits into sockaddr_un with its closing zero (unix(7)).
	maxPath = 107
)

// Socket is a control socket that this process holds. The lock beside it, and
// not the socket file, says whether a daemon lives: the kernel drops it with
// the process, however that ends. Both files are removed in order.
type Socket struct {
	Listener net.Listener
	path     string
	lock     *os.File
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
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Socket{path: path, lock: lock}
	if err := s.bind(ctx, gid); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

// Close stops listening and removes the socket file and its lock.
func (s *Socket) Close() error {
	return errors.Join(s.Listener.Close(), s.unlock())
}

// unlock removes the lock file while this process holds it, so that it is nobody
// else's. A directory that cannot be written to keeps the file.
func (s *Socket) unlock() error {
	_ = os.Remove(s.lock.Name())
	return s.lock.Close()
}

// acquire takes the lock at path for this process and writes its PID into it. A lock
// on a file that its last holder has removed meanwhile excludes nobody, and is taken
// anew.
func acquire(path string) (*os.File, error) {
	for {
		f, err := acquireOnce(path)
		if err != nil {
			return nil, err
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("control: lock: %w", err)
		}
		if there, err := os.Lstat(path); err == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
}

// acquireOnce is acquire for the file that is at path now.
func acquireOnce(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, lockMode)
	if err != nil {
		return nil, fmt.Errorf("control: lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("control: lock %s: %w", path, err)
		}
		return nil, fmt.Errorf("%w: %s holds %s", ErrRunning, holder(f), path)
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fmt.Errorf("control: lock: %w", err)
	}
	if _, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("control: lock: %w", err)
	}
	return f, nil
}

// RemoveLeftovers removes the socket and the lock that a daemon left which did not stop
// in order. While one lives it removes nothing and returns ErrRunning.
func RemoveLeftovers(path string) error {
	if _, err := os.Lstat(path + ".lock"); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return err
	}
	return errors.Join(removeSocket(path), (&Socket{lock: lock}).unlock())
}

// Locked returns the PID of the daemon that holds the socket at path, and
// whether there is one. The PID is 0 where the lock file does not say.
func Locked(path string) (pid int, held bool) {
	f, err := os.Open(path + ".lock")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err == nil {
		return 0, false
	}
	pid, _ = readPID(f)
	return pid, true
}

// holder names the process that wrote the lock file.
func holder(f *os.File) string {
	pid, ok := readPID(f)
	if !ok {
		return "an unknown process"
	}
	return "PID " + strconv.Itoa(pid)
}

func readPID(f *os.File) (int, bool) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid, err == nil && pid > 0
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
