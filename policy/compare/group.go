package compare

import (
	"maps"
	"slices"

	"sgfw/policy"
)

// groups compares the groups, one after the other.
func (c *comparison) groups() (out []Part) {
	was := make(map[string]string, len(c.renamed)) // by names of now
	for before, after := range c.renamed {
		was[after] = before
	}
	names := slices.Collect(maps.Keys(c.after.index))
	for name := range c.before.index {
		if c.after.index[name] == nil && c.renamed[name] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p := Part{Name: name, Was: was[name], Op: policy.Changed}
		before, after := name, name
		switch {
		case p.Was != "":
			before = p.Was
		case c.before.index[name] == nil:
			p.Op = policy.Added
		case c.after.index[name] == nil:
			p.Op = policy.Removed
		}
		p.Opened, p.Closed = c.between([]string{before}, []string{after})
		if p.Op != policy.Changed || p.Was != "" || p.Opens() || p.Closes() {
			out = append(out, p)
		}
	}
	return out
}
