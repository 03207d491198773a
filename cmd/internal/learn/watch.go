package learn

import (
	"time"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/policy/learn"
	"sgfw/policy/member"
)

// Config says what is watched.
type Config struct {
	// Devices are the names of devices.
	Devices []string
	// Links reads the devices and addresses of this machine.
	Links func() ([]member.Link, error)
	// For is how long.
	For time.Duration
	// Progress is called once it watches, and then a few times a second; nil for nobody.
	Progress func(Progress)
}

// Progress is what was found so far.
type Progress struct {
	// Passed is how long it has been watched.
	Passed        time.Duration
	Conversations uint64
	Services      int
}

// Found is what was found.
type Found struct {
	Record     *learn.Record
	Begin, End time.Time
	Skipped    Skipped
	// Lost are the first packets of which the copy was lost.
	Lost uint64
	// Blind is why no packets were seen, but sockets alone; nil if they were.
	Blind error
	// Untold is how many connections the kernel tracks if those are too many to be looked at, 0
	// if they were.
	Untold uint64
	// Ended is why it ended before its time was over, nil if it did not.
	Ended error
	// Listeners are the sockets that listened at the end.
	Listeners []sockets.Socket
}
