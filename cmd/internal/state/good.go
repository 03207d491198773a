package state

import (
	"strings"
	"time"

	"sgfw/cmd/internal/source"
)

// Good is the last policy of a file that was in force for good: what a start enforces
// when the file cannot be used.
type Good struct {
	// File is the policy file that the text is from; see [Record].
	File   string          `json:"file"`
	Policy source.Revision `json:"policy"`
	// At is when it was put in force first.
	At time.Time `json:"at"`
}

// goodDocument is the file.
type goodDocument struct {
	Version int   `json:"version"`
	Good    *Good `json:"last_good"`
}

// goodName is the file beside that of the record.
func (s *Store) goodName() string { return strings.Replace(s.name, "trial-", "good-", 1) }

// LoadGood returns the last good policy of the file with the ID, nil if there is none.
// The errors are those of [Store.Load].
func (s *Store) LoadGood(id string) (*Good, error) {
	var doc goodDocument
	if there, err := s.read(s.goodName(), &doc); !there {
		return nil, err
	}
	if doc.Version != version || doc.Good == nil || !doc.Good.Policy.Intact() {
		return nil, s.corrupt(s.goodName())
	}
	if doc.Good.File != id {
		return nil, nil
	}
	return doc.Good, nil
}

// SaveGood replaces the last good policy, as [Store.Save] does the record.
func (s *Store) SaveGood(g Good) error {
	return s.write(s.goodName(), goodDocument{Version: version, Good: &g})
}
