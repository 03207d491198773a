package state

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxSize bounds a record, in bytes: two policies of the largest size that is
// accepted, in base64, are far below.
const maxSize = 64 << 20

// read returns what the record's file says if nobody else can have written it. It
// follows no link and waits for no pipe.
func (s *Store) read() ([]byte, error) {
	f, err := os.OpenFile(s.Path(), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := s.trustDir(); err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || !ours(fi) || fi.Mode()&0o022 != 0 {
		return nil, fmt.Errorf("%s (%s): %w", s.Path(), fi.Mode(), ErrUntrusted)
	}
	if fi.Size() > maxSize {
		return nil, fmt.Errorf("%s: %w: %d bytes", s.Path(), ErrCorrupt, fi.Size())
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// trustDir is an error if others can replace files in the directory: it is
// somebody else's, or everybody writes to it without the sticky bit.
func (s *Store) trustDir() error {
	fi, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if !ours(fi) || fi.Mode()&0o002 != 0 && fi.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s (%s): %w", s.dir, fi.Mode(), ErrUntrusted)
	}
	return nil
}

// ours reports whether a file belongs to root or to this process's user.
func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}
