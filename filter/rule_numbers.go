package filter

import (
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/match"
)

// maxGone bounds the memory of rules that are in no policy any more and admitted
// no flow that lives: a policy that is rewritten every minute may name new
// addresses each time.
const maxGone = 4096

// ForgetRules makes the numbers of rules that are gone free for other rules, once
// there are more than maxGone of them, and returns how many. Rules that admitted a
// live flow keep theirs. c compiles for this engine alone, and nothing that it
// compiled still waits to be published.
func (e *Engine) ForgetRules(c *Compiler) int {
	// Publish holds the lock until no worker uses an earlier ruleset: from here on
	// no flow begins, and no hit counts, under a rule that this one does not have.
	e.mu.Lock()
	defer e.mu.Unlock()
	rs := e.ruleset.Load()
	gone := make([]bool, len(c.rules))
	n := -len(c.free)
	for id := 1; id < len(gone); id++ {
		if gone[id] = id >= len(rs.rules) || rs.rules[id].Gone; gone[id] {
			n++
		}
	}
	if n <= maxGone {
		return 0
	}
	for _, id := range c.free {
		gone[id] = false
	}
	e.flows.Range(e.clock(), func(f conntrack.FlowInfo) bool {
		gone[f.Rule] = false
		return true
	})
	c.rules = slices.Clone(c.rules) // rulesets have the old ones
	n = 0
	for id, free := range gone {
		if !free {
			continue
		}
		info := &c.rules[id]
		delete(c.ids, info.identity())
		*info = RuleInfo{Gone: true}
		c.free = append(c.free, match.RuleNumber(id))
		for _, w := range e.workers {
			w.forget(match.RuleNumber(id))
		}
		n++
	}
	return n
}
