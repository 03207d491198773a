package api

import "time"

// Why is recent drops, those of one reason and source as one, with what would let them pass.
type Why struct {
	Schema string `json:"schema"`
	// Drops begin with those of which there are most.
	Drops []DropsOfSource `json:"drops"`
	// More is how many others there are, which are not in Drops.
	More int `json:"more,omitempty"`
}

// DropsOfSource are drops at one interface, in one direction, for one reason, from one
// address. Of those that this machine or a guest sent, each service is one of its own.
type DropsOfSource struct {
	// Count is how many packets there were, at least, between First and Last.
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Reason is the cause as a stable word.
	Reason    string `json:"reason"`
	Interface string `json:"interface,omitempty"`
	Direction string `json:"direction,omitempty"`
	// From is the address that they came from, left out where no header could be read.
	From string `json:"from,omitempty"`
	// Services are what they asked for, such as "tcp 22", those of which there were most first,
	// and To how many addresses that was asked of.
	Services []string `json:"services,omitempty"`
	To       int      `json:"to,omitempty"`
	// Most is the packet of which there were most, and Now what would happen to it at this
	// moment; left out where no header could be read. A policy that has changed since then
	// may let it pass.
	Most *Query       `json:"most,omitempty"`
	Now  *Explanation `json:"now,omitempty"`
	// Process is the program of this machine that sent the packets, as in the log.
	Process *Process `json:"process,omitempty"`
}
