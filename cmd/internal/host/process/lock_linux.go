package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// mode is that of the file: whoever could open it could take the lock.
const mode = 0o600

// maxText bounds what is read of a file, in bytes.
const maxText = 64

// Lock is a lock on something that one process at a time may use, which this process
// holds. It is a file that says who does; the kernel drops it with the process, however
// that ends. In order it is removed.
type Lock struct{ file *os.File }

// Take takes the lock at path for this process. Another process that holds it is a
// [HeldError]; one that only looks, as [HolderOf] does, is in nobody's way. A lock on a file
// that its last holder has removed meanwhile excludes nobody, and is taken anew.
func Take(path string) (*Lock, error) {
	for {
		f, err := takeOnce(path)
		if err != nil {
			return nil, err
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock: %w", err)
		}
		if there, err := os.Lstat(path); err == nil && os.SameFile(mine, there) {
			return &Lock{file: f}, nil
		}
		f.Close()
	}
}

// takeOnce is Take for the file that is at path now.
func takeOnce(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for tries := 0; errors.Is(err, unix.EWOULDBLOCK) && tries < maxLooks && !held(f); tries++ {
		time.Sleep(lookPause)
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, &HeldError{Path: path, Holder: read(f)}
	}
	// A process may be of a sandbox in which nobody else can ask the kernel for its
	// namespace. On a disk that is full nobody hears who it is, and the lock is as good.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n%d\n", os.Getpid(), Own().Inode), 0)
	return f, nil
}

// Whoever looks whether a lock is held shares it for a moment, and holds nothing. For so
// many pauses that is waited for.
const (
	maxLooks  = 1000
	lookPause = time.Millisecond
)

// held reports whether a process has the lock of a file for itself.
func held(f *os.File) bool {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return true
	}
	// What closes the file does this as well.
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return false
}

// Release removes the file while this process holds it, so that it is nobody else's. A
// directory that cannot be written to keeps the file.
func (l *Lock) Release() error {
	_ = os.Remove(l.file.Name())
	return l.file.Close()
}

// HolderOf is the process that holds the lock at path, and whether there is one that is
// known of: the file is root's.
func HolderOf(path string) (Process, bool) {
	f, err := os.Open(path)
	if err != nil {
		return Process{}, false
	}
	defer f.Close()
	if !held(f) {
		return Process{}, false
	}
	return read(f), true
}

// read reads who wrote the file. One of an earlier version has the PID alone.
func read(f *os.File) Process {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxText))
	fields := bytes.Fields(b)
	if err != nil || len(fields) == 0 {
		return Process{}
	}
	pid, err := strconv.Atoi(string(fields[0]))
	if err != nil || pid < 0 {
		return Process{}
	}
	p := Of(pid)
	if len(fields) > 1 {
		if inode, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
			p.Network = NamespaceWith(inode)
		}
	}
	return p
}
