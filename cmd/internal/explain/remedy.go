package explain

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/remedy"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

// remedies adds to an explanation what would let the packet pass.
func remedies(doc *api.Explanation, rs *filter.Ruleset, flows *conntrack.Table,
	now conntrack.Time, q filter.Query, facts member.Facts) {
	c := remedy.Case{Rules: rs, Flows: flows, Now: now, Facts: facts, Query: q}
	x := filter.Explain(rs, flows, now, q)
	found := c.Find(&x)
	if r := found.Crowded; r != nil {
		list := policy.ACLRule{Number: r.Number}
		doc.NoRemedy = fmt.Sprintf("no rule_no is free before %s: renumber %s rule %[1]s of network "+
			"ACL %[3]s", list.Place(), r.Direction, r.ACL)
	}
	if v := found.Packet; v != nil {
		passing := completed(v.Query, doc.Query.Interface)
		doc.Remedies = append(doc.Remedies, api.Remedy{Kind: api.RemedyPacket, Query: &passing,
			Fields: v.Fields, Text: "the same packet " + strings.Join(variantWords(v), ", ")})
	}
	for _, k := range []struct {
		kind    string
		changes []remedy.Change
	}{{api.RemedyRule, found.Rules}, {api.RemedyGroup, found.Groups}} {
		if len(k.changes) == 0 {
			continue
		}
		r := api.Remedy{Kind: k.kind}
		var words []string
		for i := range k.changes {
			words = append(words, changeWords(&k.changes[i]))
			r.Changes = append(r.Changes, change(rs.Policy(), &k.changes[i]))
		}
		r.Text = strings.Join(words, ", and ")
		doc.Remedies = append(doc.Remedies, r)
	}
}

// completed is the question about a packet with nothing left to guess.
func completed(q filter.Query, device string) api.Query {
	j := job{q: q}
	out := j.complete()
	out.Interface = device
	return out
}

// variantWords say what differs in another packet.
func variantWords(v *filter.Variant) (words []string) {
	peer, own := v.Src, v.Dst
	from, to := "from", "to"
	if v.Direction == conntrack.Egress {
		peer, own, from, to = own, peer, to, from
	}
	for _, field := range v.Fields {
		switch field {
		case "protocol":
			words = append(words, fmt.Sprintf("of protocol %s", policy.Protocol(v.Protocol)))
		case "port":
			words = append(words, fmt.Sprintf("to port %d", v.DstPort))
		case "type":
			words = append(words, fmt.Sprintf("of type %d", v.ICMPType))
		case "code":
			words = append(words, fmt.Sprintf("of code %d", v.ICMPCode))
		case "peer":
			words = append(words, fmt.Sprintf("%s %s", from, peer))
		case "own":
			words = append(words, fmt.Sprintf("%s %s", to, own))
		case "segment":
			words = append(words, "as the first one of a connection (syn)")
		}
	}
	return words
}

// changeWords say a change of the policy.
func changeWords(c *remedy.Change) string {
	switch c.What {
	case remedy.AddACLRule:
		return fmt.Sprintf("%s rule %s of network ACL %s", c.Direction, c.ACLRule.String(), c.ACL)
	case remedy.Attach:
		return fmt.Sprintf("group %s on %s", c.Groups[len(c.Groups)-1], c.Interface)
	case remedy.Own:
		return fmt.Sprintf("%s as an address of %s", policy.OwnText(c.Own[len(c.Own)-1]), c.Interface)
	}
	return fmt.Sprintf("%s rule %s in group %s", c.Direction, c.Rule.String(), c.Group)
}

const (
	// usualIndent is how far the keys of a part of a list stand in, as in the documentation.
	usualIndent = 4
	// itemIndent is how much further the keys of a rule stand in than those of its group.
	itemIndent = 4
	// bracketed is how much further at least a rule stands in brackets behind its key.
	bracketed = len("egress: [")
)

// change is the document of a change of the policy, in the lines of its file.
func change(p *policy.Policy, c *remedy.Change) api.PolicyChange {
	switch c.What {
	case remedy.AddACLRule:
		n := p.NetworkACL(c.ACL)
		var at []policy.Pos
		for _, r := range n.Rules(c.Direction) {
			at = append(at, r.Pos)
		}
		item := func(indent int) []string { return file.ACLItem(c.ACLRule, indent) }
		return listed(fmt.Sprintf("network_acls[%s].%s", c.ACL, c.Direction), n.Pos, at,
			c.Direction.String(), item)
	case remedy.AddRule:
		g := p.Group(c.Group)
		var at []policy.Pos
		for _, r := range g.Rules(c.Direction) {
			at = append(at, r.Pos)
		}
		item := func(indent int) []string { return file.Item(c.Rule, indent) }
		return listed(fmt.Sprintf("security_groups[%s].%s", c.Group, c.Direction), g.Pos, at,
			c.Direction.String(), item)
	}
	i := slices.IndexFunc(p.Interfaces,
		func(n policy.Interface) bool { return n.Device == c.Interface })
	pos := p.Interfaces[i].Pos
	doc := api.PolicyChange{Path: fmt.Sprintf("interfaces[%s].security_groups", c.Interface),
		Replace: true, File: pos.File, Line: pos.Line, After: pos.Line}
	if c.What == remedy.Own {
		doc.Path = fmt.Sprintf("interfaces[%s].addresses", c.Interface)
		doc.Lines = file.Owned(c.Own, indentAt(pos))
		return doc
	}
	doc.Lines = file.Attached(c.Groups, indentAt(pos))
	return doc
}

// indentAt is how far the keys of the part at pos stand in.
func indentAt(pos policy.Pos) int {
	if pos.Col == 0 {
		return usualIndent
	}
	return pos.Col - 1
}

// listed is the change that adds an item to a list of the part at pos; others are where the
// items stand that it has.
func listed(path string, pos policy.Pos, others []policy.Pos, key string,
	item func(indent int) []string) api.PolicyChange {
	doc := api.PolicyChange{Path: path, File: pos.File, Line: pos.Line}
	others = slices.DeleteFunc(others, func(o policy.Pos) bool { return o.Line == 0 })
	if len(others) == 0 {
		indent := indentAt(pos)
		doc.Replace, doc.After = true, pos.Line
		doc.Lines = append([]string{strings.Repeat(" ", indent) + key + ":"},
			item(indent+itemIndent)...)
		return doc
	}
	first := slices.MinFunc(others, func(a, b policy.Pos) int { return a.Line - b.Line })
	if first.Line == pos.Line || first.Col-pos.Col >= bracketed {
		doc.Lines = []string{inBrackets(item(2))}
		return doc
	}
	doc.After, doc.Lines = first.Line-1, item(indentAt(first))
	return doc
}

// inBrackets is an item of a list as it stands in brackets, with a comma behind it.
func inBrackets(lines []string) string {
	for i := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimSpace(lines[i]), "- ")
	}
	return "{ " + strings.Join(lines, ", ") + " },"
}

// portOfClients stands for the port of a client where nobody says which: the first that is
// for nothing else (RFC 6335).
const portOfClients = 49152

// anyPort fills in the port that an answer goes to, where a network ACL looks at that.
func (j *job) anyPort() {
	if !policy.Protocol(j.q.Protocol).HasPorts() || j.from.port != 0 || !j.acl {
		return
	}
	j.q.SrcPort = portOfClients
	j.notices = append(j.notices, fmt.Sprintf("no port of %s is known: %d stands for it, the network "+
		"ACL looks at answers to it", j.q.Src, portOfClients))
}
