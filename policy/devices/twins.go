package devices

import (
	"fmt"
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
)

// Twins are errors about interfaces of the policy that name a device of the machine which
// another one names, too, by another of its names. Which of them judges the device says
// [policy.Devices.Match]; the positions are those of the others.
func Twins(p *policy.Policy, f member.Facts) (out policy.Problems) {
	exact := make(map[string]int, len(p.Interfaces))
	for i := range p.Interfaces {
		exact[p.Interfaces[i].Device] = i
	}
	devices := p.Devices()
	for _, l := range f.Links {
		if len(l.Altnames) == 0 {
			continue
		}
		first, _ := devices.Match(l.Name, l.Altnames...)
		for _, name := range namesOf(l) {
			i, named := exact[name]
			if !named || i == first {
				continue
			}
			judges := &p.Interfaces[first]
			see := ""
			if judges.Pos.Line > 0 {
				see = fmt.Sprintf(", see line %d", judges.Pos.Line)
			}
			out = append(out, policy.Problem{
				Pos: p.Interfaces[i].Pos, Field: "device", Code: policy.InvalidParameterValue,
				Message: fmt.Sprintf("%s and %s are one device%s: only the groups of %s judge it",
					name, judges.Device, see, judges.Device),
				Hint: "one entry for each device",
			})
		}
	}
	slices.SortStableFunc(out, func(a, b policy.Problem) int { return a.Pos.Line - b.Pos.Line })
	return out
}
