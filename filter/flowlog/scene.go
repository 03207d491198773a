package flowlog

import (
	"net/netip"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// Interface is a device as records name it.
type Interface struct {
	// ID is the interface's, Device what the policy calls it.
	ID, Device string
	// Primary is its first IPv4 address, invalid where it has none (F4).
	Primary netip.Addr
}

// Scene is what records refer to: devices and rules, as they are at one moment.
type Scene struct {
	// Interfaces are the managed devices that exist, by number.
	Interfaces map[uint32]Interface
	rules      *filter.Ruleset
}

// SceneOf looks at what is in force. The primary address of a device is the first one that the
// kernel lists or, of a guest, that the policy gives to it.
func SceneOf(rs *filter.Ruleset) Scene {
	s := Scene{Interfaces: make(map[uint32]Interface), rules: rs}
	for _, a := range rs.Attachments() {
		in := Interface{ID: rs.Policy().IDs.Interface(a.Device), Device: a.Device,
			Primary: primary(a)}
		if in.ID == "" {
			in.ID = a.Device
		}
		s.Interfaces[a.Link().Index] = in
	}
	return s
}

// primary is the first IPv4 address of the protected machine at a device.
func primary(a *filter.Attachment) netip.Addr {
	in := a.Interface()
	if in.Mode == policy.ModeHost && !in.Listed() {
		return a.Link().Primary
	}
	for _, addr := range in.Addresses {
		if addr.Is4() {
			return addr
		}
	}
	return netip.Addr{}
}

// rule returns the IDs of a rule and its group, "" for none.
func (s *Scene) rule(t *filter.Traffic) (rule, group string) {
	info, ok := s.rules.Rule(t.Rule)
	if !ok {
		return "", ""
	}
	ids := s.rules.Policy().IDs
	if info.ACL != "" {
		return "", ids.NetworkACL(info.ACL)
	}
	return ids.Rule(info.Group, policy.Direction(info.Direction), info.Rule.ID()),
		ids.Group(info.Group)
}

// Clock relates the two clocks: of flows, and of calendars.
type Clock struct {
	Flows conntrack.Time
	Wall  time.Time
}

// Unix is a time of flows in seconds of Unix.
func (c Clock) Unix(t conntrack.Time) int64 {
	return c.Wall.Add(time.Duration(t - c.Flows)).Unix()
}
