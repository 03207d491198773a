package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OpenVolatile opens a file of the runtime directory if nobody else can have written it; it
// follows no link and waits for no pipe. The error wraps [fs.ErrNotExist] where there is none,
// and [ErrUntrusted].
func OpenVolatile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = trustDir(filepath.Dir(path))
	}
	if err == nil && (!fi.Mode().IsRegular() || !ours(fi) || fi.Mode()&0o077 != 0) {
		err = fmt.Errorf("%s (%s): %w", path, fi.Mode(), ErrUntrusted)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// CreateVolatile makes an empty file of the runtime directory that nobody else can read. It
// has another name until [Volatile.Install].
func CreateVolatile(path string) (*Volatile, error) {
	if err := trustDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	v := &Volatile{path: path, name: path + ".new"}
	// What a daemon left that was killed before it had written all.
	if err := os.Remove(v.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var err error
	v.File, err = os.OpenFile(v.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	return v, err
}

// Volatile is a file that replaces another one once it is complete.
type Volatile struct {
	*os.File
	path, name string
}

// Install gives the file its name; a second call does nothing.
func (v *Volatile) Install() error {
	if v.name == "" {
		return nil
	}
	if err := os.Rename(v.name, v.path); err != nil {
		return err
	}
	v.name = ""
	return nil
}

// Close closes the file, and removes one that was not installed.
func (v *Volatile) Close() error {
	err := v.File.Close()
	if v.name != "" {
		err = errors.Join(err, os.Remove(v.name))
	}
	return err
}
