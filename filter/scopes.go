package filter

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"sgfw/conntrack"
)

// maxAbsent bounds the memory of devices that are gone: those that vanished
// first are forgotten first.
const maxAbsent = 1024

// scopes gives each device a number that it keeps while it is there and, among
// the last that vanished, while it is away: its flows survive reloads, and the
// device may go and come back. What is forgotten has its flows removed by
// [Engine.Sweep]; only then its number is given again, so that no device ever
// meets the flows of another one. Devices of one shared scope have one number.
//
// It is shared by the rulesets of one Compiler and safe for concurrent use.
type scopes struct {
	mu       sync.Mutex
	byKey    map[scopeKey]conntrack.Scope
	uses     []scopeUse        // by scope; 0 is no scope
	retired  []conntrack.Scope // forgotten, perhaps with flows
	free     []conntrack.Scope // without flows
	bindings uint64
	// exceeded has the counters of Attachment.Exceeded by device.
	exceeded map[string]*atomic.Uint64
}

// scopeKey is what has flows of its own: a device, or the devices of a shared
// scope together. A device that changes its mode changes who is protected, and
// nothing of before holds; nor does it where a device joins a scope or leaves it. One that
// changes its view shows the same packets, and most have the same addresses in both: their
// flows go on, as ever when rules change (T15). A flow whose addresses are rewritten has
// those of the other view from then on: rules decide anew whether it begins.
type scopeKey struct {
	// device is "" for a shared scope.
	device string
	// shared is the name of the scope in the policy, "" for a single device.
	shared string
	inward conntrack.Direction
}

type scopeUse struct {
	key scopeKey
	// device is the one that had it last, or one of those.
	device string
	// seen is the last binding in which the device, or one of them, existed.
	seen uint64
}

func newScopes() *scopes {
	return &scopes{
		byKey: make(map[scopeKey]conntrack.Scope), uses: make([]scopeUse, 1),
		exceeded: make(map[string]*atomic.Uint64),
	}
}

// clone returns the same as it is now; the counters go on.
func (s *scopes) clone() *scopes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &scopes{
		byKey: maps.Clone(s.byKey), uses: slices.Clone(s.uses), retired: slices.Clone(s.retired),
		free: slices.Clone(s.free), bindings: s.bindings, exceeded: maps.Clone(s.exceeded),
	}
}

// complete gives an attachment its scope and its counter, whether the device
// exists or not.
func (s *scopes) complete(a *Attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Scope = s.lookup(a.key())
	if a.exceeded = s.exceeded[a.Device]; a.exceeded == nil {
		a.exceeded = new(atomic.Uint64)
	}
}

// bind completes the attachments of the devices that exist now, which are all
// there are.
func (s *scopes) bind(present []*Attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bindings++
	counters := s.exceeded
	if len(counters) > len(present)+maxAbsent {
		s.exceeded = make(map[string]*atomic.Uint64, len(present))
	}
	for _, a := range present {
		a.Scope = s.lookup(a.key())
		s.uses[a.Scope].seen, s.uses[a.Scope].device = s.bindings, a.Device
		if a.exceeded = counters[a.Device]; a.exceeded == nil {
			a.exceeded = new(atomic.Uint64)
		}
		s.exceeded[a.Device] = a.exceeded
	}
}

func (s *scopes) lookup(k scopeKey) conntrack.Scope {
	n, ok := s.byKey[k]
	if ok {
		return n
	}
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
	} else {
		n = conntrack.Scope(len(s.uses))
		s.uses = append(s.uses, scopeUse{})
	}
	s.byKey[k] = n
	s.uses[n] = scopeUse{key: k, device: k.device, seen: s.bindings}
	return n
}

// forget retires up to n devices that no ruleset in force names, those that
// vanished first. Those of the latest binding but one are kept: they may be about
// to come into force.
func (s *scopes) forget(n int, inForce map[conntrack.Scope]bool) {
	var old []conntrack.Scope
	for _, scope := range s.byKey {
		if !inForce[scope] && s.uses[scope].seen+1 < s.bindings {
			old = append(old, scope)
		}
	}
	slices.SortFunc(old, func(a, b conntrack.Scope) int {
		return cmp.Or(cmp.Compare(s.uses[a].seen, s.uses[b].seen), cmp.Compare(a, b))
	})
	for _, scope := range old[:min(n, len(old))] {
		delete(s.byKey, s.uses[scope].key)
		s.retired = append(s.retired, scope)
	}
}

// take forgets of the devices that are gone as many as are too many, and hands
// over the retired scopes that no attachment of the list has, which is that of the
// ruleset in force. What was bound and never published, for a dry run, is no reason
// to forget a device.
func (s *scopes) take(attached []link) []conntrack.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byKey) <= maxAbsent && len(s.retired) == 0 {
		return nil
	}
	inForce := make(map[conntrack.Scope]bool, len(attached))
	for i := range attached {
		if a := attached[i].attachment; a != nil {
			inForce[a.Scope] = true
		}
	}
	if excess := len(s.byKey) - len(inForce) - maxAbsent; excess > 0 {
		s.forget(excess, inForce)
	}
	var keep, out []conntrack.Scope
	for _, n := range s.retired {
		if inForce[n] {
			keep = append(keep, n)
		} else {
			out = append(out, n)
		}
	}
	s.retired = keep
	return out
}

// release makes scopes free that no flow has any more.
func (s *scopes) release(list []conntrack.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range list {
		s.uses[n] = scopeUse{}
	}
	s.free = append(s.free, list...)
}

// key returns what a scope belongs to, the zero key for one that is free.
func (s *scopes) key(n conntrack.Scope) scopeKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(n) >= len(s.uses) {
		return scopeKey{}
	}
	return s.uses[n].key
}

// device returns the device that has a scope or, of those that share it, had it
// last; "" for a scope that is free.
func (s *scopes) device(n conntrack.Scope) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(n) >= len(s.uses) {
		return ""
	}
	return s.uses[n].device
}

// DeviceOf returns the name of the device that a scope stands for: one that
// exists, or one that is gone and may still have flows. It is "" for a scope that
// devices share, for 0 and for scopes that no flow has.
func (rs *Ruleset) DeviceOf(n conntrack.Scope) string { return rs.scopes.key(n).device }

// SharedOf returns the policy's name of a scope that devices share
// (T26), "" for any other.
func (rs *Ruleset) SharedOf(n conntrack.Scope) string { return rs.scopes.key(n).shared }

// Remembers reports whether a device of that name is managed or was, so that there may
// be flows of it, and of shared scopes by their name the same.
func (rs *Ruleset) Remembers(device, shared string) bool {
	rs.scopes.mu.Lock()
	defer rs.scopes.mu.Unlock()
	if _, ok := rs.scopes.exceeded[device]; ok {
		return true
	}
	for k := range rs.scopes.byKey {
		if device != "" && k.device == device || shared != "" && k.shared == shared {
			return true
		}
	}
	return false
}

// Sweep removes the flows of devices that are gone for good, and returns how
// many. Without such devices it costs next to nothing. One goroutine calls it
// now and then.
func (e *Engine) Sweep() (removed int) {
	// Publish holds the lock until no worker uses an earlier ruleset.
	e.mu.Lock()
	rs := e.ruleset.Load()
	e.mu.Unlock()
	gone := rs.scopes.take(rs.links.all)
	if len(gone) == 0 {
		return 0
	}
	dead := make(map[conntrack.Scope]bool, len(gone))
	for _, n := range gone {
		dead[n] = true
	}
	now := e.clock()
	e.flows.Range(now, func(f conntrack.FlowInfo) bool {
		if dead[f.Tuple.Scope()] && e.flows.Delete(&f.Tuple, now) {
			removed++
		}
		return true
	})
	rs.scopes.release(gone)
	return removed
}
