package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"sgfw/policy"
	"sgfw/policy/reputation"
	"sgfw/policy/space"
)

// Reputation says what was held against block lists, and what was not.
type Reputation struct {
	Lists []*reputation.List
	// Checked is how many different peers were held against the lists: addresses and ranges.
	Checked int
	// Skipped says what was not, and why.
	Skipped []Skipped
}

// Skipped are peers that lists say nothing about.
type Skipped struct {
	// What they are, in the plural, and Why they were skipped.
	What, Why string
	Count     int
}

// hit is what lists have of a peer.
type hit struct{ text string }

// reputation holds every public peer of the groups against the lists, of both directions.
func (a *auditor) reputation() *Reputation {
	out := &Reputation{Lists: a.o.Lists}
	known := map[netip.Prefix]*hit{}
	private, anyone := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
	groups, lists := map[string]bool{}, map[string]bool{}
	check := func(c netip.Prefix) *hit {
		h, there := known[c]
		if there || private[c] || anyone[c] {
			return h
		}
		peers := space.PeersOf(c)
		switch {
		case everybody(peers, policy.FamilyOf(c)):
			anyone[c] = true
			return nil
		case !public(peers):
			private[c] = true
			return nil
		}
		h = a.listed(c)
		known[c] = h
		return h
	}
	for _, g := range a.groups {
		if !g.included {
			continue
		}
		for d := range g.alone.sides {
			s := &g.alone.sides[d]
			for i := range s.rules {
				e := s.rules[i]
				a.livePeers(g, s, e, check)
				switch e.Peer.Kind {
				case policy.PeerGroup:
					groups[e.Peer.Name] = true
				case policy.PeerPrefixList:
					a.listPeer(g, s, e, check, lists)
				case policy.PeerCIDR:
					if h := check(e.Peer.CIDR); h != nil {
						f := g.alone.about(s.direction, e)
						f.Message = fmt.Sprintf("%s %s", e.Peer.CIDR, h.text)
						a.add(f, badReputation)
					}
				}
			}
		}
	}
	out.Checked = len(known)
	for _, s := range []Skipped{
		{"private, local or reserved ranges", "no list speaks of them", len(private)},
		{"ranges for everybody", "every list is in them", len(anyone)},
		{"groups", "their members are machines of your own", len(groups)},
	} {
		if s.Count > 0 {
			out.Skipped = append(out.Skipped, s)
		}
	}
	return out
}

// livePeers holds the other ends of live flows of a rule against the lists, but for those that
// the rule names.
func (a *auditor) livePeers(g *examined, s *side, e entry, check func(netip.Prefix) *hit) {
	if a.o.Observed == nil || a.o.Observed.Seen[e.use(s.direction)] == nil {
		return
	}
	remotes := a.o.Observed.Seen[e.use(s.direction)].Remotes
	for _, r := range slices.SortedFunc(maps.Keys(remotes), netip.Addr.Compare) {
		c := netip.PrefixFrom(r, r.BitLen())
		if h := check(c); h != nil && e.Peer.CIDR != c {
			f := g.alone.about(s.direction, e)
			f.Message = fmt.Sprintf("a live flow with %s, which %s", r, h.text)
			a.add(f, badReputation)
		}
	}
}

// listPeer holds the entries of a prefix list against the lists, once for all rules that
// have it.
func (a *auditor) listPeer(g *examined, s *side, e entry, check func(netip.Prefix) *hit,
	done map[string]bool) {
	l := a.p.PrefixList(e.Peer.Name)
	if l == nil || done[l.Name] {
		return
	}
	done[l.Name] = true
	for _, entry := range l.Entries {
		h := check(entry.CIDR)
		if h == nil {
			continue
		}
		f := g.alone.about(s.direction, e)
		if entry.Pos != (policy.Pos{}) {
			f.anchors = append(f.anchors, f.Pos, l.Pos)
			f.Related = append(f.Related, f.Pos)
			f.Pos = entry.Pos
		}
		f.Message = fmt.Sprintf("%s, in prefix list %s, %s", entry.CIDR, l.Name, h.text)
		a.add(f, badReputation)
	}
}

// listed says which lists have a peer, nil if none has.
func (a *auditor) listed(c netip.Prefix) *hit {
	text := ""
	for _, l := range a.o.Lists {
		around, within := l.Overlapping(c)
		if len(around)+len(within) == 0 {
			continue
		}
		if text != "" {
			text += ", and "
		}
		first := append(around[:len(around):len(around)], within...)[0]
		switch {
		case len(around) > 0:
			text += fmt.Sprintf("is in %s", first.CIDR)
		case first.CIDR == c:
			text += "is listed"
		default:
			text += fmt.Sprintf("has %s in it", first.CIDR)
		}
		if n := len(around) + len(within) - 1; n > 0 {
			text += fmt.Sprintf(" and %d more entries", n)
		}
		if first.Note != "" {
			text += fmt.Sprintf(" (%s)", first.Note)
		}
		if text += " of " + l.Name; first.Line > 0 {
			text += fmt.Sprintf(", line %d", first.Line)
		}
	}
	if text == "" {
		return nil
	}
	return &hit{text}
}

// Hosts returns the single public addresses that peers are, those of live flows included, in
// order: what those who know addresses can be asked about. Ranges is how many public peers are
// none.
func Hosts(p *policy.Policy, o Options) (hosts []netip.Addr, ranges int) {
	wanted := map[netip.Prefix]bool{}
	peer := func(c netip.Prefix) { wanted[c] = true }
	lists := map[string]bool{}
	for i := range p.Groups {
		g := &p.Groups[i]
		if len(o.Include) > 0 && !slices.Contains(o.Include, g.Name) {
			continue
		}
		for _, d := range directions {
			for _, r := range g.Rules(d) {
				switch r.Peer.Kind {
				case policy.PeerCIDR:
					peer(r.Peer.CIDR)
				case policy.PeerPrefixList:
					lists[r.Peer.Name] = true
				}
				if o.Observed == nil {
					continue
				}
				if seen := o.Observed.Seen[Use{g.Name, d, r.ID()}]; seen != nil {
					for a := range seen.Remotes {
						peer(netip.PrefixFrom(a, a.BitLen()))
					}
				}
			}
		}
	}
	for i := range p.PrefixLists {
		if l := &p.PrefixLists[i]; lists[l.Name] {
			for _, e := range l.Entries {
				peer(e.CIDR)
			}
		}
	}
	for c := range wanted {
		switch peers := space.PeersOf(c); {
		case everybody(peers, policy.FamilyOf(c)), !public(peers):
		case c.IsSingleIP():
			hosts = append(hosts, c.Addr())
		default:
			ranges++
		}
	}
	slices.SortFunc(hosts, netip.Addr.Compare)
	return hosts, ranges
}
