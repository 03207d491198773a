package conntrack

import "runtime"

// FlowInfo is a copy of what the table knows about a flow.
type FlowInfo struct {
	Tuple Tuple
	State State
	Class Class
	// Opener is the direction of the packet that opened the flow.
	Opener Direction
	// Untracked is true for an untracked flow, see [Entry.InsertUntracked].
	Untracked bool
	// Offloaded is true once packets of the flow may have passed unseen, see [Entry.Offload]
	// and [Entry.Adopt].
	Offloaded bool
	// Adopted is true for a flow that nobody saw begin, see [Entry.Adopt].
	Adopted bool
	// Rule is the value given to [Entry.Insert].
	Rule uint32
	// Created and Expires have the resolution of [Granularity].
	Created, Expires Time
	// Packets and Bytes are by [Direction]. They saturate at 2^32-1 and 2^48-1.
	Packets [2]uint32
	Bytes   [2]uint64
}

// Info returns a copy of the flow.
func (f *Flow) Info() FlowInfo {
	return FlowInfo{
		Tuple:     f.key,
		State:     f.state,
		Class:     f.class,
		Opener:    f.Opener(),
		Untracked: f.Untracked(),
		Offloaded: f.flags&flagOffloaded != 0,
		Adopted:   f.flags&flagAdopted != 0,
		Rule:      f.rule,
		Created:   f.created.time(),
		Expires:   f.deadline().time(),
		Packets:   f.packets,
		Bytes:     [2]uint64{f.total(Ingress), f.total(Egress)},
	}
}

// Range calls visit for every flow live at now until it returns false. It
// copies a slice of entries at a time and holds no lock during the calls, so
// visit may use the table. A flow that lives through the whole call is visited
// once; others may be missed.
func (t *Table) Range(now Time, visit func(FlowInfo) bool) {
	var buf [sweepSlice]FlowInfo
	for n := range t.shards {
		s := &t.shards[n]
		for i := uint32(1); i != 0; {
			var copied int
			s.mu.Lock()
			copied, i = s.copyFrom(i, now, buf[:])
			s.mu.Unlock()
			if copied == 0 && i != 0 {
				runtime.Gosched()
			}
			for j := range copied {
				if !visit(buf[j]) {
					return
				}
			}
		}
	}
}

// copyFrom examines len(buf) entries from i on and copies those that are live flows.
// It returns how many, and where to continue, 0 at the end.
func (s *shard) copyFrom(i uint32, now Time, buf []FlowInfo) (n int, next uint32) {
	for range buf {
		if i >= s.end() {
			return n, 0
		}
		if f := s.at(i); !f.expired(now) {
			if !f.tryLock() { // in use: it may need this shard to be released
				return n, i
			}
			buf[n] = f.Info()
			f.unlock()
			n++
		}
		i = following(i)
	}
	return n, i
}
