package filter

import (
	"sgfw/conntrack"
)

// Hindsight judges recorded packets by another ruleset than the one that did, of the same
// Compiler or a fork of it. It is for one goroutine, off the packet path.
type Hindsight struct {
	rs    *Ruleset
	known map[string]*Attachment
}

// Hindsight begins to look back under a ruleset.
func (rs *Ruleset) Hindsight() *Hindsight {
	return &Hindsight{rs: rs, known: make(map[string]*Attachment)}
}

// Judge returns what the ruleset would have made of a packet that no flow covered, as far as
// its record tells: by the rules, the network ACL and the source/destination check of its
// device. It is false for a device that the ruleset does not manage, where everything passes,
// and for a record of none.
func (h *Hindsight) Judge(r *Record) (v Verdict, managed bool) {
	a, known := h.known[r.Device]
	if !known {
		if r.Device != "" {
			a = h.rs.Device(r.Device)
		}
		h.known[r.Device] = a
	}
	if a == nil || !r.Parsed() {
		return Verdict{}, false
	}
	d := r.Verdict.Direction
	hook := HookOutput
	if d == a.inward {
		hook = HookInput
	}
	p := r.packet()
	var s conntrack.PacketMeta
	fillMeta(&s, &p, d)
	dec := Judge(a, hook, &p, &s, nil)
	return dec.Verdict, true
}
