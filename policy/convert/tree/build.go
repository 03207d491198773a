package tree

import (
	"strings"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// builder makes nodes of those of yaml.v3.
type builder struct {
	*Reader
	lines int32                 // of the text
	built map[*yaml.Node]*built // those with an anchor; nil while they are being built
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
	if depth > b.depth {
		return b.fail(b.tooDeep(line, col))
	}
	if bad := b.count(1, line, col); bad != nil {
		return b.fail(bad)
	}
	if bad := b.refused(y, line, col); bad != nil {
		return b.fail(bad)
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
	if out.size > b.style.nodes {
		return b.fail(b.tooMany(line, col))
	}
	if out.depth+depth > b.depth {
		return b.fail(b.tooDeep(line, col))
	}
	if y.Anchor != "" {
		b.built[y] = out
	}
	return out
}

// document visits the parts of a document.
func (b *builder) document(y *yaml.Node) {
	if y.Kind == yaml.SequenceNode && b.lists("") {
		b.parts("", y, 0)
		return
	}
	if root := b.build(y, 0).node; b.bad == nil && root.Kind != Null {
		b.visit("", root)
	}
}

// parts visits the items of a list and returns it without them.
func (b *builder) parts(key string, y *yaml.Node, depth int) *built {
	before := b.nodes
	for i, item := range y.Content {
		b.nodes = 0
		n := b.build(item, depth+1).node
		if b.bad != nil || b.stopped {
			break
		}
		b.visit(key, n)
		y.Content[i] = nil // which takes more than anything else
	}
	b.nodes = before
	y.Content = nil
	return b.build(y, depth)
}

// refused is what JSON cannot say, in what a program prints.
func (b *builder) refused(y *yaml.Node, line, col int32) *policy.Problem {
	switch {
	case b.written:
	case y.Kind == yaml.AliasNode:
		return problem(line, col, "write the value out", "aliases are not supported")
	case y.Tag == "!!merge":
		return problem(line, col, "write the keys out", "merge keys are not supported")
	case strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!"):
		return problem(line, col, "leave it out", "tags are not supported")
	}
	return nil
}

// add puts an item into a node. Sizes saturate.
func (b *builder) add(to, item *built) {
	to.node.Items = append(to.node.Items, item.node)
	to.size = min(to.size+item.size, b.style.nodes+1)
	to.depth = max(to.depth, item.depth+1)
}

func (b *builder) mapping(out *built, y *yaml.Node, depth int) {
	var merged []*built
	for i := 0; i+1 < len(y.Content) && b.bad == nil; i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" && b.written {
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
		if depth == 0 && v.Kind == yaml.SequenceNode && b.lists(k.Value) {
			b.add(out, b.parts(k.Value, v, 1))
			continue
		}
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
		if bad := b.count(len(m.node.Items), out.node.Line, out.node.Col); bad != nil {
			b.fail(bad)
			return
		}
		out.size = min(out.size+m.size, b.style.nodes+1)
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
	case "!!int", "!!float":
		return Number
	case "!!bool":
		return Bool
	}
	return Text
}
