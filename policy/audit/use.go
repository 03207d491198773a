package audit

import (
	"fmt"
	"slices"

	"sgfw/policy"
)

// use looks for groups that nothing has. Where a file does not say who has what, nobody
// knows.
func (a *auditor) use(g *examined) {
	if !a.attached() || g.Default || len(g.on) > 0 || g.remote {
		return
	}
	f := g.alone.about(policy.Ingress)
	f.Message = fmt.Sprintf("group %s is attached to nothing", g.Name)
	if g.referenced {
		f.Message += "; rules that have it as peer match nothing"
	}
	a.add(f, unusedGroup)
}

// peers looks for peers that stand for nobody.
func (a *auditor) peers(g *examined) {
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for _, e := range s.rules {
			why := ""
			switch e.Peer.Kind {
			case policy.PeerPrefixList:
				if l := a.p.PrefixList(e.Peer.Name); l == nil {
					why = fmt.Sprintf("there is no prefix list %s", e.Peer.Name)
				} else if len(l.Entries) == 0 && !slices.Contains(a.o.Elsewhere, l.Name) {
					why = fmt.Sprintf("prefix list %s has no entries", e.Peer.Name)
				}
			case policy.PeerGroup:
				o := a.byName[e.Peer.Name]
				switch {
				case o == nil && e.Peer.Name != policy.DefaultName:
					why = fmt.Sprintf("there is no group %s", e.Peer.Name)
				case o != nil && o != g && a.attached() && len(o.on) == 0 && !o.remote:
					why = fmt.Sprintf("nothing has group %s", e.Peer.Name)
				}
			}
			if why != "" {
				f := g.alone.about(s.direction, e)
				f.Message = why + ": the rule matches nothing"
				a.add(f, stalePeer)
			}
		}
	}
}

// shared looks for one group on every interface that opens something to everybody.
func (a *auditor) shared() {
	if len(a.p.Interfaces) < 2 {
		return
	}
	for _, g := range a.groups {
		n := 0
		for _, at := range g.on {
			n += at.count
		}
		in := &g.alone.sides[policy.Ingress]
		if !g.included || n < len(a.p.Interfaces) || len(in.world[0])+len(in.world[1]) == 0 {
			continue
		}
		f := g.alone.about(policy.Ingress)
		f.Message = fmt.Sprintf("group %s is on all %d interfaces and opens ports to everybody", g.Name,
			n)
		a.add(f, looseSharedGroup)
	}
}
