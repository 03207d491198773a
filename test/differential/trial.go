package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"sgfw/filter"
	"sgfw/policy"
	"sgfw/test/naive"
)

// Trial compares the engine with the naive machine on what one seed makes.
type Trial struct {
	World *World
	Seed  uint64
	// Packets is how many there are.
	Packets int
}

// Counts is how many packets there were for each verdict of the naive machine.
type Counts map[naive.Reason]int

// Difference is a trial in which the two disagree about the last packet.
type Difference struct {
	Seed  uint64
	Steps []Step
	// Of names the verdicts.
	Of string
}

// Run makes the trial and adds to counts. The difference is nil if there is none.
// An error is about the trial itself.
func (t Trial) Run(counts Counts) (*Difference, error) {
	random := rand.New(rand.NewPCG(t.Seed, 0))
	first := t.World.Policy(random)
	traffic := t.World.NewTraffic(random, first)
	pair := t.World.newPair(make(map[*naive.Policy]*policy.Policy))
	steps := []Step{{Policy: first}}
	if _, err := pair.step(steps[0]); err != nil {
		return nil, err
	}
	for range t.Packets {
		s := traffic.Next()
		steps = append(steps, s)
		of, err := pair.step(s)
		if err != nil {
			return nil, err
		}
		if of != "" {
			d := &Difference{Seed: t.Seed, Steps: steps, Of: of}
			d.shrink(t.World, pair.engine.parsed)
			return d, nil
		}
		counts[pair.verdict.Reason]++
		traffic.Delivered(pair.verdict.Reason.Passes())
	}
	return nil, nil
}

// pair is the two machines that go the same steps.
type pair struct {
	engine  *engine
	naive   *naive.Machine
	verdict naive.Verdict // the latest of the naive machine
}

func (w *World) newPair(parsed map[*naive.Policy]*policy.Policy) *pair {
	return &pair{engine: newEngine(w, parsed), naive: naive.NewMachine(w.Devices, w.Resolvers...)}
}

// step goes one step and says in which verdicts the two differ, "" if they agree.
func (p *pair) step(s Step) (of string, err error) {
	p.naive.Now += s.Wait
	p.engine.wait(s.Wait)
	if s.Policy != nil {
		p.naive.Apply(s.Policy)
		if err := p.engine.apply(s.Policy); err != nil {
			return "", err
		}
	}
	if s.Revoke != "" {
		p.naive.Revoke(s.Revoke)
		p.engine.revoke(s.Revoke)
	}
	if s.Packet == nil {
		return "", nil
	}
	if p.engine.leavesOut(s.Way, s.Packet) {
		return "", nil
	}
	p.verdict = p.naive.Decide(s.Hook, s.In, s.Out, s.Packet)
	v, passed := p.engine.decide(s.Way, s.Packet)
	if passed != p.verdict.Reason.Passes() {
		return fmt.Sprintf("the engine passes it: %t (%s), the semantics say %s", passed, v.Reason,
			p.verdict.Reason), nil
	}
	if v.Reason.String() != string(p.verdict.Reason) &&
		!(v.Reason.IsFault() && p.verdict.Reason == naive.Malformed) {
		return fmt.Sprintf("the engine says %s, the semantics %s", v.Reason, p.verdict.Reason), nil
	}
	if (v.Reason == filter.ReasonRule || v.Reason == filter.ReasonUntracked) &&
		!p.engine.permits(v.Rule, p.verdict.By) {
		info, _ := p.engine.filter.Ruleset().Rule(v.Rule)
		return fmt.Sprintf("the engine names the rule %s of group %s, the semantics %+v", &info.Rule,
			info.Group, p.verdict.By), nil
	}
	return "", nil
}

// differs reports whether the last of the steps, and no earlier one, still makes a
// difference.
func (w *World) differs(steps []Step, parsed map[*naive.Policy]*policy.Policy) (of string) {
	p := w.newPair(parsed)
	for i, s := range steps {
		of, err := p.step(s)
		if err != nil {
			return ""
		}
		if of != "" {
			if i < len(steps)-1 {
				return ""
			}
			return of
		}
	}
	return ""
}

// shrink leaves out what the difference does not need: steps, then rules.
func (d *Difference) shrink(w *World, parsed map[*naive.Policy]*policy.Policy) {
	try := func(steps []Step) bool {
		of := w.differs(steps, parsed)
		if of != "" {
			d.Steps, d.Of = steps, of
		}
		return of != ""
	}
	for size := len(d.Steps) / 2; size > 0; size /= 2 {
		for at := len(d.Steps) - 1 - size; at >= 1; at -= size {
			// The waits of what is left out are kept, by the step that follows.
			rest := slices.Clone(d.Steps)
			for _, gone := range rest[at : at+size] {
				rest[at+size].Wait += gone.Wait
			}
			if try(slices.Delete(rest, at, at+size)) {
				at = min(at, len(d.Steps)-1-size+1)
			}
		}
	}
	for at := range d.Steps {
		for _, simpler := range []func(s *Step){
			func(s *Step) { s.Wait = 0 }, func(s *Step) { s.Revoke = "" },
		} {
			rest := slices.Clone(d.Steps)
			simpler(&rest[at])
			try(rest)
		}
	}
	for at := range d.Steps {
		for d.Steps[at].Policy != nil &&
			slices.ContainsFunc(smaller(d.Steps[at].Policy), func(p *naive.Policy) bool {
				rest := slices.Clone(d.Steps)
				rest[at].Policy = p
				return try(rest)
			}) {
		}
	}
}

// smaller returns the policies that lack one thing of p.
func smaller(p *naive.Policy) (all []*naive.Policy) {
	without := func(change func(q *naive.Policy)) {
		q := clone(p)
		change(q)
		all = append(all, q)
	}
	for g := range p.Groups {
		for d, rules := range p.Groups[g].Rules {
			for i := range rules {
				without(func(q *naive.Policy) {
					q.Groups[g].Rules[d] = slices.Delete(q.Groups[g].Rules[d], i, i+1)
				})
			}
		}
	}
	for i, n := range p.Interfaces {
		if len(p.Interfaces) > 1 {
			without(func(q *naive.Policy) { q.Interfaces = slices.Delete(q.Interfaces, i, i+1) })
		}
		if len(n.Groups) > 1 {
			without(func(q *naive.Policy) { q.Interfaces[i].Groups = n.Groups[:1] })
			without(func(q *naive.Policy) { q.Interfaces[i].Groups = n.Groups[1:] })
		}
	}
	for i := range p.Remotes {
		without(func(q *naive.Policy) { q.Remotes = slices.Delete(q.Remotes, i, i+1) })
	}
	return all
}

// String is what somebody needs to see the difference again and to understand it.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n", d.Seed, d.Of)
	for i, s := range d.Steps {
		fmt.Fprintf(&b, "%d: %s\n", i+1, s)
		if s.Policy != nil {
			b.WriteString(Text(s.Policy, ""))
		}
	}
	return b.String()
}
