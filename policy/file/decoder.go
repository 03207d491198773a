package file

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// decoder turns a tree into a policy and collects what is wrong on the way.
type decoder struct {
	file  string
	found policy.Collector
	// parts finds a part of the policy again by its position, to place a problem
	// of validation at the very key.
	parts map[place]*node
	// noticed are the keys about which a notice was given once for the whole file.
	noticed map[string]bool
	// ruleCount is of those that the blocks so far stand for.
	ruleCount int
}

// place is a line and column of the file, as a map key.
type place struct{ line, col int32 }

func placeOf(p policy.Pos) place { return place{int32(p.Line), int32(p.Col)} }

func (d *decoder) pos(line, col int) policy.Pos {
	return policy.Pos{File: d.file, Line: line, Col: col}
}

func (d *decoder) at(n *node) policy.Pos { return d.pos(n.Line, n.Column) }

func (d *decoder) errorAt(pos policy.Pos, code policy.Code, hint, format string, a ...any) {
	if !d.found.Full(policy.SeverityError) {
		d.found.Add(policy.Problem{Pos: pos, Code: code, Message: fmt.Sprintf(format, a...), Hint: hint})
	}
}

// noticeOnce adds a notice about the first use of a key in the file.
func (d *decoder) noticeOnce(n *node, key, message, hint string) {
	if d.noticed[key] {
		return
	}
	d.noticed[key] = true
	d.found.Add(policy.Problem{
		Pos: d.at(n), Severity: policy.SeverityNotice, Message: message, Hint: hint})
}

// invalid reports a value that its key cannot have.
func (d *decoder) invalid(n *node, hint, format string, a ...any) {
	d.errorAt(d.at(n), policy.InvalidParameterValue, hint, format, a...)
}

// part remembers where a part of the policy was written.
func (d *decoder) part(n *node) policy.Pos {
	pos := d.at(n)
	d.parts[placeOf(pos)] = n
	return pos
}

// placed moves a problem of a part to the key of the part that it is about.
func (d *decoder) placed(p policy.Problem) policy.Problem {
	n := d.parts[placeOf(p.Pos)]
	if n == nil || p.Field == "" {
		return p
	}
	field, rest, _ := strings.Cut(p.Field, ".")
	field, item, indexed := strings.Cut(field, "[")
	value := valueOf(n, field)
	if value == nil && (field == "from_port" || field == "to_port") {
		value = valueOf(n, "ports")
	}
	if value == nil {
		if p.Pos == (policy.Pos{}) {
			p.Pos = d.at(n)
		}
		return p
	}
	for key := range strings.SplitSeq(rest, ".") {
		if inner := valueOf(value, key); inner != nil {
			value = inner
		}
	}
	if i, err := strconv.Atoi(strings.TrimSuffix(item, "]")); indexed && err == nil &&
		i < len(value.Content) {
		value = value.Content[i]
	}
	p.Pos = d.at(value)
	return p
}

// valueOf returns the value of a mapping's key, nil when there is none.
func valueOf(n *node, key string) *node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// fields are the values of a mapping by key.
type fields map[string]*node

// mapping returns the fields of a mapping by key and reports keys that are not known.
// what names the mapping in messages. It is false when n is no mapping.
func (d *decoder) mapping(n *node, what string, known []string) (fields, bool) {
	if n.Kind != yaml.MappingNode {
		if !unusable(n) {
			d.invalid(n, "with the keys "+strings.Join(known, ", "), "%s must be a mapping, not %s", what,
				describe(n))
		}
		return nil, false
	}
	f := make(fields, len(n.Content)/2)
	misspelt := make(fields)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge" || isNull(k):
			// plain has reported it.
		case !d.renamed(n, k, known):
			// renamed has reported it.
		case !slices.Contains(known, k.Value):
			if near := d.unknownKey(k, what, known); near != "" {
				misspelt[near] = n.Content[i+1]
			}
		case f[k.Value] == nil:
			f[k.Value] = n.Content[i+1]
		}
	}
	// What a misspelt key says is not missing, too.
	for key, value := range misspelt {
		if f[key] == nil {
			f[key] = value
		}
	}
	return f, true
}

// renamed replaces the former name of a key by its present name and adds a notice. The
// rest of the reader then knows one name. It is false, and reports an error, when a
// mapping has both.
func (d *decoder) renamed(n, key *node, known []string) bool {
	name, former := formerKeys[key.Value]
	if !former || !slices.Contains(known, name) {
		return true
	}
	if valueOf(n, name) != nil {
		d.invalid(key, "leave "+key.Value+" out", "%s is the former name of %s, which is there too",
			key.Value, name)
		return false
	}
	d.found.Add(policy.Problem{
		Pos: d.at(key), Severity: policy.SeverityNotice,
		Message: fmt.Sprintf("%s is now called %s", key.Value, name), Hint: "write " + name,
	})
	key.Value = name
	return true
}

// unusable reports whether plain has refused the node already.
func unusable(n *node) bool { return n.Kind == yaml.AliasNode || isNull(n) }

// list returns the items of a list; key is what the list is the value of. A key
// that is not there is an empty list.
func (d *decoder) list(n *node, key string) (items []*node, ok bool) {
	switch {
	case n == nil:
		return nil, true
	case unusable(n):
		return nil, false
	case n.Kind != yaml.SequenceNode:
		hint := "write one - item on a line, or [] for none"
		if n.Kind == yaml.ScalarNode && !slices.Contains(partLists, key) {
			hint = "write [" + meant(n.Value, key) + "]"
			if strings.HasSuffix(key, "cidr_blocks") { // whose length is a guess
				hint = "such as [" + meant(n.Value, key) + "]"
			}
		}
		d.invalid(n, hint, "%s must be a list, not %s", key, describe(n))
		return nil, false
	}
	return n.Content, true
}

// meant is a value as an item of the list of that key, quoted where YAML needs it.
func meant(value, key string) string {
	switch key {
	case "cidr_blocks":
		value = policy.MeantCIDR(value, policy.IPv4)
	case "ipv6_cidr_blocks":
		value = policy.MeantCIDR(value, policy.IPv6)
	}
	if strings.HasPrefix(value, ":") || value == "" {
		return quoted(value)
	}
	return short(value)
}
