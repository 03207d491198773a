package tree

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// MaxYAML bounds the lines and items of a YAML text: reading each takes some 500 bytes.
const MaxYAML = 300_000

func (r *Reader) yaml(data []byte) *policy.Problem {
	if n := structure(data); n > MaxYAML {
		return r.problem(Node{}, "JSON may be longer, and is read faster",
			"more than %d lines and items of YAML", MaxYAML)
	}
	if at := unusualBreak(data); at >= 0 {
		c := cursor{data: data}
		return r.problem(c.at(at), "end lines with a line feed", "an unusual line break")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for !r.stopped {
		var doc yaml.Node
		err := decode(dec, &doc)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.yamlError(err)
		}
		if bad := r.begin(Node{Line: int32(doc.Line), Col: int32(doc.Column)}); bad != nil {
			return bad
		}
		var root Node
		for _, content := range doc.Content {
			var bad *policy.Problem
			if root, bad = r.convert(content, 0); bad != nil {
				return bad
			}
		}
		r.parts(root)
	}
	return nil
}

// unusualBreak returns where a line ends for YAML and not for editors, -1 if nowhere.
func unusualBreak(data []byte) int {
	for i := range data {
		switch b := data[i:]; {
		case b[0] == '\r' && (len(b) == 1 || b[1] != '\n'), bytes.HasPrefix(b, []byte("\u0085")),
			bytes.HasPrefix(b, []byte("\u2028")), bytes.HasPrefix(b, []byte("\u2029")):
			return i
		}
	}
	return -1
}

// structure counts what can begin a value of YAML.
func structure(data []byte) (n int) {
	for _, c := range data {
		switch c {
		case '\n', ',', '[', '{':
			n++
		}
	}
	return n + bytes.Count(data, []byte("- ")) + bytes.Count(data, []byte(": "))/2
}

// decode runs yaml.v3's decoder and turns its panics into errors.
func decode(dec *yaml.Decoder, doc *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: not understood")
		}
	}()
	return dec.Decode(doc)
}

var yamlLine = regexp.MustCompile(`^line (\d+): (.*)`)

// yamlError is an error of yaml.v3, which tells a line at best.
func (r *Reader) yamlError(err error) *policy.Problem {
	message, at := strings.TrimPrefix(err.Error(), "yaml: "), Node{Line: 1}
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 32); err == nil {
			at.Line, message = int32(n), m[2]
		}
	}
	return r.problem(at, "", "not YAML: %s", message)
}

// parts visits a document as parts.
func (r *Reader) parts(root Node) {
	items := func(key string, list *Node) {
		for i := range list.Members {
			r.visit(key, list.Members[i].Node)
		}
		list.Members = nil
	}
	switch root.Kind {
	case Null:
		return
	case List:
		items("", &root)
		return
	case Map:
		for i := range root.Members {
			if m := &root.Members[i]; m.Kind == List && r.Listed(m.Key) {
				items(m.Key, &m.Node)
			}
		}
	}
	r.visit("", root)
}

// convert makes a node of yaml.v3's. What JSON cannot say is refused.
func (r *Reader) convert(y *yaml.Node, depth int) (Node, *policy.Problem) {
	n := Node{Line: int32(y.Line), Col: int32(y.Column), Text: y.Value}
	if bad := r.count(n, depth); bad != nil {
		return n, bad
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind = scalar(y)
	case yaml.SequenceNode:
		n.Kind, n.Members = List, make([]Member, 0, len(y.Content))
		for _, item := range y.Content {
			v, bad := r.convert(item, depth+1)
			if bad != nil {
				return n, bad
			}
			n.Members = append(n.Members, Member{Node: v})
		}
	case yaml.MappingNode:
		n.Kind, n.Members = Map, make([]Member, 0, len(y.Content)/2)
		for i := 0; i+1 < len(y.Content); i += 2 {
			key, v := y.Content[i], y.Content[i+1]
			at := Node{Line: int32(key.Line), Col: int32(key.Column)}
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return n, r.problem(at, "", "a key is no plain text")
			}
			if n.has(key.Value) {
				return n, r.problem(at, "", "the key %s is there twice", strconv.Quote(key.Value))
			}
			value, bad := r.convert(v, depth+1)
			if bad != nil {
				return n, bad
			}
			n.Members = append(n.Members, Member{Key: key.Value, Node: value})
		}
	default:
		return n, r.problem(n, "write the value out", "aliases are not supported")
	}
	return n, nil
}

// scalar is the kind of a value in YAML without structure.
func scalar(y *yaml.Node) Kind {
	switch y.ShortTag() {
	case "!!null":
		return Null
	case "!!int", "!!float":
		return Number
	case "!!bool":
		return Bool
	}
	return Text
}
