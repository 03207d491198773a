package api

import (
	"fmt"
	"strings"
	"time"
)

// KeptStatus says how flows outlive the daemon.
type KeptStatus struct {
	// File is what they are written to, every second.
	File string `json:"file"`
	// Since is when counting began: at the start of the first daemon whose flows were taken
	// over by the next one.
	Since time.Time `json:"since"`
	// Error says why they cannot be written now, "" if they are.
	Error string `json:"error,omitempty"`
	// Unused says why nothing was taken of the file that an earlier daemon left, "" if something
	// was or there was none.
	Unused string `json:"unused,omitempty"`
	// Taken is what became of the flows of an earlier daemon, left out where there were none.
	Taken *KeptFlows `json:"taken,omitempty"`
}

// KeptFlows counts the flows that an earlier daemon left.
type KeptFlows struct {
	// Age is how old they were, in milliseconds.
	Age int64 `json:"age_ms"`
	// Ending is how that daemon ended: "ordered", "ordered, closed" or "none", where it was killed
	// or failed.
	Ending string `json:"ending"`
	// Restored flows go on.
	Restored int `json:"restored"`
	// Expired ones had timers that ran out meanwhile.
	Expired int `json:"expired"`
	// Gone are of interfaces that are not there, not managed any more, or have another mode or
	// scope.
	Gone int `json:"gone"`
	// Impossible ones are of times or states that cannot be.
	Impossible int `json:"impossible"`
	// Full found no room.
	Full int `json:"full"`
	// Replaced made room for others with the same addresses and ports, or in a full table.
	Replaced int `json:"replaced"`
	// DamagedBlocks are parts of the file that are not what was written, with up to 36 flows each.
	DamagedBlocks int `json:"damaged_blocks"`
}

// Left is how many flows, or blocks of them, were left out that may have lived.
func (k KeptFlows) Left() int { return k.Gone + k.Impossible + k.Full + k.DamagedBlocks }

// Why says how many flows were left out, by cause; "" for none.
func (k KeptFlows) Why() string {
	var list []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{k.Expired, "expired"}, {k.Gone, "of interfaces that are gone or changed"},
		{k.Impossible, "impossible"}, {k.Full, "without room"}, {k.Replaced, "replaced"},
		{k.DamagedBlocks, "damaged blocks"},
	} {
		if c.n > 0 {
			list = append(list, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(list, ", ")
}
