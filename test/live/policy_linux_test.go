package live

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sgfw/test/wire"
)

// livePolicy is a policy that manages one device, the one towards the near side.
type livePolicy struct {
	groups   []liveGroup
	attached []string
	// lists are prefix lists, members the addresses of peers by group.
	lists, members map[string][]netip.Prefix
	device         string
	guest          bool
	scope          string
	aws            bool
	errorsByRules  bool
	timers         string
	view           string // "" for the default
	// past are the policies that the daemon has had, this one included.
	past []*livePolicy
}

// liveGroup has rules by direction.
type liveGroup struct {
	name            string
	ingress, egress []liveRule
}

// liveRule has exactly one of cidr, list and group as its peer.
type liveRule struct {
	protocol uint8
	from, to int // ports; the type of ICMP
	cidr     netip.Prefix
	list     string
	group    string
	about    string
}

func (p livePolicy) clone() livePolicy {
	p.groups = slices.Clone(p.groups)
	for i := range p.groups {
		g := &p.groups[i]
		g.ingress, g.egress = slices.Clone(g.ingress), slices.Clone(g.egress)
	}
	p.attached, p.lists, p.members = slices.Clone(p.attached), maps.Clone(p.lists),
		maps.Clone(p.members)
	return p
}

// edit changes each rule of a group, and drops those for which f returns false.
func (p *livePolicy) edit(group string, f func(r *liveRule) bool) {
	for i := range p.groups {
		if g := &p.groups[i]; g.name == group {
			for _, list := range []*[]liveRule{&g.ingress, &g.egress} {
				var kept []liveRule
				for _, r := range *list {
					if f(&r) {
						kept = append(kept, r)
					}
				}
				*list = kept
			}
		}
	}
}

// managed reports whether the device's packets are judged at all.
func (p *livePolicy) managed() bool { return p.device == "eth0" }

// home says to whom flows belong: the same device with another scope, or in
// another mode, has none of them (T26).
func (p *livePolicy) home() string { return fmt.Sprint(p.guest, " ", p.scope) }

// ingress reports whether a packet that the near side sends is inbound: to a
// host's device it is, from the guest behind the device it is outbound.
func (p *livePolicy) ingress(fromNear bool) bool { return fromNear != p.guest }

// text is the policy file.
func (p *livePolicy) text() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	quoted := func(list []netip.Prefix, text func(netip.Prefix) string) string {
		var out []string
		for _, e := range list {
			out = append(out, `"`+text(e)+`"`)
		}
		return strings.Join(out, ", ")
	}
	b.WriteString("prefix_lists:\n")
	for _, name := range slices.Sorted(maps.Keys(p.lists)) {
		var entries []string
		for _, e := range p.lists[name] {
			entries = append(entries, `{ cidr: "`+e.String()+`" }`)
		}
		fmt.Fprintf(&b, "  - { name: %s, max_entries: 4, entries: [%s] }\n", name,
			strings.Join(entries, ", "))
	}
	b.WriteString("security_groups:\n")
	for _, g := range p.groups {
		fmt.Fprintf(&b, "  - name: %s\n    description: One of the test\n", g.name)
		for i, rules := range [][]liveRule{g.ingress, g.egress} {
			var lines []string
			for _, r := range rules {
				lines = append(lines, r.text())
			}
			fmt.Fprintf(&b, "    %s: [%s]\n", []string{"ingress", "egress"}[i], strings.Join(lines, ", "))
		}
	}
	fmt.Fprintf(&b, "interfaces:\n  - device: %s\n    security_groups: [%s]\n", p.device,
		strings.Join(p.attached, ", "))
	if p.guest {
		b.WriteString("    mode: guest\n")
	}
	if p.view != "" {
		b.WriteString("    view: " + p.view + "\n")
	}
	if p.scope != "" {
		b.WriteString("    scope: " + p.scope + "\n")
	}
	if p.timers != "" {
		b.WriteString("    connection_tracking: { " + p.timers + " }\n")
	}
	b.WriteString("peers:\n")
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		for i, a := range p.members[name] {
			fmt.Fprintf(&b, "  - { name: %s-%d, addresses: [%s], security_groups: [%s] }\n", name, i,
				quoted([]netip.Prefix{a}, func(a netip.Prefix) string { return a.Addr().String() }), name)
		}
	}
	b.WriteString("settings:\n  queues: { count: 1 }\n")
	if p.aws {
		b.WriteString("  tracking: aws\n")
	}
	if p.errorsByRules {
		b.WriteString("  icmp_errors: rules\n")
	}
	return b.String()
}

func (r liveRule) text() string {
	out := fmt.Sprintf("{ protocol: %d", r.protocol)
	if r.from >= 0 {
		to := r.to
		if r.protocol != 6 && r.protocol != 17 {
			to = -1 // every code
		}
		out += fmt.Sprintf(", from_port: %d, to_port: %d", r.from, to)
	}
	switch {
	case r.list != "":
		out += ", prefix_lists: [" + r.list + "]"
	case r.group != "":
		out += ", security_groups: [" + r.group + "]"
	case r.cidr.Addr().Is4():
		out += ", cidr_blocks: [" + r.cidr.String() + "]"
	default:
		out += `, ipv6_cidr_blocks: ["` + r.cidr.String() + `"]`
	}
	if r.about != "" {
		out += ", description: " + r.about
	}
	return out + " }"
}

// rules are those of the attached groups in one direction (D6).
func (p *livePolicy) rules(ingress bool) (out []liveRule) {
	for _, g := range p.groups {
		if slices.Contains(p.attached, g.name) {
			if ingress {
				out = append(out, g.ingress...)
			} else {
				out = append(out, g.egress...)
			}
		}
	}
	return out
}

// permits reports whether a rule of the packet's own direction permits it. port is
// its destination port, or its type of ICMP.
func (p *livePolicy) permits(ingress bool, protocol uint8, peer netip.Addr, port int) bool {
	return slices.ContainsFunc(p.rules(ingress), func(r liveRule) bool {
		peers := []netip.Prefix{r.cidr}
		switch {
		case r.list != "":
			peers = p.lists[r.list]
		case r.group != "": // the addresses of its members (R27)
			peers = p.members[r.group]
		}
		return r.protocol == protocol && (r.from < 0 || r.from <= port && port <= r.to) &&
			slices.ContainsFunc(peers, func(c netip.Prefix) bool { return c.Contains(peer) })
	})
}

// untracked is T2: a rule of the opening direction permits the flow to everybody,
// and one of the other direction everybody all ports.
func (p *livePolicy) untracked(ingress bool, protocol uint8, peer netip.Addr, port int) bool {
	if !p.aws || p.scope != "" || protocol != 6 && protocol != 17 {
		return false // T4, and scopes are ours
	}
	return p.open(ingress, protocol, peer, port, port) && p.open(!ingress, protocol, peer, 0, 65535)
}

// open reports whether one rule permits everybody in the peer's family these ports.
func (p *livePolicy) open(ingress bool, protocol uint8, peer netip.Addr, from, to int) bool {
	return slices.ContainsFunc(p.rules(ingress), func(r liveRule) bool {
		return r.cidr.IsValid() && r.cidr.Bits() == 0 && r.cidr.Addr().Is4() == peer.Is4() &&
			r.protocol == protocol && r.from <= from && to <= r.to
	})
}

// mayAnswer reports whether a segment of a connection that nobody remembers may be the
// answer of an untracked one that was opened to a port: T22.
func (p *livePolicy) mayAnswer(ingress bool, peer netip.Addr, port int) bool {
	if !p.aws || p.scope != "" {
		return false
	}
	return p.open(ingress, wire.ProtoTCP, peer, 0, 65535) ||
		slices.ContainsFunc(p.past, func(q *livePolicy) bool {
			return q.untracked(!ingress, wire.ProtoTCP, peer, port)
		})
}

// passes is what AWS documents, and what was decided where it is silent, about one
// packet of a flow; what becomes of the flow is noted.
func (p *livePolicy) passes(f *liveFlow, fromOpener bool) bool {
	if !p.managed() {
		return true
	}
	in := p.ingress(f.fromNear(fromOpener))
	known, peer := f.known[p.home()], f.peer(p)
	if known != nil && known.tracked {
		return true // whatever became of the rules: T1, T15, T17, T21
	}
	if !p.permits(in, f.protocol(), peer, f.asked(fromOpener)) {
		return false // T6, D3
	}
	switch {
	case known != nil && known.byOpener != fromOpener:
		// What answers an untracked flow opens none.
	case known == nil && !f.begins && f.kind.protocol == wire.ProtoTCP &&
		p.mayAnswer(in, peer, f.asked(!fromOpener)):
		// Nor does what can be such an answer.
	default:
		// Permitted, and from then on tracked unless T2 says otherwise: T18, T19, T22.
		f.known[p.home()] = &liveEntry{
			byOpener: fromOpener, tracked: !p.untracked(in, f.protocol(), peer, f.asked(fromOpener))}
	}
	return true
}

// relates is T24 for an error about the flow, to either side.
func (p *livePolicy) relates(f *liveFlow) bool {
	if !p.managed() {
		return true
	}
	known := f.known[p.home()]
	return known != nil && !p.errorsByRules &&
		(known.tracked || p.untracked(p.ingress(f.fromNear(known.byOpener)), f.protocol(), f.peer(p),
			f.asked(known.byOpener)))
}
