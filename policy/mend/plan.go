package mend

import (
	"maps"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// plan finds the edits of a unit; false if the file is written in a way that is left to people.
func (u *unit) plan(t *text) bool {
	m := u.mends[0]
	if len(m.Rules) == 0 {
		return u.take(t.find(m.Group.Pos, yaml.SequenceNode), t)
	}
	block := t.find(m.Rules[0].Pos, yaml.SequenceNode)
	if block == nil || block.Kind != yaml.MappingNode {
		return false
	}
	if len(m.Blocks) > 0 {
		return u.replace(t, block, m.Blocks)
	}
	var of []*policy.Rule
	rules := m.Group.Rules(m.Direction)
	for i := range rules {
		if rules[i].Pos == m.Rules[0].Pos {
			of = append(of, &rules[i])
		}
	}
	var anew []*policy.Rule
	var peers []netip.Prefix
	gone := map[*policy.Rule]bool{}
	for _, x := range u.mends {
		if len(x.Adds) > 0 {
			anew, peers = append(anew, x.Rules...), append(peers, x.Peers...)
			continue
		}
		for _, r := range x.Rules {
			gone[r] = true
		}
	}
	switch {
	case len(anew) > 0:
		return len(gone) == 0 && u.peers(t, of, anew, peers)
	case len(gone) == len(of):
		return u.take(block, t)
	}
	return u.cells(t, block, of, gone)
}

// take removes an item of a list.
func (u *unit) take(item *node, t *text) bool {
	if item == nil {
		return false
	}
	u.list, u.item = item.in, item.at
	var ok bool
	u.edits, ok = t.items(item.in, map[int]bool{item.at: true})
	return ok
}

// cells removes peers of a block of which all rules go, and ports.
func (u *unit) cells(t *text, block *node, of []*policy.Rule, gone map[*policy.Rule]bool) bool {
	type span struct{ from, to int }
	stays, places := map[any]bool{}, map[policy.Pos]bool{}
	var spans []span
	for _, r := range of {
		s := span{r.From, r.To}
		if len(spans) == 0 || spans[len(spans)-1] != s {
			spans = append(spans, s)
		}
		stays[r.Peer.Pos], stays[s] = stays[r.Peer.Pos] || !gone[r], stays[s] || !gone[r]
	}
	lists := map[*yaml.Node]map[int]bool{}
	owner := map[*yaml.Node]*node{}
	mark := func(item *node) {
		if lists[item.in.Node] == nil {
			lists[item.in.Node], owner[item.in.Node] = map[int]bool{}, item.in
		}
		lists[item.in.Node][item.at] = true
	}
	for _, r := range of {
		if stays[r.Peer.Pos] || places[r.Peer.Pos] {
			continue
		}
		places[r.Peer.Pos] = true
		if item := t.find(r.Peer.Pos, yaml.SequenceNode); item != nil {
			mark(item)
		} else if self := t.find(r.Peer.Pos, yaml.MappingNode); self == nil || !u.without(t, self) {
			return false
		}
	}
	for i, s := range spans {
		if stays[s] {
			continue
		}
		ports := block.value("ports")
		if ports == nil || ports.Kind != yaml.SequenceNode || len(ports.Content) != len(spans) {
			return false
		}
		mark(&node{ports.Content[i], ports, i})
	}
	for n, items := range lists {
		list := owner[n]
		if len(items) == len(n.Content) {
			if !u.without(t, list) {
				return false
			}
			continue
		}
		more, ok := t.items(list, items)
		if !ok {
			return false
		}
		u.edits = append(u.edits, more...)
	}
	return len(u.edits) > 0
}

// without removes a key of the block.
func (u *unit) without(t *text, value *node) bool {
	more, ok := t.key(value)
	u.edits = append(u.edits, more...)
	return ok
}

// replace puts blocks in place of one that has its lines for itself.
func (u *unit) replace(t *text, block *node, blocks []string) bool {
	indent := block.in.Column - 1
	line := block.Line - 1
	first := strings.TrimRight(t.lines[line], "\r\n")
	if block.in.flow() || block.Anchor != "" || !strings.HasPrefix(first, strings.Repeat(" ", indent)+
		"-") {
		return false
	}
	var b strings.Builder
	for _, r := range blocks {
		b.WriteString(first[:indent] + "- " + r + "\n")
	}
	u.edits = []edit{{t.starts[line], t.starts[t.last(line, indent)], b.String()}}
	return true
}

// peers writes CIDRs in place of those of rules, which are all of their families in the block.
func (u *unit) peers(t *text, of, rules []*policy.Rule, cidrs []netip.Prefix) bool {
	instead := map[policy.Family][]netip.Prefix{}
	for _, c := range cidrs {
		instead[policy.FamilyOf(c)] = append(instead[policy.FamilyOf(c)], c)
	}
	gone, written := map[*policy.Rule]bool{}, map[policy.Family]bool{}
	block := t.find(of[0].Pos, yaml.SequenceNode)
	places := map[policy.Pos]bool{}
	for _, r := range rules {
		f := policy.FamilyOf(r.Peer.CIDR)
		if at, again := places[r.Peer.Pos]; again { // for another port
			gone[r] = at
			continue
		}
		places[r.Peer.Pos] = written[f] || len(instead[f]) == 0
		if places[r.Peer.Pos] {
			gone[r] = true
			continue
		}
		written[f] = true
		item := t.find(r.Peer.Pos, yaml.SequenceNode)
		if item == nil || item.Kind != yaml.ScalarNode {
			return false
		}
		from, to := t.start(item.Node), t.end(item.Node)
		if to < 0 {
			return false
		}
		between := ", "
		if !item.in.flow() {
			between = "\n" + strings.Repeat(" ", item.in.Column-1) + "- "
		}
		var texts []string
		for _, c := range instead[f] {
			text := c.String()
			if f == policy.IPv6 {
				text = `"` + text + `"`
			}
			texts = append(texts, text)
		}
		u.edits = append(u.edits, edit{from, to, strings.Join(texts, between)})
	}
	maps.DeleteFunc(gone, func(_ *policy.Rule, is bool) bool { return !is })
	return len(gone) == 0 || u.cells(t, block, of, gone)
}
