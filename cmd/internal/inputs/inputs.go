// Package inputs reads the files, folders and pipes that hold security groups in the formats
// of other tools.
package inputs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// ErrEmpty says that a folder has nothing to read.
var ErrEmpty = errors.New("no file of a known kind")

// ErrTooBig is the error of a file larger than the largest policy file.
var ErrTooBig = errors.New("the file is too big")

// MaxFiles and MaxTotal bound what is read at once, in files and bytes.
const (
	MaxFiles = 2000
	MaxTotal = 128 << 20
)

var errTooMuch = fmt.Errorf("more than %d files or %d MiB at once", MaxFiles, MaxTotal>>20)

// suffixes are those of the files that are read of a folder.
var suffixes = []string{".tf", ".tf.json", ".tfvars"}

// templates is how the names end of what cdk synth writes.
const templates = ".template.json"

// Read reads what arguments name: files, folders with a configuration of Terraform or with
// the templates of cdk synth, and standard input for -. What is no regular file is refused.
// Text in UTF-16, as PowerShell writes it, is turned into UTF-8. The error names everything
// that cannot be read.
func Read(args []string, stdin io.Reader) ([]convert.Source, error) {
	var r Reader
	var sources []convert.Source
	var failed []error
	piped := false
	for _, arg := range args {
		var more []convert.Source
		var err error
		switch {
		case arg != "-":
			if more, err = r.Folder(arg); errors.Is(err, ErrEmpty) {
				more, err = r.templates(arg)
			}
		case piped:
			err = errors.New("standard input is given twice")
		default:
			piped = true
			more, err = r.pipe(stdin)
		}
		sources = append(sources, more...)
		if err != nil {
			failed = append(failed, err)
		}
		if errors.Is(err, errTooMuch) {
			break // so is what follows
		}
	}
	if len(failed) > 0 {
		return nil, errors.Join(failed...)
	}
	return sources, nil
}

// pipe reads standard input.
func (r *Reader) pipe(stdin io.Reader) ([]convert.Source, error) {
	data, err := file.ReadFrom(stdin)
	if err != nil {
		return nil, err
	}
	s, err := r.source("stdin", data)
	if err != nil {
		return nil, err
	}
	return []convert.Source{s}, nil
}

// Reader reads files and keeps what it has read within bounds. The zero value has read
// nothing.
type Reader struct {
	files, total int
}

// Folder reads the files of a folder, see [Read], or the one file.
func (r *Reader) Folder(path string) ([]convert.Source, error) {
	paths, err := filesOf(path)
	if err != nil {
		return nil, err
	}
	var sources []convert.Source
	for _, path := range paths {
		data, err := file.Read(path)
		if err != nil {
			return nil, err
		}
		s, err := r.source(path, data)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// templates reads those of a folder that cdk synth has written, such as cdk.out.
func (r *Reader) templates(dir string) (sources []convert.Source, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), templates) || e.IsDir() {
			continue
		}
		more, err := r.Folder(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: %w: a folder has a configuration of Terraform (%s) or templates of "+
			"the CDK (%s); name other files themselves", dir, ErrEmpty, strings.Join(suffixes, ", "),
			templates)
	}
	return sources, nil
}

// source is what was read, counted.
func (r *Reader) source(name string, data []byte) (convert.Source, error) {
	if len(data) > file.MaxSize { // of more there is only the beginning
		return convert.Source{}, fmt.Errorf("%s: %w: more than %d MiB", name, ErrTooBig,
			file.MaxSize>>20)
	}
	r.files++
	if r.total += len(data); r.files > MaxFiles || r.total > MaxTotal {
		return convert.Source{}, fmt.Errorf("%s: %w", name, errTooMuch)
	}
	text, err := decoded(data)
	if err != nil {
		return convert.Source{}, fmt.Errorf("%s: %w", name, err)
	}
	return convert.Source{Name: name, Data: text}, nil
}

// filesOf are a file itself, or the files of a folder that Terraform reads: those in it, not
// those below.
func filesOf(path string) ([]string, error) {
	fi, err := os.Stat(path)
	if err != nil || !fi.IsDir() {
		return []string{path}, nil // reading it says what is wrong
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if taken(e.Name()) && e.Type()&fs.ModeDir == 0 && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(path, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: %w: a module has %s", path, ErrEmpty,
			strings.Join(suffixes, ", "))
	}
	return paths, nil
}

// taken reports whether Terraform reads a file of a folder by itself: of the files with
// values of variables those that are called so.
func taken(name string) bool {
	if base := strings.TrimSuffix(name, ".json"); strings.HasSuffix(base, ".tfvars") {
		return base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars")
	}
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// File reads one file of text, as [Read] does.
func File(path string) ([]byte, error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, err
	}
	var r Reader
	s, err := r.source(path, data)
	return s.Data, err
}
