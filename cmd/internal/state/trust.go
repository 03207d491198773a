package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxSize bounds a file, in bytes: two policies of the largest size that is
// accepted, in base64, are below.
const maxSize = 128 << 20

// readFile returns what a file of the directory says if nobody else can have written
// it. It follows no link and waits for no pipe.
func readFile(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := trustDir(dir); err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || !ours(fi) || fi.Mode()&0o022 != 0 {
		return nil, fmt.Errorf("%s (%s): %w", path, fi.Mode(), ErrUntrusted)
	}
	if fi.Size() > maxSize {
		return nil, fmt.Errorf("%s: %w: %d bytes", path, ErrCorrupt, fi.Size())
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// LockOf is the lock that the daemon which uses a state directory holds.
func LockOf(dir string) string { return filepath.Join(dir, "lock") }

// Prepare makes a state directory if need be; made says whether it was. The error wraps
// ErrUntrusted where others could replace its files, and nothing is read of it.
func Prepare(dir string) (made bool, err error) {
	_, err = os.Lstat(dir)
	made = errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	if err := trustDir(dir); err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	return made, nil
}

// trustDir is an error if others can replace files in the directory: it is
// somebody else's, or everybody writes to it without the sticky bit.
func trustDir(dir string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !ours(fi) || fi.Mode()&0o002 != 0 && fi.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s (%s): %w", dir, fi.Mode(), ErrUntrusted)
	}
	return nil
}

// ours reports whether a file belongs to root or to this process's user.
func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}
