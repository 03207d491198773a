package audit

import (
	"fmt"
	"time"

	"sgfw/policy"
)

// Observed is what a daemon has counted.
type Observed struct {
	// Since is when it began to count.
	Since time.Time
	// Hits says how many packets or flows a rule has permitted; false where nobody counts
	// them.
	Hits func(group string, d policy.Direction, r *policy.Rule) (n uint64, known bool)
}

// observed looks for rules that nobody has used.
func (a *auditor) observed(g *examined) {
	o := a.o.Observed
	if o == nil {
		return
	}
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for i := 0; i < len(s.rules); {
			j, used := i, false
			for ; j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]); j++ {
				n, known := o.Hits(g.Name, s.direction, s.rules[j].Rule)
				used = used || n > 0 || !known
			}
			if !used && s.rules[i].Index != policy.DefaultIndex {
				f := g.alone.about(s.direction, s.rules[i:j]...)
				f.Message = fmt.Sprintf("the rule was never hit since %s",
					o.Since.UTC().Format("2006-01-02 15:04"))
				a.add(f, unusedRule)
			}
			i = j
		}
	}
}
