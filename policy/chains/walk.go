package chains

import (
	"sgfw/policy"
	"sgfw/policy/space"
)

// accepted is what one rule accepts of what came to it.
type accepted struct {
	rule  *Rule
	of    space.Set // what the rule asks for, and those that lead to it
	scope space.Set // what those ask for that lead to it
	// after is how many rules had dropped something before.
	after int
}

// dropped is what one rule drops, or may drop.
type dropped struct {
	rule *Rule
	set  space.Set
	why  *Unsaid // if it is uncertain
}

// omitted is what one rule would accept, were it certain.
type omitted struct {
	rule *Rule
	set  space.Set
	why  *Unsaid
}

// walk follows all packets of one state through the chains of one family and direction.
type walk struct {
	*translation
	firewall *Firewall
	dir      policy.Direction
	device   string
	state    State
	// unanswered is set if some are left out who would get no answers.
	unanswered bool

	accepts []accepted
	drops   []dropped
	maybe   []dropped
	leftOut []omitted
	parts   []space.Set // that are accepted
	passes  space.Set   // the union of parts, after the walk
}

// run walks from the first chain with what is undecided.
func (w *walk) run(all space.Set) {
	base := w.firewall.base(w.dir)
	end := &Rule{Pos: base.Pos, Verdict: base.Policy, Name: base.Name}
	whole := space.Box(whole, anyone(w.firewall.Family))
	if left := w.chain(base, all, whole, nil, 0); !left.Empty() {
		w.apply(end, left, whole, whole, nil)
	}
	w.passes = union(w.parts)
}

// union is that of all sets, of pairs first: of one after the other, the large one would be
// copied each time.
func union(sets []space.Set) space.Set {
	switch n := len(sets); n {
	case 0:
		return space.Set{}
	case 1:
		return sets[0]
	default:
		return union(sets[:n/2]).Union(union(sets[n/2:]))
	}
}

// apply lets a rule that decides have what it matches.
func (w *walk) apply(r *Rule, part, of, scope space.Set, unsaid *Unsaid) {
	switch {
	case r.Verdict == Accept && unsaid != nil:
		w.leftOut = append(w.leftOut, omitted{r, part, unsaid})
	case r.Verdict == Accept:
		w.accepts = append(w.accepts, accepted{r, of, scope, len(w.drops)})
		w.parts = append(w.parts, part)
	case unsaid != nil:
		w.maybe = append(w.maybe, dropped{r, part, unsaid})
	default:
		w.drops = append(w.drops, dropped{r, part, nil})
	}
}

// maxBatch is how many rules are taken off together.
const maxBatch = 64

// chain applies the rules of a chain to what is undecided of a scope, which is what rules that
// jump here ask for, and returns what none of them decides. With unsaid it is not certain that
// packets come here at all.
func (w *walk) chain(c *Chain, in, scope space.Set, unsaid *Unsaid, depth int) space.Set {
	var back space.Set // to the chain that jumped here
	// What rules for some peers decide is taken off together: what is left may have thousands of
	// holes, and is copied each time.
	var taken space.Set
	batch := 0
	flush := func() { in, taken, batch = in.Minus(taken), space.Set{}, 0 }
	for i := range c.Rules {
		r := &c.Rules[i]
		if in.Empty() || w.d.Full() {
			break
		}
		if !w.concerns(r) {
			continue
		}
		if w.steps++; w.steps > maxSteps || depth > maxDepth {
			w.tooMuch(r)
			break
		}
		if w.pieces += in.Pieces(); w.pieces > maxPieces {
			w.steps = maxSteps + 1 // and no further
			w.tooTangled(r)
			break
		}
		of := r.Match.box(w.firewall.Family).Intersect(scope)
		if r.Match.Peers == nil || r.Verdict != Accept && r.Verdict != Drop {
			flush()
		}
		part := in.Intersect(of).Minus(taken)
		if part.Empty() && !r.Match.Unknown {
			continue
		}
		why := unsaid
		if r.Match.Unsaid != nil {
			why = r.Match.Unsaid
		}
		own := r.Match.Unsaid != nil // this rule itself may not match
		switch r.Verdict {
		case Continue:
		case Accept, Drop:
			w.apply(r, part, of, scope, why)
			if !own {
				taken = taken.Union(part)
			}
			if batch++; batch == maxBatch || r.Match.Peers == nil {
				flush()
			}
		case Return:
			if own {
				w.maybe = append(w.maybe, dropped{r, part, why})
				continue
			}
			back, in = back.Union(part), in.Minus(part)
		case Jump, Goto:
			to := w.firewall.Chains[w.dir][r.To]
			if to == nil {
				w.d.Errorf(r.Pos, "give the whole ruleset", "%sthere is no chain %q",
					r.Subject(), r.To)
				return space.Set{}
			}
			if own {
				there := *why
				there.at, why = r, &there
			}
			left := w.chain(to, part, of, why, depth+1)
			if own {
				if r.Verdict == Goto { // as a return, if it matches
					w.maybe = append(w.maybe, dropped{r, left, why})
				}
				continue
			}
			in = in.Minus(part)
			if r.Verdict == Jump {
				in = in.Union(left)
			} else {
				back = back.Union(left)
			}
		}
	}
	flush()
	return back.Union(in)
}

// concerns reports whether a rule may match packets of this walk.
func (w *walk) concerns(r *Rule) bool {
	m := &r.Match
	if m.Never || m.States != 0 && m.States&w.state == 0 {
		return false
	}
	for _, d := range m.Devices {
		if !d.matches(w.device) {
			return false
		}
	}
	return true
}

// settle reports what may be dropped and is accepted by a later rule, and what may be accepted
// and is not.
func (w *walk) settle() {
	for _, o := range w.leftOut {
		if !w.passes.Covers(o.set) || o.rule.Match.Unknown {
			w.unsure(o.rule, o.why)
		}
	}
	for _, m := range w.maybe {
		if w.passes.Intersect(m.set).Empty() {
			continue
		}
		u := m.why
		at := u.of(m.rule)
		w.once("maybe", at.Pos, func() {
			w.d.Errorf(at.Pos, u.Hint, "%sgroups cannot say this rule: %s, and without it a later "+
				"rule would let in what this one keeps out", at.Subject(), u.Why)
		})
	}
}
