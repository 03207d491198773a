package file

import (
	"slices"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

const mappingNode = yaml.MappingNode

// rules reads the rules of one direction of a group.
func (d *decoder) rules(n *node, group string, dir policy.Direction) []policy.Rule {
	var rules []policy.Rule
	for i, item := range d.items(n, dir.String()) {
		rules = d.block(rules, item, group, i)
	}
	return rules
}

// block appends the rules of one block: one for each peer (R8).
func (d *decoder) block(rules []policy.Rule, n *node, group string, index int) []policy.Rule {
	f, ok := d.mapping(n, "a rule", ruleKeys)
	if !ok {
		return rules
	}
	shared := policy.Rule{Index: index, Description: d.description(f["description"]),
		Tags: d.tags(f["tags"]), Pos: d.part(n)}
	shared.Protocol, ok = d.protocol(f["protocol"], shared.Pos)
	var spans []span
	if ok {
		spans, ok = d.spans(f, shared.Protocol, shared.Pos)
	}
	peers := d.peers(f, group, shared.Pos)
	if !ok {
		return rules
	}
	// Each node is one of maxStructure, but a block stands for the product of two lists.
	if n := len(peers) * len(spans); n > maxStructure-d.ruleCount {
		d.errorAt(shared.Pos, policy.InvalidParameterValue,
			"wider ranges of ports, or prefixes, need fewer rules",
			"%d ports for %d peers: the file would have more than %d rules", len(spans), len(peers),
			maxStructure)
		return rules
	}
	d.ruleCount += len(peers) * len(spans)
	rules = slices.Grow(rules, len(peers)*len(spans))
	for _, s := range spans {
		for _, peer := range peers {
			rule := shared
			rule.From, rule.To, rule.Peer = s.from, s.to, peer.Peer
			if peer.Described {
				rule.Description = peer.description
			}
			rules = append(rules, rule)
		}
	}
	return rules
}
