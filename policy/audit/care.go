package audit

import (
	"fmt"
	"strings"

	"sgfw/policy"
)

// descriptions looks for groups and rules that do not say what they are for.
func (a *auditor) descriptions(g *examined) {
	if d := strings.TrimSpace(g.Description); !g.Default && (d == "" ||
		d == policy.DefaultDescription) {
		f := g.alone.about(policy.Ingress)
		f.Message = fmt.Sprintf("group %s has no description", g.Name)
		if d != "" {
			f.Message = fmt.Sprintf("group %s has the description %q, which says nothing", g.Name, d)
		}
		a.add(f, noDescription)
	}
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for i := 0; i < len(s.rules); {
			j, said := i, false
			for ; j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]); j++ {
				said = said || strings.TrimSpace(s.rules[j].Description) != ""
			}
			if !said && s.rules[i].Index != policy.DefaultIndex {
				f := g.alone.about(s.direction, s.rules[i:j]...)
				f.Message = "the rule has no description"
				a.add(f, noDescription)
			}
			i = j
		}
	}
}

// wizard is how the names begin that AWS gives to groups of its launch wizard.
const wizard = "launch-wizard-"

// names looks for groups that nobody made on purpose.
func (a *auditor) names(g *examined) {
	if strings.HasPrefix(g.Name, wizard) {
		f := g.alone.about(policy.Ingress)
		f.Message = fmt.Sprintf("group %s has the name that the launch wizard gave it", g.Name)
		a.add(f, launchWizard)
	}
	if n := len(g.Ingress) + len(g.Egress); g.Default && n > 0 {
		f := g.alone.about(policy.Ingress)
		f.Message = fmt.Sprintf("the default group has %d rules", n)
		if n == 1 {
			f.Message = "the default group has a rule"
		}
		a.add(f, defaultInUse)
	}
}

// crowded is how many rules of one direction are too many to review.
const crowded = 50

// near reports whether four fifths of a quota are used. usual is what everybody has: with
// Raised another one is what the policy uses.
func (a *auditor) near(used, quota, usual int) bool {
	return quota > 0 && used >= quota-quota/5 && (!a.o.Raised || quota == usual)
}

// quotas looks for groups that can hardly grow, and that nobody reads.
func (a *auditor) quotas(g *examined) {
	quota, usual := a.p.Quotas.RulesPerGroup, policy.DefaultQuotas.RulesPerGroup
	for _, d := range directions {
		var full []string
		for _, f := range families {
			if used := g.usage.Of(d, f); a.near(used, quota, usual) {
				full = append(full, fmt.Sprintf("%d of %d for %s", used, quota, f))
			}
		}
		if len(full) > 0 {
			f := g.alone.about(d)
			f.Message = fmt.Sprintf("group %s uses %s of its %s rules", g.Name,
				strings.Join(full, ", "), d)
			a.add(f, nearQuota)
		}
		if n := len(g.Rules(d)); n > crowded {
			f := g.alone.about(d)
			f.Message = fmt.Sprintf("group %s has %d %s rules", g.Name, n, d)
			a.add(f, manyRules)
		}
	}
}

// totals looks for quotas of the policy as a whole, and of interfaces.
func (a *auditor) totals() {
	q, usual := a.p.Quotas, policy.DefaultQuotas
	for _, t := range []struct {
		what               string
		used, quota, usual int
	}{
		{"security groups", len(a.p.Groups), q.Groups, usual.Groups},
		{"prefix lists", len(a.p.PrefixLists), q.PrefixLists, usual.PrefixLists},
	} {
		if a.near(t.used, t.quota, t.usual) && len(a.o.Include) == 0 {
			a.add(Finding{Severity: unset, Message: fmt.Sprintf("%d of %d %s", t.used, t.quota, t.what)},
				nearQuota)
		}
	}
	for i := range a.p.PrefixLists {
		l := &a.p.PrefixLists[i]
		if a.near(len(l.Entries), q.PrefixListEntries, usual.PrefixListEntries) &&
			len(a.o.Include) == 0 {
			a.add(Finding{Severity: unset, Pos: l.Pos, Message: fmt.Sprintf(
				"prefix list %s has %d of %d entries", l.Name, len(l.Entries), q.PrefixListEntries)},
				nearQuota)
		}
	}
	for _, at := range a.attachments {
		n := len(at.groups)
		if !a.near(n, q.GroupsPerInterface, usual.GroupsPerInterface) {
			continue
		}
		for _, g := range at.groups {
			if g.included {
				a.add(Finding{Severity: unset, Pos: at.first.Pos, Device: at.first.Device,
					Message: fmt.Sprintf("%s has %d of %d groups", at.first.Device, n,
						q.GroupsPerInterface)}, nearQuota)
				break
			}
		}
	}
}
