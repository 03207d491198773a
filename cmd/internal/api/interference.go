package api

import "time"

// Interference is what another program did to the table or to a queue. The same
// done again by a program of the same name is one entry.
type Interference struct {
	// What was found, in words.
	What  string    `json:"what"`
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// PID, Process and Port are those of the last time, as far as the kernel tells:
	// the process, the name of its thread, and the netlink port id of its socket.
	PID     int    `json:"pid,omitempty"`
	Process string `json:"process,omitempty"`
	Port    uint32 `json:"netlink_port,omitempty"`
}
