package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sgfw/policy"
)

// Use names a rule of a policy in what a daemon has counted.
type Use struct {
	Group     string
	Direction policy.Direction
	Rule      policy.RuleID
}

// Observed is what a daemon has counted.
type Observed struct {
	// Since is when it began to count.
	Since time.Time
	// Hits says how many packets rules have admitted. A rule that is not there is not counted.
	Hits map[Use]uint64
	// Seen are the live flows by the rule that admitted them.
	Seen map[Use]*Seen
}

// Seen are live flows of one rule. The zero value has none.
type Seen struct {
	// Ports are destination ports by protocol; one without ports has -1.
	Ports map[policy.Protocol]map[int]bool
	// Remotes are the other ends.
	Remotes map[netip.Addr]bool
	// Flows counts them.
	Flows uint64
}

// Add adds a flow. Port is -1 for a protocol without.
func (s *Seen) Add(p policy.Protocol, port int, remote netip.Addr) {
	if s.Ports == nil {
		s.Ports, s.Remotes = map[policy.Protocol]map[int]bool{}, map[netip.Addr]bool{}
	}
	if s.Ports[p] == nil {
		s.Ports[p] = map[int]bool{}
	}
	s.Ports[p][port] = true
	s.Remotes[remote] = true
	s.Flows++
}

// use is what a daemon calls a rule.
func (e entry) use(d policy.Direction) Use { return Use{e.group.Name, d, e.ID()} }

// observed looks for rules that nobody has used, and for those that are wider than their use.
func (a *auditor) observed(g *examined) {
	o := a.o.Observed
	if o == nil {
		return
	}
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for i := 0; i < len(s.rules); {
			j, used := i, false
			var hits uint64
			for ; j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]); j++ {
				n, known := o.Hits[s.rules[j].use(s.direction)]
				used, hits = used || n > 0 || !known, hits+n
			}
			block := s.rules[i:j]
			i = j
			if block[0].Index == policy.DefaultIndex {
				continue
			}
			if !used {
				f := g.alone.about(s.direction, block...)
				f.Message = "the rule was never hit since " + moment(o.Since)
				f.fix = &fix{why: "never hit since " + moment(o.Since), seen: true}
				a.add(f, unusedRule)
				continue
			}
			if !a.wider(g, s, block, hits) {
				a.sources(g, s, block)
			}
		}
	}
}

// A rule is told to be wider than its use if it has at least so many ports, and live flows
// use few of them.
const (
	manyPorts = 10
	usedPorts = 8
)

// wider looks whether live flows need few ports of a block of one range, and reports whether
// they do.
func (a *auditor) wider(g *examined, s *side, block []entry, hits uint64) bool {
	first := block[0]
	ports := first.To - first.From + 1
	if first.Protocol == policy.AllProtocols {
		ports = policy.MaxPort + 1
	} else if !first.Protocol.HasPorts() {
		return false
	}
	var all Seen
	var flows uint64
	for _, e := range block {
		if !sameTraffic(e.Rule, first.Rule) {
			return false // somebody has chosen these ports
		}
		seen := a.o.Observed.Seen[e.use(s.direction)]
		if seen == nil {
			continue
		}
		for p, ports := range seen.Ports {
			for port := range ports {
				all.Add(p, port, netip.Addr{})
			}
		}
		flows += seen.Flows
	}
	n := 0
	for _, ports := range all.Ports {
		n += len(ports)
	}
	if n == 0 || n > usedPorts || ports < manyPorts || ports < 2*n {
		return false
	}
	f := g.alone.about(s.direction, block...)
	var used []string
	for _, p := range slices.Sorted(maps.Keys(all.Ports)) {
		text := p.String()
		if p.HasPorts() {
			text += " " + joined(all.Ports[p])
		}
		used = append(used, text)
		if f.Narrower != "" {
			f.Narrower += " "
		}
		rule := narrower(p, all.Ports[p], block)
		f.Narrower += "- " + rule
		if replaceable(block) {
			if d := first.Description; d != "" {
				rule = fmt.Sprintf("{ description: %s, %s", quoted(d), strings.TrimPrefix(rule, "{ "))
			}
			if f.fix == nil {
				f.fix = &fix{}
			}
			f.fix.blocks = append(f.fix.blocks, rule)
			f.fix.adds = append(f.fix.adds, narrowed(p, all.Ports[p], block)...)
		}
	}
	f.Message = fmt.Sprintf("permits %s; live flows use %s (hits so far: %d)", traffic(first.Rule),
		strings.Join(used, ", "), hits)
	if f.fix != nil {
		f.fix.why = "live flows use " + strings.Join(used, ", ")
		if hits > flows {
			f.fix.why += "; of flows that have ended nobody knows"
		}
	}
	a.add(f, wideUse)
	return true
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
