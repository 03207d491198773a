package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/policy"
)

const (
	// socketMode is that of the control socket.
	socketMode = 0o660
	// strangerPatience is how long a socket that is in the way may take to answer.
	strangerPatience = time.Second
)

// Listen listens at a place of the policy, in the network namespace of the process. A unix
// socket is for root and the group with the number gid, or for root alone if gid is negative.
// A socket file that nobody listens on is replaced; the listener removes its own.
func Listen(ctx context.Context, at policy.Listen, gid int) (net.Listener, error) {
	if at.Network() != "unix" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", string(at))
		if errors.Is(err, syscall.EAFNOSUPPORT) {
			return nil, fmt.Errorf("%w (hint: as a service sgfw opens no network socket until "+
				"metrics-on-loopback.conf is installed, see docs/metrics.md; a unix socket in /run/sgfw "+
				"needs nothing)", err)
		}
		return l, err
	}
	path := string(at)
	if err := safe(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// unix_bind takes the mode of the socket: at no moment can anybody else connect.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		if err := c.Control(func(fd uintptr) { chmod = unix.Fchmod(int(fd), socketMode) }); err != nil {
			return err
		}
		return chmod
	}}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if gid >= 0 {
		if err := os.Lchown(path, -1, gid); err != nil {
			l.Close()
			return nil, fmt.Errorf("give the socket to group %d: %w", gid, err)
		}
	}
	if err := os.Chmod(path, socketMode); err != nil { // the umask may have taken bits away
		l.Close()
		return nil, err
	}
	return l, nil
}

// safe refuses a folder where others could put something else in the place of the socket, whose
// mode and group would be changed in its stead.
func safe(folder string) error {
	fi, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if fi.Mode()&0o022 != 0 && fi.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("others may replace files in %s (mode %04o) (hint: choose a folder that "+
			"only its owner can write to, such as /run/sgfw)", folder, fi.Mode().Perm())
	}
	return nil
}

// removeStale removes a socket that nobody listens on, and nothing else.
func removeStale(ctx context.Context, path string) error {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case fi.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket", path)
	}
	ctx, cancel := context.WithTimeout(ctx, strangerPatience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("another program listens on %s", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("whether a program listens on %s cannot be seen: %w", path, err)
	}
	return os.Remove(path)
}
