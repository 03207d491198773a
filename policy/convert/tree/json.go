package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"sgfw/policy"
)

// decoder is the tokens of a JSON text with their places.
type decoder struct {
	*Reader
	tokens *json.Decoder
	cursor
	texts map[string]string // the same for the same
}

func (r *Reader) json(data []byte) *policy.Problem {
	d := &decoder{Reader: r, tokens: json.NewDecoder(bytes.NewReader(data)),
		cursor: cursor{data: data}, texts: make(map[string]string)}
	d.tokens.UseNumber()
	for !d.stopped {
		token, at, bad := d.next()
		if bad != nil || token == nil && at.Line == 0 {
			return bad
		}
		if bad := d.document(token, at); bad != nil {
			return bad
		}
	}
	return nil
}

// next returns a token and its place, which is nowhere at the end of the text.
func (d *decoder) next() (json.Token, Node, *policy.Problem) {
	start := int(d.tokens.InputOffset())
	for start < len(d.data) && strings.IndexByte(" \t\r\n,:", d.data[start]) >= 0 {
		start++
	}
	token, err := d.tokens.Token()
	if err == io.EOF && start == len(d.data) {
		return nil, Node{}, nil
	}
	at := d.at(start)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return token, at, nil
	case start == len(d.data), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, at, d.problem(at, "is the file whole?", "the text ends in the middle of it")
	case errors.As(err, &syntax):
		return nil, at, d.problem(at, "", "not JSON: %s", syntax)
	}
	return nil, at, d.problem(at, "", "not JSON: %s", err)
}

// inside is next where the text must not end.
func (d *decoder) inside() (json.Token, Node, *policy.Problem) {
	token, at, bad := d.next()
	if bad == nil && token == nil && at.Line == 0 {
		at = d.at(len(d.data))
		bad = d.problem(at, "is the file whole?", "the text ends in the middle of it")
	}
	return token, at, bad
}

// document reads a value at the top and visits its parts.
func (d *decoder) document(token json.Token, at Node) *policy.Problem {
	if bad := d.begin(at); bad != nil {
		return bad
	}
	switch token {
	case json.Delim('['):
		return d.items("", 1)
	case json.Delim('{'):
	default:
		n, bad := d.value(token, at, 0)
		if bad == nil {
			d.visit("", n)
		}
		return bad
	}
	at.Kind = Map
	for !d.stopped {
		key, done, bad := d.key(&at)
		if bad != nil || done {
			if bad == nil {
				d.visit("", at)
			}
			return bad
		}
		token, place, bad := d.inside()
		if bad != nil {
			return bad
		}
		if token == json.Delim('[') && d.Listed(key) {
			place.Kind = List
			at.Members = append(at.Members, Member{Key: key, Node: place})
			before := d.nodes
			if bad := d.items(key, 2); bad != nil {
				return bad
			}
			d.nodes = before
			continue
		}
		n, bad := d.value(token, place, 1)
		if bad != nil {
			return bad
		}
		at.Members = append(at.Members, Member{Key: key, Node: n})
	}
	return nil
}

// items visits the items of a list.
func (d *decoder) items(key string, depth int) *policy.Problem {
	for !d.stopped {
		token, at, bad := d.inside()
		if bad != nil || token == json.Delim(']') {
			return bad
		}
		d.nodes = 0
		n, bad := d.value(token, at, depth)
		if bad != nil {
			return bad
		}
		d.visit(key, n)
	}
	return nil
}

// key reads the next key of an object, or its end.
func (d *decoder) key(of *Node) (key string, done bool, bad *policy.Problem) {
	token, at, bad := d.inside()
	if bad != nil || token == json.Delim('}') {
		return "", true, bad
	}
	key = d.same(token.(string)) // the decoder takes nothing else there
	if bad := d.count(at, 0); bad != nil {
		return "", false, bad
	}
	if of.has(key) {
		return "", false, d.problem(at, "", "the key %s is there twice", strconv.Quote(key))
	}
	return key, false, nil
}

// few are as many members as are looked through for a key that is there twice. Objects
// with more are none that anybody asks for two keys of.
const few = 200

func (n *Node) has(key string) bool {
	for i := range n.Members[:min(len(n.Members), few)] {
		if n.Members[i].Key == key {
			return true
		}
	}
	return false
}

// value reads the value that begins with a token.
func (d *decoder) value(token json.Token, at Node, depth int) (Node, *policy.Problem) {
	if bad := d.count(at, depth); bad != nil {
		return at, bad
	}
	switch v := token.(type) {
	case string:
		at.Kind, at.Text = Text, v
	case json.Number:
		at.Kind, at.Text = Number, v.String()
	case bool:
		at.Kind, at.Text = Bool, strconv.FormatBool(v)
	case json.Delim:
		if v == '[' {
			return d.list(at, depth)
		}
		return d.object(at, depth)
	}
	return at, nil
}

func (d *decoder) list(n Node, depth int) (Node, *policy.Problem) {
	n.Kind = List
	for {
		token, at, bad := d.inside()
		if bad != nil || token == json.Delim(']') {
			return n, bad
		}
		item, bad := d.value(token, at, depth+1)
		if bad != nil {
			return n, bad
		}
		n.Members = append(n.Members, Member{Node: item})
	}
}

func (d *decoder) object(n Node, depth int) (Node, *policy.Problem) {
	n.Kind = Map
	for {
		key, done, bad := d.key(&n)
		if bad != nil || done {
			return n, bad
		}
		token, at, bad := d.inside()
		if bad != nil {
			return n, bad
		}
		v, bad := d.value(token, at, depth+1)
		if bad != nil {
			return n, bad
		}
		n.Members = append(n.Members, Member{Key: key, Node: v})
	}
}

// same returns one text for all that are equal, as keys are, as long as they are few.
func (d *decoder) same(s string) string {
	if known, ok := d.texts[s]; ok {
		return known
	}
	if len(d.texts) < few {
		d.texts[s] = s
	}
	return s
}
