package state

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Store keeps the record of one policy file in a state directory. Its methods are
// not for concurrent use.
type Store struct{ dir, name string }

// NewStore returns the store for a policy file, by its absolute path, in dir, which
// [Store.Save] makes if need be.
func NewStore(dir, policyFile string) *Store {
	sum := sha256.Sum256([]byte(policyFile))
	return &Store{dir: dir, name: fmt.Sprintf("trial-%x.json", sum[:6])}
}

// document is the file.
type document struct {
	Version int     `json:"version"`
	Record  *Record `json:"record"`
}

// Path is the record's file.
func (s *Store) Path() string { return filepath.Join(s.dir, s.name) }

// Load returns the record, nil if there is none. A file that holds anything
// else is ErrCorrupt, one that somebody else may have written ErrUntrusted.
func (s *Store) Load() (*Record, error) {
	var doc document
	if there, err := s.read(s.name, &doc); !there {
		return nil, err
	}
	r := doc.Record
	if doc.Version != version || r == nil || !r.Confirmed.Intact() || r.Pending != nil &&
		!r.Pending.Policy.Intact() {
		return nil, s.corrupt(s.name)
	}
	return r, nil
}

// Save replaces the record. After it returned nil the new one survives a crash
// of the machine; after an error the old one does.
func (s *Store) Save(r Record) error {
	return s.write(s.name, document{Version: version, Record: &r})
}

// read reads a document of the directory. It is false with an error, and without one if
// there is no such file.
func (s *Store) read(name string, doc any) (there bool, err error) {
	b, err := readFile(s.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(b, doc); err != nil {
		return false, fmt.Errorf("%w: %w", s.corrupt(name), err)
	}
	return true, nil
}

// corrupt is the error of a document that means nothing.
func (s *Store) corrupt(name string) error {
	return fmt.Errorf("state: %s: %w", filepath.Join(s.dir, name), ErrCorrupt)
}

// write replaces a document of the directory, see [Store.Save].
func (s *Store) write(name string, doc any) error {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err == nil {
		err = writeFile(s.dir, name, b)
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// writeFile replaces a file of the directory as a whole, and makes the directory if
// need be. After an error the old file is there.
func writeFile(dir, name string, b []byte) (err error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	if err := trustDir(dir); err != nil {
		return err
	}
	// Made with mode 0600.
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes what changed in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Clear removes the record. Where there is none it needs no right to write.
func (s *Store) Clear() error {
	if _, err := os.Lstat(s.Path()); errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err := os.Remove(s.Path()); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
