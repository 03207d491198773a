package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

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
				f.Message = "the rule was never hit since " + o.Since.UTC().Format("2006-01-02 15:04 UTC")
				a.add(f, unusedRule)
				continue
			}
			a.wider(g, s, block, hits)
		}
	}
}

// A rule is told to be wider than its use if it has at least so many ports, and live flows
// use few of them.
const (
	manyPorts = 10
	usedPorts = 8
)

// wider looks whether live flows need few ports of a block of one range.
func (a *auditor) wider(g *examined, s *side, block []entry, hits uint64) {
	first := block[0]
	ports := first.To - first.From + 1
	if first.Protocol == policy.AllProtocols {
		ports = policy.MaxPort + 1
	} else if !first.Protocol.HasPorts() {
		return
	}
	var all Seen
	for _, e := range block {
		if !sameTraffic(e.Rule, first.Rule) {
			return // somebody has chosen these ports
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
	}
	n := 0
	for _, ports := range all.Ports {
		n += len(ports)
	}
	if n == 0 || n > usedPorts || ports < manyPorts || ports < 2*n {
		return
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
			f.fix = append(f.fix, rule)
		}
	}
	f.Message = fmt.Sprintf("permits %s; live flows use %s (hits so far: %d)", traffic(first.Rule),
		strings.Join(used, ", "), hits)
	a.add(f, wideUse)
}

// joined are numbers in order.
func joined(ports map[int]bool) string {
	var out []string
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		out = append(out, fmt.Sprint(port))
	}
	return strings.Join(out, ", ")
}

// narrower is a block of the policy file with the peers of another one.
func narrower(p policy.Protocol, ports map[int]bool, block []entry) string {
	out := "{ protocol: " + p.String()
	switch {
	case p.HasPorts():
		out += ", ports: [" + joined(ports) + "]"
	case p.IsICMP():
		out += ", from_port: -1, to_port: -1"
	}
	var v4, v6, lists, groups []string
	self := false
	for _, e := range block {
		switch {
		case e.Peer.Self:
			self = true
		case e.Peer.Kind == policy.PeerGroup:
			groups = append(groups, e.Peer.Name)
		case e.Peer.Kind == policy.PeerPrefixList:
			lists = append(lists, e.Peer.Name)
		case policy.FamilyOf(e.Peer.CIDR) == policy.IPv4 && p != policy.ICMPv6:
			v4 = append(v4, e.Peer.CIDR.String())
		case policy.FamilyOf(e.Peer.CIDR) == policy.IPv6 && p != policy.ICMP:
			v6 = append(v6, fmt.Sprintf("%q", e.Peer.CIDR))
		}
	}
	for _, l := range []struct {
		key   string
		items []string
	}{{"cidr_blocks", v4}, {"ipv6_cidr_blocks", v6}, {"prefix_lists", lists},
		{"security_groups", groups}} {
		if len(l.items) > 0 {
			out += fmt.Sprintf(", %s: [%s]", l.key, strings.Join(l.items, ", "))
		}
	}
	if self {
		out += ", self: true"
	}
	return out + " }"
}

// replaceable reports whether rules in place of a block would say all that it does.
func replaceable(block []entry) bool {
	return !slices.ContainsFunc(block, func(e entry) bool {
		return len(e.Tags) > 0 || e.Peer.Described || e.Description != block[0].Description ||
			strings.ContainsFunc(e.Description, unicode.IsControl)
	})
}

// quoted is a text without control characters in single quotes of YAML.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
