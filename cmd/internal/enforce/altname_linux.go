package enforce

import (
	"maps"
	"slices"

	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/state"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/member"
)

// byAltname returns the place in p.Interfaces of the entry that governs a device by one of
// its altnames; it is false for a device that goes by its name, or that is not managed.
func byAltname(devices policy.Devices, p *policy.Policy, l member.Link) (index int, ok bool) {
	if len(l.Altnames) == 0 {
		return 0, false
	}
	i, ok := devices.Match(l.Name, l.Altnames...)
	if !ok || p.Interfaces[i].Calls(l.Name) == l.Name {
		return 0, false
	}
	return i, true
}

// number tells the plan of a policy which devices go by an altname.
func number(plan *nft.Plan, p *policy.Policy, s links.Snapshot) {
	devices := p.Devices()
	for _, l := range s.Facts.Links {
		if i, ok := byAltname(devices, p, l); ok {
			plan.Devices[i].Number = l.Index
		}
	}
}

// keeping gives the devices in now the altnames back by which the policy has managed them
// before, and which they have lost: nobody takes a device from the firewall by tidying up
// its names (I13). It ends when another device has the name, when another entry names the
// device, or when the policy does not name the altname any more. kept are these altnames.
func keeping(before, now links.Snapshot, p *policy.Policy) (s links.Snapshot,
	kept map[string]bool) {
	devices, had := p.Devices(), make(map[string]uint32)
	for _, l := range before.Facts.Links {
		if i, ok := byAltname(devices, p, l); ok {
			had[p.Interfaces[i].Device] = l.Index
		}
	}
	return givenBack(now, had, func(l member.Link) bool {
		// Another entry names it now.
		i, ok := devices.Match(l.Name, l.Altnames...)
		return ok && !p.Interfaces[i].Pattern()
	})
}

// givenBack gives devices altnames that no device has now, by their numbers, unless they
// need none. kept are these altnames.
func givenBack(now links.Snapshot, had map[string]uint32, enough func(member.Link) bool) (
	s links.Snapshot, kept map[string]bool) {
	if len(had) == 0 {
		return now, nil
	}
	taken, at := make(map[string]bool), make(map[uint32]int)
	for i, l := range now.Facts.Links {
		at[l.Index], taken[l.Name] = i, true
		for _, a := range l.Altnames {
			taken[a] = true
		}
	}
	list := slices.Clone(now.Facts.Links) // the watcher has the other one
	for name, number := range had {
		i, there := at[number]
		if !there || taken[name] || enough(list[i]) {
			continue
		}
		if kept == nil {
			kept = make(map[string]bool)
		}
		kept[name] = true
		list[i].Altnames = slices.Sorted(slices.Values(append(slices.Clone(list[i].Altnames), name)))
	}
	now.Facts.Links = list
	return now, kept
}

// recallAltnames gives devices the altnames back by which an earlier daemon has managed
// them, since this machine's start. The caller holds mu.
func (e *Enforcer) recallAltnames() {
	was, err := e.disk.store.LoadAltnames()
	if err != nil {
		e.log.Warn("devices that have lost an altname are not known", "error", err)
		return
	}
	if now, err := state.Now(); err != nil || was.Boot != now.Boot ||
		was.Network != process.Own().Inode {
		return
	}
	e.disk.altnames = was.Numbers
	m := &e.mu.force.machine
	m.Snapshot, m.kept = givenBack(m.Snapshot, was.Numbers, func(member.Link) bool { return false })
}

// keepAltnames writes down which devices the table knows by an altname. That it cannot be
// written is logged, and nothing else. The caller holds mu.
func (e *Enforcer) keepAltnames() {
	numbers := make(map[string]uint32)
	for _, d := range e.mu.rules.plan.Devices {
		if d.Number != 0 {
			numbers[d.Name] = d.Number
		}
	}
	if e.disk.store == nil || maps.Equal(numbers, e.disk.altnames) {
		return
	}
	now, err := state.Now()
	if err == nil {
		err = e.disk.store.SaveAltnames(state.Altnames{Boot: now.Boot, Network: process.Own().Inode,
			Numbers: numbers})
	}
	if err != nil {
		e.log.Warn("a device that loses its altname is not known after a restart", "error", err)
		return
	}
	e.disk.altnames = numbers
}
