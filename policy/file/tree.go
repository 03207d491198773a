package file

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
	"sgfw/policy/yamltext"
)

// node is a value as yaml.v3 parses it. The library decodes it no further, so aliases are
// seen and never expanded.
type node = yaml.Node

const (
	// maxStructure bounds the characters that can begin a YAML node, so that reading
	// takes about a gigabyte at most. 100,000 rules have about 1,200,000.
	maxStructure = 1_500_000
	// maxDepth bounds nesting; the deepest key of a policy is at depth 6.
	maxDepth = 16
)

// read turns the text into a tree that has only plain mappings with text keys,
// lists and scalars. It returns nil when there is no such tree at all; smaller
// faults are reported and the tree returned, so that the rest is checked too.
func (d *decoder) read(data []byte) *node {
	if d.recognised(data) || !d.clean(data) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := yamltext.Decode(dec)
	switch {
	case err == io.EOF:
		d.errorAt(d.pos(1, 1), "", "begin with: version: 1", "the file is empty")
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	if second, err := yamltext.Decode(dec); err == nil {
		d.errorAt(d.pos(second.Line, second.Column), "", "one file is one policy",
			"a second YAML document begins")
	} else if err != io.EOF {
		d.syntax(data, err)
	}
	text := &cursor{lines: bytes.Split(data, []byte("\n"))}
	if root := doc.Content[0]; d.plain(root, "", text, 0) {
		return root
	}
	return nil
}

// dialect is what policy files make of YAML.
var dialect = yamltext.Dialect{Depth: maxDepth, Special: "* & ! % @ or `"}

// syntax reports an error of yaml.v3.
func (d *decoder) syntax(data []byte, err error) {
	if anchor, ok := strings.CutPrefix(err.Error(), "yaml: unknown anchor "); ok {
		name, _, _ := strings.Cut(anchor, " referenced")
		name = strings.Trim(name, "'")
		d.errorAt(d.find(data, "*"+name), "", "write the value out; quote a value that begins with *",
			"alias *%s: aliases are not supported", short(name))
		return
	}
	d.report(dialect.Explain(data, err))
}

// report adds a problem of the text, which knows no file.
func (d *decoder) report(bad *policy.Problem) {
	d.errorAt(d.pos(bad.Pos.Line, bad.Pos.Col), bad.Code, bad.Hint, "%s", bad.Message)
}

// find returns the position of the first line that has s outside a comment, the
// first line when none has.
func (d *decoder) find(data []byte, s string) policy.Pos {
	for i, text := range bytes.Split(data, []byte("\n")) {
		text, _, _ = bytes.Cut(text, []byte(" #"))
		if at := bytes.Index(text, []byte(s)); at >= 0 {
			return d.pos(i+1, utf8.RuneCount(text[:at])+1)
		}
	}
	return d.pos(1, 0)
}

// clean refuses what must not reach yaml.v3, spaces that are none to it, and more structure
// than any policy has.
func (d *decoder) clean(data []byte) bool {
	structure, bad := yamltext.Check(data)
	if bad != nil {
		d.report(bad)
		return false
	}
	if structure > maxStructure {
		d.errorAt(policy.Pos{File: d.file}, "",
			"prefix lists and ranges of ports say the same in fewer lines",
			"more than %d lines, items and comments", maxStructure)
		return false
	}
	return d.spaces(data)
}

// plain reports everything in a tree that a policy never has: aliases, anchors,
// tags, merge keys, keys that are no text or come twice, keys and list items
// without a value, deep nesting. key is the key that the node is the value of.
// It is false when the tree is too deep to go on.
func (d *decoder) plain(n *node, key string, text *cursor, depth int) bool {
	at := d.at(n)
	if depth > maxDepth {
		d.errorAt(at, "", "", "nested deeper than %d levels", maxDepth)
		return false
	}
	if n.Kind == yaml.AliasNode {
		d.errorAt(at, "", "write the value out", "alias *%s: aliases are not supported", short(n.Value))
		return true
	}
	if n.Anchor != "" {
		d.errorAt(at, "", "write the value out where it is needed",
			"anchor &%s: anchors are not supported", short(n.Anchor))
	}
	if n.Style&yaml.TaggedStyle != 0 || text.startsWith(n, '!') {
		d.errorAt(at, "", "leave it out", "tags such as ! or !!str are not supported")
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if isNull(n) {
			hint, code := "write a value, or leave the key out", policy.MissingParameter
			switch key {
			case "":
				d.errorAt(at, "", "", "a list item has no value")
				return true
			case "ingress", "egress":
				hint = "write [] for no rules"
			case "default_security_group":
				hint = "leave the key out for the rules that AWS creates; the group cannot be deleted"
			case "protocol": // as AWS has it
				hint, code = "write a value, such as tcp or all", policy.InvalidParameterValue
			}
			// startsWith has found the rest of the line.
			rest := bytes.TrimLeft(text.rest, " ")
			if (key == "description" || key == "name") && bytes.HasPrefix(rest, []byte("#")) {
				hint = "a # after a space begins a comment; put a text that has one in quotes"
			}
			d.errorAt(at, code, hint, "%s has no value", short(key))
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if !d.plain(item, "", text, depth+1) {
				return false
			}
		}
	case yaml.MappingNode:
		return d.plainMapping(n, text, depth)
	}
	return true
}

func (d *decoder) plainMapping(n *node, text *cursor, depth int) bool {
	seen := make(map[string]*node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		name := k.Value
		switch {
		case k.Kind == yaml.ScalarNode && k.Tag == "!!merge":
			d.errorAt(d.at(k), "", "write the keys out", "merge keys are not supported")
		case k.Kind != yaml.ScalarNode || isNull(k):
			if k.Kind != yaml.ScalarNode && !d.plain(k, "", text, depth+1) {
				return false
			}
			d.errorAt(d.at(k), "", "", "a key must be text")
			name = "the key"
		default:
			if k.Anchor != "" || k.Style&yaml.TaggedStyle != 0 || text.startsWith(k, '!') {
				d.errorAt(d.at(k), "", "write the key alone", "a key with an anchor or a tag")
			}
			if first := seen[name]; first != nil {
				d.errorAt(d.at(k), "", "remove one", "key %s is there already, see line %d", short(name),
					first.Line)
			} else {
				seen[name] = k
			}
			if name == "" {
				name = `""`
			}
		}
		if !d.plain(value, name, text, depth+1) {
			return false
		}
	}
	return true
}

// isNull reports a value left out, or written ~ or null.
func isNull(n *node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// cursor finds the text of nodes that are asked for in their order.
type cursor struct {
	lines        [][]byte
	line, column int    // of rest, from 1
	rest         []byte // of the line
}

// startsWith reports whether a node without quotes begins with c in the text:
// yaml.v3 forgets the tag "!".
func (t *cursor) startsWith(n *node, c byte) bool {
	if n.Line < 1 || n.Line > len(t.lines) {
		return false
	}
	if n.Line != t.line || n.Column < t.column {
		t.line, t.column, t.rest = n.Line, 1, t.lines[n.Line-1]
	}
	for t.column < n.Column && len(t.rest) > 0 {
		_, size := utf8.DecodeRune(t.rest)
		t.rest = t.rest[size:]
		t.column++
	}
	return len(t.rest) > 0 && t.column == n.Column && t.rest[0] == c
}
