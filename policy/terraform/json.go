package terraform

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// kind is what a JSON value is.
type kind uint8

const (
	kindNull kind = iota
	kindTrue
	kindFalse
	kindNumber
	kindString
	kindArray
	kindObject
)

// value is a JSON value with its offset in the text. Members of an object have keys.
type value struct {
	key    string
	text   string // of a string or number
	items  []value
	offset int32
	kind   kind
}

// Bounds of a JSON text.
const (
	maxJSONDepth  = 100
	maxJSONValues = 1_500_000
	maxJSONItems  = 300_000 // of one array or object
)

// unread are members of Terraform's output that say nothing about the policy, at any depth.
var unread = map[string]bool{"resource_changes": true, "resource_drift": true, "checks": true,
	"relevant_attributes": true, "output_changes": true, "sensitive_values": true,
	"deferred_changes": true, "action_invocations": true}

// jsonReader reads one text.
type jsonReader struct {
	*text
	at     int
	values int
	skip   map[string]bool
}

// parseJSON reads a JSON text. Members whose keys are in skip are left out.
func parseJSON(t *text, skip map[string]bool) (v value, bad *policy.Problem) {
	r := jsonReader{text: t, skip: skip}
	defer func() {
		if p, ok := recover().(*policy.Problem); ok {
			bad = p
		}
	}()
	v = r.value(0)
	if r.space(); r.at < len(r.data) {
		r.failf("there is something behind the JSON document")
	}
	return v, nil
}

// failf ends the reading.
func (r *jsonReader) failf(format string, a ...any) {
	panic(&policy.Problem{Pos: r.pos(r.at), Code: policy.InvalidParameterValue,
		Message: fmt.Sprintf(format, a...)})
}

func (r *jsonReader) space() {
	for r.at < len(r.data) && strings.IndexByte(" \t\r\n", r.data[r.at]) >= 0 {
		r.at++
	}
}

// next skips space and returns the next byte, 0 at the end.
func (r *jsonReader) next() byte {
	if r.space(); r.at < len(r.data) {
		return r.data[r.at]
	}
	return 0
}

func (r *jsonReader) value(depth int) value {
	c := r.next()
	v := value{offset: int32(r.at)}
	if r.values++; r.values > maxJSONValues {
		r.failf("more than %d values in one file", maxJSONValues)
	}
	if depth > maxJSONDepth {
		r.failf("values are nested more than %d deep", maxJSONDepth)
	}
	switch {
	case c == '"':
		v.kind, v.text = kindString, r.string()
	case c == '{':
		v.kind, v.items = kindObject, r.members('}', depth, true)
	case c == '[':
		v.kind, v.items = kindArray, r.members(']', depth, false)
	case c == '-' || c >= '0' && c <= '9':
		v.kind, v.text = kindNumber, r.number()
	default:
		for k, word := range map[kind]string{kindNull: "null", kindTrue: "true", kindFalse: "false"} {
			if strings.HasPrefix(r.data[r.at:], word) {
				r.at += len(word)
				v.kind = k
				return v
			}
		}
		if c == 0 {
			r.failf("the JSON document ends in the middle")
		}
		r.failf("this is not JSON")
	}
	return v
}

// members reads the items of an array or object, from its opening bracket on.
func (r *jsonReader) members(end byte, depth int, keyed bool) (items []value) {
	r.at++
	if r.next() == end {
		r.at++
		return nil
	}
	for {
		key := ""
		if keyed {
			if r.next() != '"' {
				r.failf("a member needs a key in double quotes")
			}
			key = r.string()
			if r.next() != ':' {
				r.failf("a colon belongs behind a key")
			}
			r.at++
		}
		before := r.values
		if v := r.value(depth + 1); !keyed || !r.skip[key] {
			v.key = key
			items = append(items, v)
		} else {
			r.values = before
		}
		switch c := r.next(); c {
		case ',':
			if r.at++; len(items) >= maxJSONItems {
				r.failf("more than %d values in one list", maxJSONItems)
			}
		case end:
			r.at++
			return items
		default:
			r.failf("a comma or %c is missing", end)
		}
	}
}

func (r *jsonReader) string() string {
	begin := r.at
	r.at++
	for plain := true; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; {
		case c == '\\':
			plain = false
			r.at++
		case c == '"':
			r.at++
			raw := r.data[begin:r.at]
			if plain && utf8.ValidString(raw) {
				return raw[1 : len(raw)-1]
			}
			var s string
			if err := json.Unmarshal([]byte(raw), &s); err != nil {
				r.at = begin
				r.failf("the text is not well-formed")
			}
			return s
		case c < ' ':
			r.failf("a text ends with the line")
		}
	}
	r.at = begin
	r.failf("the text has no end")
	return ""
}

func (r *jsonReader) number() string {
	begin := r.at
	for r.at < len(r.data) && strings.IndexByte("+-.0123456789eE", r.data[r.at]) >= 0 {
		r.at++
	}
	s := r.data[begin:r.at]
	if len(s) > maxDigits || !json.Valid([]byte(s)) || hugeExponent(s) {
		r.at = begin
		r.failf("this is not a number")
	}
	return s
}

// get is a member of an object, nil when it is not there or null.
func (v *value) get(key string) *value {
	if v == nil || v.kind != kindObject {
		return nil
	}
	for i := range v.items {
		if v.items[i].key == key && v.items[i].kind != kindNull {
			return &v.items[i]
		}
	}
	return nil
}

// has reports whether an object has a member, though it may be null.
func (v *value) has(key string) bool {
	if v == nil {
		return false
	}
	for i := range v.items {
		if v.items[i].key == key {
			return true
		}
	}
	return false
}

// path is a member of members.
func (v *value) path(keys ...string) *value {
	for _, key := range keys {
		v = v.get(key)
	}
	return v
}

// str is the text of a string, empty for everything else.
func (v *value) str() string {
	if v == nil || v.kind != kindString {
		return ""
	}
	return v.text
}

// list are the items of an array.
func (v *value) list() []value {
	if v == nil || v.kind != kindArray {
		return nil
	}
	return v.items
}

// cty is the value as expressions have it.
func (v *value) cty() cty.Value {
	switch v.kind {
	case kindTrue, kindFalse:
		return cty.BoolVal(v.kind == kindTrue)
	case kindNumber:
		f, _, err := big.ParseFloat(v.text, 10, 512, big.ToNearestEven)
		if err != nil {
			return cty.NullVal(cty.Number)
		}
		return cty.NumberVal(f)
	case kindString:
		return cty.StringVal(v.text)
	case kindArray:
		items := make([]cty.Value, len(v.items))
		for i := range v.items {
			items[i] = v.items[i].cty()
		}
		return cty.TupleVal(items)
	case kindObject:
		attrs := make(map[string]cty.Value, len(v.items))
		for i := range v.items {
			attrs[v.items[i].key] = v.items[i].cty()
		}
		return cty.ObjectVal(attrs)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
