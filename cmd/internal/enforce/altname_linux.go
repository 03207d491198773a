package enforce

import (
	"slices"

	"sgfw/cmd/internal/host/links"
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
	devices := p.Devices()
	var taken map[string]bool
	at := make(map[uint32]int) // places in now
	for _, l := range before.Facts.Links {
		i, ok := byAltname(devices, p, l)
		if !ok {
			continue
		}
		if taken == nil {
			taken = make(map[string]bool)
			for i, l := range now.Facts.Links {
				at[l.Index], taken[l.Name] = i, true
				for _, a := range l.Altnames {
					taken[a] = true
				}
			}
		}
		name := p.Interfaces[i].Device
		place, there := at[l.Index]
		if !there || taken[name] {
			continue
		}
		has := &now.Facts.Links[place]
		if j, ok := devices.Match(has.Name, has.Altnames...); ok && !p.Interfaces[j].Pattern() {
			continue // another entry names it now
		}
		if kept == nil {
			kept = make(map[string]bool)
			now.Facts.Links = slices.Clone(now.Facts.Links) // the watcher has it, too
		}
		kept[name] = true
		has = &now.Facts.Links[place]
		has.Altnames = slices.Sorted(slices.Values(append(slices.Clone(has.Altnames), name)))
	}
	return now, kept
}
