package file

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
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
	doc, err := decode(dec)
	switch {
	case err == io.EOF:
		d.errorAt(d.pos(1, 1), "", "begin with: version: 1", "the file is empty")
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	if second, err := decode(dec); err == nil {
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

// decode runs yaml.v3's decoder and turns its panics into errors.
func decode(dec *yaml.Decoder) (doc *node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: not understood")
		}
	}()
	doc = new(node)
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, io.EOF
	}
	return doc, nil
}

// clean refuses what must not reach yaml.v3: other encodings, line breaks that
// editors do not count, and more structure than any policy has.
func (d *decoder) clean(data []byte) bool {
	line, column, structure := 1, 1, 0
	fresh := true      // only spaces and dashes on this line so far
	head := headIndent // how far this line is
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			d.errorAt(d.pos(line, column), "", "save the file as UTF-8", "this is not UTF-8")
			return false
		case (head == headIndent || head == headColon) && oddSpace(c):
			what := "in the indentation"
			if head == headColon {
				what = "after the colon"
			}
			d.errorAt(d.pos(line, column), "", "write plain spaces; text copied from web pages may "+
				"have others", "%s %s", spaceName(c), what)
			return false
		case c == '\u0085' || c == '\u2028' || c == '\u2029' || c == '\r' &&
			(i+1 >= len(data) || data[i+1] != '\n'):
			d.errorAt(d.pos(line, column), "", "end lines with a line feed", "an unusual line break: %U", c)
			return false
		case c == '\n':
			structure++
			line, column, fresh = line+1, 0, true
		case c == ',' || c == '[' || c == '{' || c == '#':
			structure++
		case (c == '-' || c == '?' || c == ':') &&
			(i+1 >= len(data) || data[i+1] == ' ' || data[i+1] == '\t'):
			// The first dash or key of a line is counted by the line.
			if !fresh {
				structure++
			}
			fresh = false
		}
		head = head.next(c)
		column++
		i += size
	}
	if structure > maxStructure {
		d.errorAt(policy.Pos{File: d.file}, "",
			"prefix lists and ranges of ports say the same in fewer lines",
			"more than %d lines, items and comments", maxStructure)
		return false
	}
	return true
}

// head is how far the beginning of a line is read, in which YAML needs plain spaces.
type head uint8

const (
	headIndent head = iota // spaces and dashes
	headKey                // the letters of a key
	headColon              // its colon
	headOver               // what is free
)

// next is the head of a line after one more character.
func (h head) next(c rune) head {
	switch {
	case c == '\n':
		return headIndent
	case h == headIndent && (c == ' ' || c == '-' || c == '\t'):
		return headIndent
	case h <= headKey && (c == '_' || c >= 'a' && c <= 'z'):
		return headKey
	case h == headKey && c == ':':
		return headColon
	}
	return headOver
}

// oddSpace reports what looks like a space or like nothing, and is neither to YAML.
func oddSpace(c rune) bool {
	return c > unicode.MaxASCII && unicode.Is(unicode.Zs, c) ||
		c >= '\u200B' && c <= '\u200D' || c == '\u2060' || c == '\uFEFF'
}

func spaceName(c rune) string {
	if c == '\u00A0' {
		return "a no-break space (U+00A0)"
	}
	return fmt.Sprintf("an unusual space (%U)", c)
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
