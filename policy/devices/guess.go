package devices

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/member"
)

// guesser knows what the writer of a policy may have meant on this machine.
type guesser struct {
	policy *policy.Policy
	facts  member.Facts
}

// hint says what may have been meant by a device that is not there, or what there is.
func (g guesser) hint(n *policy.Interface) string {
	free := g.free()
	lasting := slices.DeleteFunc(slices.Clone(free), func(l member.Link) bool {
		return comesAndGoes(l.Name)
	})
	hard := slices.DeleteFunc(slices.Clone(free), func(l member.Link) bool {
		return !l.Hardware
	})
	for _, among := range [][]member.Link{hard, lasting} {
		if near := nearest(n, among); near != "" {
			return near
		}
	}
	for _, among := range [][]member.Link{hard, lasting, free} {
		if len(among) == 1 {
			return "did you mean " + among[0].Name + "?"
		}
	}
	return g.there()
}

// free are the devices that may have been meant: not those that another entry names, nor
// those whose packets appear on another device.
func (g guesser) free() []member.Link {
	devices := g.policy.Devices()
	return slices.DeleteFunc(slices.Clone(g.facts.Links), func(l member.Link) bool {
		i, governed := devices.Match(l.Name, l.Altnames...)
		return l.Enslaved || governed && !g.policy.Interfaces[i].Pattern()
	})
}

// nearest is the hint about a device with a similar name, "" if there is none.
func nearest(n *policy.Interface, among []member.Link) string {
	if !n.Pattern() {
		var names []string
		for _, l := range among {
			names = append(names, namesOf(l)...)
		}
		if near := policy.Suggest(n.Device, names); near != "" {
			return "did you mean " + near + "?"
		}
		return ""
	}
	stem := strings.ToLower(strings.TrimSuffix(n.Device, "*"))
	for _, l := range among {
		if strings.HasPrefix(strings.ToLower(l.Name), stem) {
			return "did you mean " + l.Name + "?"
		}
		for _, a := range l.Altnames {
			if strings.HasPrefix(a, stem) {
				return fmt.Sprintf("%s is an altname of %s, and patterns are about names", a,
					l.Name)
			}
		}
	}
	return ""
}

// there says which devices the machine has, network cards if it has any.
func (g guesser) there() string {
	var hard, all []string
	for _, l := range g.facts.Links {
		if all = append(all, l.Name); l.Hardware {
			hard = append(hard, l.Name)
		}
	}
	names := hard
	if len(names) == 0 {
		names = all
	}
	if len(names) == 0 {
		return "this machine has no device but lo"
	}
	return "this machine has " + listed(names)
}

// listed is a list in words: the first names, and how many others there are.
func listed(names []string) string {
	rest := len(names) - maxNamed
	switch {
	case rest == 1:
		names = append(slices.Clone(names[:maxNamed]), "1 other")
	case rest > 0:
		names = append(slices.Clone(names[:maxNamed]), fmt.Sprintf("%d others", rest))
	case len(names) == 1:
		return names[0]
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
