package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"sgfw/policy"
)

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

// narrowed are the rules that [narrower] writes.
func narrowed(p policy.Protocol, ports map[int]bool, block []entry) (out []policy.RuleID) {
	for port := range ports {
		for _, e := range block {
			if f := policy.FamilyOf(e.Peer.CIDR); e.Peer.Kind == policy.PeerCIDR &&
				(f == policy.IPv4 && p == policy.ICMPv6 || f == policy.IPv6 && p == policy.ICMP) {
				continue
			}
			r := *e.Rule
			r.Protocol, r.From, r.To = p, port, port
			out = append(out, r.ID())
		}
	}
	return out
}

// sources looks whether a service that is not for the public, and is open to everybody, was
// asked for by few: every flow that the rule has admitted is still there, so that nothing
// which was seen would be dropped.
func (a *auditor) sources(g *examined, s *side, block []entry) {
	if s.direction != policy.Ingress || !names(block[0]) || !guarded(block[0]) {
		return
	}
	o := a.o.Observed
	var remotes []netip.Addr
	for _, e := range block {
		if !e.anybody(policy.IPv4) && !e.anybody(policy.IPv6) || !sameTraffic(e.Rule, block[0].Rule) {
			return
		}
		hits, known := o.Hits[e.use(s.direction)]
		seen := o.Seen[e.use(s.direction)]
		if seen == nil {
			seen = &Seen{}
		}
		if !known || hits > seen.Flows {
			return // of flows that have ended nobody knows the source
		}
		remotes = append(remotes, slices.Collect(maps.Keys(seen.Remotes))...)
	}
	if len(remotes) == 0 || len(remotes) > usedSources {
		return
	}
	slices.SortFunc(remotes, netip.Addr.Compare)
	f := g.alone.about(s.direction, block...)
	var texts []string
	var narrow []entry
	f.fix = &fix{peers: []netip.Prefix{}}
	for _, r := range remotes {
		texts = append(texts, r.String())
		e := block[0]
		rule := *e.Rule
		rule.Peer = policy.Peer{CIDR: netip.PrefixFrom(r, r.BitLen())}
		e.Rule = &rule
		narrow = append(narrow, e)
		f.fix.peers, f.fix.adds = append(f.fix.peers, rule.Peer.CIDR), append(f.fix.adds, rule.ID())
	}
	ports := map[int]bool{}
	for port := block[0].From; port <= block[0].To; port++ {
		ports[port] = true
	}
	f.Narrower = "- " + narrower(block[0].Protocol, ports, narrow)
	f.fix.why = "all it has admitted since " + moment(o.Since) + " is live, and from " +
		strings.Join(texts, ", ")
	f.Message = "open to everybody; " + f.fix.why
	if !replaceable(block) {
		f.fix = nil
	}
	a.add(f, wideUse)
}

// usedSources is how many sources a narrower rule has at most.
const usedSources = 8

// guarded reports whether a rule is for services that are listed as not for everybody.
func guarded(e entry) bool {
	return slices.ContainsFunc(services, func(v service) bool {
		return v.check == openSensitive && v.span().Overlaps(e.span)
	})
}
