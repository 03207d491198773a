package flowfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"sgfw/policy"
)

// Modes of what is written, before the umask: addresses are not for everybody.
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
	if err := root.MkdirAll(path.Dir(f.name), folderMode); err != nil {
		return nil, err
	}
	var err error
	f.File, err = root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	if err := f.add([]byte(header + "\n")); err != nil {
		return nil, errors.Join(err, f.Close(), root.Remove(f.name))
	}
	return f, nil
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
