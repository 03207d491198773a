package devices

import (
	"fmt"
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
)

// port is what an interface of the policy names and cannot filter.
type port struct {
	entry int
	names []string
	// master is what they belong to, and top where their packets appear: the master's
	// master, if it has one.
	master member.Master
	top    string
}

// Ports says of the interfaces which name a device that belongs to another one, such as a
// port of a bridge, that they do not filter it: its packets appear on its master (K6). For an
// interface with a name it is an error, for a pattern a warning, and nothing where the
// policy filters the master: no packet is lost then. masters are those of the devices, by
// name; the positions are those of the interfaces.
func Ports(p *policy.Policy, f member.Facts, masters map[string]member.Master) policy.Problems {
	if len(masters) == 0 {
		return nil
	}
	governed := Governed(p, f)
	var all []port
	for _, l := range f.Links {
		i, is := governed[l.Name]
		m, belongs := masters[l.Name]
		if !is || !belongs {
			continue
		}
		top := topOf(m, masters)
		if _, filtered := governed[top]; filtered && p.Interfaces[i].Pattern() {
			continue
		}
		at := slices.IndexFunc(all, func(o port) bool {
			return o.entry == i && o.master == m && p.Interfaces[i].Pattern()
		})
		if at < 0 {
			at, all = len(all), append(all, port{entry: i, master: m, top: top})
		}
		all[at].names = append(all[at].names, l.Name)
	}
	slices.SortStableFunc(all, func(a, b port) int { return a.entry - b.entry })
	var out policy.Problems
	for _, o := range all {
		_, filtered := governed[o.top]
		out = append(out, o.problem(&p.Interfaces[o.entry], filtered))
	}
	return out
}

// topOf is where the packets of a device with that master appear.
func topOf(m member.Master, masters map[string]member.Master) string {
	name := m.Name
	for range masters { // one that leads in a circle was read while it changed
		above, ok := masters[name]
		if !ok {
			break
		}
		name = above.Name
	}
	return name
}

// problem is what is said of it; filtered is true where the policy manages the master.
func (o port) problem(in *policy.Interface, filtered bool) policy.Problem {
	belong, filter, their := "belongs", "filters", "its"
	if len(o.names) > 1 {
		belong, filter, their = "belong", "filter", "their"
	}
	severity := policy.SeverityError
	if in.Pattern() {
		severity = policy.SeverityWarning
	}
	hint := fmt.Sprintf("name %s instead", o.top)
	if filtered {
		hint = fmt.Sprintf("leave it out: %s is filtered", o.top)
	}
	return policy.Problem{
		Pos: in.Pos, Field: "device", Severity: severity,
		Message: fmt.Sprintf("%s %s to %s (%s) and %s nothing: %s packets appear on %s",
			listed(o.names), belong, o.master.Name, o.master.Kind, filter, their, o.top),
		Hint: hint,
	}
}
