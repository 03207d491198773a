package state

import (
	"errors"
	"time"

	"sgfw/cmd/internal/source"
)

// DefaultDir is where a daemon keeps its record unless told otherwise.
const DefaultDir = "/var/lib/sgfw"

const (
	dirMode = 0o700
	// version is the format of the file. A daemon refuses one that it does not
	// know rather than guess what it was to roll back to.
	version = 1
)

// ErrCorrupt says that the file is there and holds no record of this version.
var ErrCorrupt = errors.New("no record that this version understands")

// ErrUntrusted says that somebody other than root and the daemon's own user may
// have written the record, or could replace it: it names the policy to enforce.
var ErrUntrusted = errors.New("others could have written it")

// Record is what must outlive the process.
type Record struct {
	// File is the policy file that the texts are from, an absolute path. A record
	// of another file does not concern a daemon.
	File string `json:"file"`
	// Confirmed is the last policy in force that needed no confirmation: what a
	// roll-back restores.
	Confirmed source.Revision `json:"confirmed"`
	// Pending is the policy in force that waits to be confirmed, nil for none.
	Pending *Pending `json:"trial,omitempty"`
	// Rejected is the policy that was rolled back last, nil once another one was
	// put in force. A start with the very same text in the file takes Confirmed.
	Rejected *Rejected `json:"rejected,omitempty"`
}

// Pending is a policy that is rolled back unless it is confirmed in time.
type Pending struct {
	Policy   source.Revision `json:"policy"`
	Deadline Deadline        `json:"deadline"`
}

// Rejected is a policy that was rolled back.
type Rejected struct {
	Sum string    `json:"sha256"`
	At  time.Time `json:"at"`
	// Why is for people: who or what rolled it back.
	Why string `json:"why"`
}

// Confirm is the record once the policy is confirmed.
func (r Record) Confirm() Record {
	return Record{File: r.File, Confirmed: r.Pending.Policy}
}

// Reject is the record once the policy was rolled back.
func (r Record) Reject(why string, at time.Time) Record {
	return Record{File: r.File, Confirmed: r.Confirmed,
		Rejected: &Rejected{Sum: r.Pending.Policy.Sum, At: at.Round(0), Why: why}}
}

// Plain reports whether a start without the record would come to the same.
func (r Record) Plain() bool { return r.Pending == nil && r.Rejected == nil }
