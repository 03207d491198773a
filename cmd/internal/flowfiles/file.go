package flowfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"sgfw/policy"
)

// Modes of what is written, whatever the umask, which is the process's for its secrets:
// addresses are for root and the daemon's group, and not for everybody.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

// file is a file of lines that is written to.
type file struct {
	*os.File
	name string
	slot time.Time // the five minutes that it is for
	size int64     // of what is whole
	gzip bool
}

// create makes the file for what begins at t, with its first line.
func create(root *os.Root, l policy.FlowLog, t time.Time, header string) (*file, error) {
	f := &file{name: place(l, t), slot: t.Truncate(fileEvery), gzip: l.File == policy.FlowLogGzip}
	if err := makeFolders(path.Dir(f.name), root.Mkdir, root.Chmod); err != nil {
		return nil, err
	}
	var err error
	f.File, err = root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	_ = f.Chmod(fileMode) // a file system without modes has its own
	if err := f.add([]byte(header + "\n")); err != nil {
		return nil, errors.Join(err, f.Close(), root.Remove(f.name))
	}
	return f, nil
}

// makeFolders makes a folder and those above it. One that is there keeps its mode.
func makeFolders(name string, mkdir, chmod func(string, os.FileMode) error) error {
	err := mkdir(name, folderMode)
	if errors.Is(err, fs.ErrNotExist) && path.Dir(name) != name {
		if err := makeFolders(path.Dir(name), mkdir, chmod); err != nil {
			return err
		}
		err = mkdir(name, folderMode)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // what is no folder has the next step fail
	} else if err != nil {
		return err
	}
	_ = chmod(name, folderMode) // a file system without modes has its own
	return nil
}

// add appends lines, all of them or, after an error, none. Compressed lines are a member of
// their own (RFC 1952), so that a file can be read at any time.
func (f *file) add(lines []byte) error {
	if f.gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(lines)
		if err := errors.Join(err, z.Close()); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		lines = b.Bytes()
	}
	if n, err := f.WriteAt(lines, f.size); err != nil {
		if n > 0 {
			err = errors.Join(err, f.Truncate(f.size))
		}
		return err
	}
	f.size += int64(len(lines))
	return nil
}
