package links

import (
	"maps"
	"slices"

	"sgfw/policy/member"
)

// Snapshot is what is true of the namespace's links at one moment. It is
// immutable once delivered.
type Snapshot struct {
	// Facts are the devices and those of their addresses that can belong to a
	// security group; lo is left out.
	Facts member.Facts
	// Masters holds, by device name, the device that a device is enslaved to.
	// The kernel shows such a device's packets under the master's name, so a
	// policy for it would never match (K6).
	Masters map[string]member.Master
}

// Bridges are the devices that have others as their ports, by name.
func (s Snapshot) Bridges() []string {
	var out []string
	for _, m := range s.Masters {
		if m.Kind == "bridge" && !slices.Contains(out, m.Name) {
			out = append(out, m.Name)
		}
	}
	slices.Sort(out)
	return out
}

// equal reports whether two snapshots say the same.
func (s Snapshot) equal(t Snapshot) bool {
	return maps.Equal(s.Masters, t.Masters) &&
		slices.EqualFunc(s.Facts.Links, t.Facts.Links, sameLink)
}

// Keeps reports whether every device that is still there in t, by its number, is what it was:
// devices may have come and gone.
func (s Snapshot) Keeps(t Snapshot) bool {
	was := make(map[uint32]*member.Link, len(s.Facts.Links))
	for i := range s.Facts.Links {
		was[s.Facts.Links[i].Index] = &s.Facts.Links[i]
	}
	for i := range t.Facts.Links {
		now := &t.Facts.Links[i]
		if old := was[now.Index]; old != nil &&
			(!sameLink(*old, *now) || s.Masters[old.Name] != t.Masters[now.Name]) {
			return false
		}
	}
	return true
}

// Highest is the highest number of a device.
func (s Snapshot) Highest() (n uint32) {
	for i := range s.Facts.Links {
		n = max(n, s.Facts.Links[i].Index)
	}
	return n
}

// Reuses reports whether a device came in t with a number that another one may have had, where
// highest is the highest that there ever was. The kernel counts up, unless it is asked for a
// number, as by a device that comes from another namespace.
func (s Snapshot) Reuses(t Snapshot, highest uint32) bool {
	return slices.ContainsFunc(t.Facts.Links, func(now member.Link) bool {
		return now.Index <= highest && !slices.ContainsFunc(s.Facts.Links,
			func(was member.Link) bool { return was.Index == now.Index })
	})
}

func sameLink(a, b member.Link) bool {
	return a.Name == b.Name && a.Index == b.Index && slices.Equal(a.Altnames, b.Altnames) &&
		slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Broadcasts, b.Broadcasts) &&
		a.Primary == b.Primary
}
