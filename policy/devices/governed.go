package devices

import (
	"sgfw/policy"
	"sgfw/policy/member"
)

// Governed are the devices of the machine that the policy manages, by name, with the places
// of their entries in p.Interfaces.
func Governed(p *policy.Policy, f member.Facts) map[string]int {
	out, devices := make(map[string]int), p.Devices()
	for _, l := range f.Links {
		if i, ok := devices.Match(l.Name, l.Altnames...); ok {
			out[l.Name] = i
		}
	}
	return out
}
