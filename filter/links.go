package filter

import (
	"sync"

	"sgfw/conntrack"
)

// links finds the attachment of an interface index. Indexes are small on most
// machines and found by position; on a machine that has made and removed many
// devices they grow, and those beyond denseLinks are found in a map.
type links struct {
	dense  []link
	sparse map[uint32]link
	all    []link
}

type link struct {
	known      bool
	attachment *Attachment // nil for a device that is not managed
}

const denseLinks = 4096

func (l *links) add(index uint32, a *Attachment) {
	entry := link{known: true, attachment: a}
	l.all = append(l.all, entry)
	if index >= denseLinks {
		if l.sparse == nil {
			l.sparse = make(map[uint32]link)
		}
		l.sparse[index] = entry
		return
	}
	for int(index) >= len(l.dense) {
		l.dense = append(l.dense, link{})
	}
	l.dense[index] = entry
}

func (l *links) find(index uint32) link {
	if int(index) < len(l.dense) {
		return l.dense[index]
	}
	return l.sparse[index]
}

// scopes gives each device name a number that it keeps while the process
// lives, so that flows survive reloads and a device that goes and comes back.
// It is shared by the rulesets of one Compiler and safe for concurrent use.
type scopes struct {
	mu     sync.Mutex
	byName map[string]conntrack.Scope
	names  []string
}

func (s *scopes) of(device string) conntrack.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byName[device]; ok {
		return n
	}
	s.names = append(s.names, device)
	n := conntrack.Scope(len(s.names)) // 0 is no scope
	s.byName[device] = n
	return n
}

// name returns the device of a scope, "" for 0.
func (s *scopes) name(n conntrack.Scope) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 || int(n) > len(s.names) {
		return ""
	}
	return s.names[n-1]
}
