// Package file is the YAML format of a policy: a strict reader, and the table of keys
// that the schema and the documentation are made of ([Reference]).
//
// The reader refuses whatever it does not know or could read in two ways. All problems
// are reported at once, each with file, line and column. No other package uses
// gopkg.in/yaml.v3.
package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"sgfw/policy"
)

// MaxSize is the size of the largest policy file in bytes. 100,000 rules fit, however
// they are written.
const MaxSize = 32 << 20

// MaxProblems is how many errors, and how many warnings and notices, are
// reported one by one; the rest is counted.
const MaxProblems = 100

// ErrTooBig is the error of a file larger than MaxSize.
var ErrTooBig = errors.New("policy file is too big")

// ErrNotRegular says that what was to be read is a pipe, a device or a directory: it
// could end never, or say something else each time.
var ErrNotRegular = errors.New("not a regular file")

// Load reads and checks the policy file at path. The policy is nil when the
// error is not. An error about what the file says is the problems themselves
// (see [policy.AsProblems]); others are about reading it. Problems are returned
// with a good policy too: warnings and notices.
func Load(path string) (*policy.Policy, policy.Problems, error) {
	data, err := Read(path)
	if err != nil {
		return nil, nil, err
	}
	return Parse(path, data)
}

// Read returns the text of the policy file at path, for [Parse]. Of a file that
// is larger than MaxSize it returns enough for Parse to refuse it. It waits for no
// pipe, and fails with ErrNotRegular; a disk that does not answer holds it up.
func Read(path string) ([]byte, error) {
	// Opening a pipe would wait for somebody who writes.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("policy: %s is %s, %w", path, kindOf(fi.Mode()), ErrNotRegular)
	}
	return ReadFrom(f)
}

// ReadFrom returns the text that r says up to its end, for [Parse]: what is not a file,
// such as standard input. See [Read] for its size.
func ReadFrom(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return data, nil
}

// kindOf names what is not a regular file.
func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&os.ModeNamedPipe != 0:
		return "a pipe"
	case m&os.ModeSocket != 0:
		return "a socket"
	case m&os.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// Parse checks the text of a policy file; name is what positions call it. See
// [Load] for the results. The same text gives the same answer, whatever its
// size: what is larger than MaxSize is refused with ErrTooBig.
func Parse(name string, data []byte) (*policy.Policy, policy.Problems, error) {
	return parse(name, data, policy.Problems.Folded)
}

// ParseAsAWS is [Parse] for a policy that is to be taken to AWS: what AWS would refuse is
// an error.
func ParseAsAWS(name string, data []byte) (*policy.Policy, policy.Problems, error) {
	return parse(name, data, policy.Problems.AsAWS)
}

func parse(name string, data []byte, view func(policy.Problems) policy.Problems) (*policy.Policy,
	policy.Problems, error) {
	if len(data) > MaxSize {
		return nil, nil, fmt.Errorf("%s: %w: more than %d MiB", name, ErrTooBig, MaxSize>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // a byte order mark, as Windows writes it
	d := &decoder{file: name, parts: make(map[place]*node),
		noticed: make(map[string]bool)}
	var p *policy.Policy
	if root := d.read(data); root != nil {
		p = d.policy(root)
		failed := d.found.Failed()
		for _, problem := range policy.Validate(p) {
			// What is missing may be what could not be read.
			if !failed || problem.Field != "interfaces" {
				d.found.Add(d.placed(problem))
			}
		}
	}
	found := d.found.Problems()
	found.Sort()
	problems := view(found).Limit(MaxProblems)
	if err := problems.Err(); err != nil {
		return nil, problems, err
	}
	return p, problems, nil
}
