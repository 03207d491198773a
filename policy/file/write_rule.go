package file

import (
	"maps"

	"sgfw/policy"
)

// rules writes the rules of one direction, in blocks.
func (w *writer) rules(indent int, d policy.Direction, g *policy.Group) {
	rules := g.Rules(d)
	if len(rules) == 0 {
		w.line(indent, "%s: []", d)
		return
	}
	w.line(indent, "%s:", d)
	for len(rules) > 0 {
		n := 1
		for n < len(rules) && sameBlock(&rules[0], &rules[n]) {
			n++
		}
		w.block(indent+4, rules[:n])
		rules = rules[n:]
	}
}

// sameBlock reports whether two rules were written as one, and can be again.
func sameBlock(a, b *policy.Rule) bool {
	return a.Index == b.Index && a.Pos == b.Pos && a.Protocol == b.Protocol && a.From == b.From &&
		a.To == b.To && maps.Equal(a.Tags, b.Tags) && shared(a) == shared(b)
}

// shared is the description that a rule has of its block, not of its peer.
func shared(r *policy.Rule) string {
	if r.Peer.Described {
		return ""
	}
	return r.Description
}

// asSelf reports whether the peer is written as self: true, which has no room for a
// description of its own.
func asSelf(p *policy.Peer) bool { return p.Self && !p.Described }

// service writes the protocol of a rule with its ports, or type and code.
func (w *writer) service(indent int, r *policy.Rule) {
	if r.Protocol == policy.AllProtocols {
		w.line(indent, "protocol: all")
	} else {
		w.line(indent, "protocol: %s", r.Protocol)
	}
	switch {
	case r.Protocol.HasPorts() && r.From == r.To:
		w.line(indent, "ports: %d", r.From)
	case r.Protocol.HasPorts():
		w.line(indent, "ports: %d-%d", r.From, r.To)
	case r.Protocol == policy.ICMP, r.Protocol == policy.ICMPv6 && (r.From != -1 || r.To != -1):
		w.line(indent, "from_port: %d", r.From)
		w.line(indent, "to_port: %d", r.To)
	}
}

// block writes rules that differ by their peers.
func (w *writer) block(indent int, rules []policy.Rule) {
	r := &rules[0]
	w.comment(indent-2, r.Pos)
	w.first = true
	w.text(indent, "description", shared(r))
	w.service(indent, r)
	w.tags(indent, r.Tags)
	for _, k := range peerKinds {
		var items []string
		for i := range rules {
			p := &rules[i].Peer
			if p.Kind != k.kind || asSelf(p) ||
				k.kind == policy.PeerCIDR && policy.FamilyOf(p.CIDR) != k.family {
				continue
			}
			item := asText(p.Name)
			if p.Kind == policy.PeerCIDR {
				item = cidrText(p.CIDR)
			}
			if p.Described {
				item = "{ " + k.inner + ": " + item + ", description: " +
					asText(rules[i].Description) + " }"
			}
			items = append(items, item)
		}
		w.list(indent, k.key, items)
	}
	for i := range rules {
		if asSelf(&rules[i].Peer) {
			w.line(indent, "self: true")
			break
		}
	}
}
