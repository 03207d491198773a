package tree

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// maxStructure bounds the characters that can begin a node of YAML and maxYAML all of them, so
// that reading takes less than a second.
const (
	maxStructure = 400_000
	maxYAML      = 4 << 20
)

// clean refuses what must not reach yaml.v3: other encodings, line breaks that editors do not
// count, and too much structure.
func clean(data []byte) *policy.Problem {
	if len(data) > maxYAML {
		return problem(0, 0, "JSON may be longer", "more than %d bytes of YAML", maxYAML)
	}
	line, col, structure := int32(1), int32(1), 0
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			return problem(line, col, "save the file as UTF-8", "this is not UTF-8")
		case c == '\u0085' || c == '\u2028' || c == '\u2029' || c == '\r' &&
			(i+1 >= len(data) || data[i+1] != '\n'):
			return problem(line, col, "end lines with a line feed", "an unusual line break: %U", c)
		case c == '\n':
			structure++
			line, col = line+1, 0
		case c == ',' || c == '[' || c == '{' || c == '#':
			structure++
		case (c == '-' || c == '?' || c == ':') &&
			(i+1 >= len(data) || data[i+1] == ' ' || data[i+1] == '\t'):
			structure++
		}
		col++
		i += size
	}
	if structure > maxStructure {
		return problem(0, 0, "JSON may be longer", "more than %d lines, keys and items of YAML",
			maxStructure)
	}
	return nil
}

func parseYAML(data []byte) (*Node, *policy.Problem) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := decode(d)
	switch {
	case err == io.EOF:
		return nil, problem(1, 1, "", "the file is empty")
	case err != nil:
		return nil, syntax(data, err)
	}
	if second, err := decode(d); err == nil {
		return nil, problem(int32(second.Line), int32(second.Column), "one document a file",
			"a second YAML document begins")
	} else if err != io.EOF {
		return nil, syntax(data, err)
	}
	b := builder{built: map[*yaml.Node]*built{}, lines: int32(1 + bytes.Count(data, []byte("\n")))}
	root := b.build(doc.Content[0], 0)
	if b.bad != nil {
		return nil, b.bad
	}
	return root.node, nil
}

// decode runs yaml.v3's decoder and turns its panics into errors.
func decode(d *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: not understood")
		}
	}()
	doc = new(yaml.Node)
	if err := d.Decode(doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, io.EOF
	}
	return doc, nil
}

// syntax is an error of yaml.v3, which tells a line at best.
func syntax(data []byte, err error) *policy.Problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, message = n, text
		}
	}
	// Its parser counts lines from 0 and its scanner from 1.
	if strings.HasPrefix(message, "did not find expected") &&
		!strings.Contains(message, "character") && line > 1 {
		line++
	}
	line = min(line, 1+bytes.Count(data, []byte("\n")))
	if bad := bareColon(data, line); bad != nil {
		return bad
	}
	if strings.Contains(message, "exceeded max depth") {
		return tooDeep(int32(line), 0)
	}
	return problem(int32(line), 0, "check the indentation and quotes of this line and those around "+
		"it; quote values that begin with * & % @ or `", "not YAML: %s", message)
}

// colon is an IPv6 CIDR without quotes between brackets or braces, which YAML does not take.
var colon = regexp.MustCompile(`^[^#"']*(?:[\[,]\s*|[\{,][^#"']*:\s+)(::[^"']*)`)

// bareColon finds such a CIDR in the line of an error, or beside it.
func bareColon(data []byte, line int) *policy.Problem {
	lines := bytes.Split(data, []byte("\n"))
	for _, n := range []int{line, line - 1, line + 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		if m := colon.FindSubmatchIndex(lines[n-1]); m != nil {
			return problem(int32(n), int32(utf8.RuneCount(lines[n-1][:m[2]])+1),
				`put it in quotes, such as "::/0"`,
				"between brackets or braces a value cannot begin with a colon")
		}
	}
	return nil
}

// builder makes nodes of those of yaml.v3.
type builder struct {
	lines int32                 // of the text
	built map[*yaml.Node]*built // those with an anchor; nil while they are being built
	nodes int
	bad   *policy.Problem
}

// built is a node with how many there are in it, as often as they are repeated, and how deep
// they are nested.
type built struct {
	node        *Node
	size, depth int
}

func (b *builder) fail(bad *policy.Problem) *built {
	if b.bad == nil {
		b.bad = bad
	}
	return &built{node: &Node{}, size: 1}
}

func (b *builder) build(y *yaml.Node, depth int) *built {
	line, col := min(int32(y.Line), b.lines), int32(y.Column)
	if line < int32(y.Line) { // a value left out at the end of the text
		col = 1
	}
	if depth > MaxDepth {
		return b.fail(tooDeep(line, col))
	}
	if b.nodes++; b.nodes > MaxNodes {
		return b.fail(tooMany(line, col))
	}
	if y.Kind == yaml.AliasNode {
		of, there := b.built[y.Alias]
		if !there || of == nil {
			return b.fail(problem(line, col, "", "alias *%s stands for something that has it", y.Value))
		}
		at := *of.node
		at.Line, at.Col = line, col
		return &built{&at, of.size, of.depth}
	}
	if y.Anchor != "" {
		b.built[y] = nil
	}
	out := &built{node: &Node{Line: line, Col: col}, size: 1}
	n := out.node
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") {
		n.Tag = y.Tag
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind, n.Text = scalarKind(y), y.Value
		if n.Kind == Null {
			n.Text = ""
		}
	case yaml.SequenceNode:
		n.Kind = List
		for _, item := range y.Content {
			b.add(out, b.build(item, depth+1))
		}
	case yaml.MappingNode:
		n.Kind = Map
		b.mapping(out, y, depth)
	}
	if out.size > MaxNodes {
		return b.fail(tooMany(line, col))
	}
	if out.depth+depth > MaxDepth {
		return b.fail(tooDeep(line, col))
	}
	if y.Anchor != "" {
		b.built[y] = out
	}
	return out
}

// add puts an item into a node. Sizes saturate.
func (b *builder) add(to, item *built) {
	to.node.Items = append(to.node.Items, item.node)
	to.size = min(to.size+item.size, MaxNodes+1)
	to.depth = max(to.depth, item.depth+1)
}

func (b *builder) mapping(out *built, y *yaml.Node, depth int) {
	var merged []*built
	for i := 0; i+1 < len(y.Content) && b.bad == nil; i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			from := b.build(v, depth+1)
			merged = append(merged, b.maps(from)...)
			continue
		}
		if k.Kind == yaml.AliasNode && k.Alias.Kind == yaml.ScalarNode {
			k = &yaml.Node{Kind: yaml.ScalarNode, Value: k.Alias.Value, Line: k.Line, Column: k.Column}
		}
		if k.Kind != yaml.ScalarNode || scalarKind(k) == Null {
			b.fail(problem(int32(k.Line), int32(k.Column), "", "a key must be text"))
			return
		}
		key := b.build(k, depth+1)
		key.node.Kind = Text
		b.add(out, key)
		b.add(out, b.build(v, depth+1))
	}
	if bad := doubled(out.node); bad != nil {
		b.fail(bad)
	}
	if len(merged) == 0 || b.bad != nil {
		return
	}
	// What stands in the map itself wins, then what is merged first.
	seen := make(map[string]bool, len(out.node.Items)/2)
	for k := range out.node.Fields() {
		seen[k.Text] = true
	}
	for _, m := range merged {
		if b.nodes += len(m.node.Items); b.nodes > MaxNodes {
			b.fail(tooMany(out.node.Line, out.node.Col))
			return
		}
		out.size = min(out.size+m.size, MaxNodes+1)
		out.depth = max(out.depth, m.depth)
		for k, v := range m.node.Fields() {
			if !seen[k.Text] {
				seen[k.Text] = true
				out.node.Items = append(out.node.Items, k, v)
			}
		}
	}
}

// maps are the maps of a merge key: one, or several in a list.
func (b *builder) maps(from *built) []*built {
	n := from.node
	if n.Kind == Map {
		return []*built{from}
	}
	var out []*built
	if n.Kind == List {
		for _, item := range n.Items {
			if item.Kind == Map {
				// None is larger or deeper than all of them.
				out = append(out, &built{item, from.size, from.depth})
			}
		}
	}
	if n.Kind != List || len(out) != len(n.Items) {
		b.fail(problem(n.Line, n.Col, "", "a merge key takes a map"))
	}
	return out
}

func scalarKind(y *yaml.Node) Kind {
	switch y.Tag {
	case "!!null":
		return Null
	case "!!int", "!!float", "!!bool":
		return Plain
	}
	return Text
}
