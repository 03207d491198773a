package file

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// texts returns a list of text, all items or none.
func (d *decoder) texts(n *node, key string) (values []string, ok bool) {
	items, ok := d.list(n, key)
	for _, item := range items {
		value, good := d.text(item, "each of "+key)
		ok = ok && good
		values = append(values, value)
	}
	if !ok {
		return nil, false
	}
	return values, true
}

// text returns a value that is text; it is false when there is none.
func (d *decoder) text(n *node, key string) (string, bool) {
	switch {
	case n == nil || unusable(n):
		return "", false
	case n.Kind != yaml.ScalarNode:
		d.invalid(n, "", "%s must be text, not %s", key, describe(n))
		return "", false
	case n.Tag != "!!str" && n.Style&yaml.TaggedStyle == 0:
		d.invalid(n, "put it in quotes", "%s must be text, not %s", key, describe(n))
		return "", false
	case isWord(n) && yaml11Words[strings.ToLower(n.Value)]:
		d.invalid(n, "put it in quotes", "%s must be text: some YAML readers take %s for true or false",
			key, n.Value)
		return "", false
	}
	return n.Value, true
}

// plainText is text for values that YAML may take for a number, such as 10 in place of
// an address: what they are not is for their own reader to say.
func (d *decoder) plainText(n *node, key string) (string, bool) {
	if n != nil && n.Kind == yaml.ScalarNode && !unusable(n) {
		return n.Value, true
	}
	return d.text(n, key)
}

// yaml11Words are truth values to YAML 1.1 and text to YAML 1.2.
var yaml11Words = map[string]bool{"yes": true, "no": true, "on": true, "off": true}

// isWord reports whether a node is a scalar without quotes.
func isWord(n *node) bool {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle |
		yaml.LiteralStyle | yaml.FoldedStyle
	return n.Kind == yaml.ScalarNode && n.Style&quoted == 0
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// maxDigits is more than any number of a policy has. Such a number of seconds fits into
// a time.Duration.
const maxDigits = 9

// number returns a value that is a decimal number; it is false when there is
// none. Octal, hexadecimal, exponents, underscores and base 60 are refused:
// YAML readers disagree about them.
func (d *decoder) number(n *node, key string) (int, bool) {
	switch {
	case n == nil || unusable(n):
		return 0, false
	case n.Kind != yaml.ScalarNode:
		d.invalid(n, "", "%s must be a number, not %s", key, describe(n))
	case !isWord(n) && decimal.MatchString(n.Value):
		d.invalid(n, "write it without quotes", "%s must be a number, not %s", key, describe(n))
	case !isWord(n) || !decimal.MatchString(n.Value):
		d.invalid(n, numberHint(n, key), "%s must be a number, not %s", key, describe(n))
	case len(n.Value) > maxDigits:
		d.invalid(n, "", "%s %s is out of range", key, short(n.Value))
	default:
		v, err := strconv.Atoi(n.Value)
		return v, err == nil
	}
	return 0, false
}

// numberHint says how to write the number that a value probably means.
func numberHint(n *node, key string) string {
	port := strings.HasSuffix(key, "_port")
	duration, err := time.ParseDuration(n.Value)
	whole, fraction, _ := strings.Cut(n.Value, ".")
	switch {
	case port && portRange.MatchString(n.Value):
		return "a range goes under ports, or in from_port and to_port"
	case key == "version":
		return fmt.Sprintf("write %d", version)
	case decimal.MatchString(whole) && fraction != "" && strings.Trim(fraction, "0") == "":
		return "write " + short(whole)
	case strings.HasSuffix(key, "_timeout") && err == nil && duration%time.Second == 0:
		return fmt.Sprintf("seconds: write %d", duration/time.Second)
	case port, key == "ports":
		return "write it in decimal, such as 443"
	}
	return "write it in decimal"
}

// truth returns a value that is true or false; absent stands for false.
func (d *decoder) truth(n *node, key string) (value, ok bool) {
	switch {
	case n == nil || unusable(n):
		return false, n == nil
	case isWord(n) && n.Value == "true":
		return true, true
	case isWord(n) && n.Value == "false":
		return false, true
	}
	d.invalid(n, "write true or false, without quotes", "%s must be true or false, not %s", key,
		describe(n))
	return false, false
}

// describe says what a node is, for messages.
func describe(n *node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if !isWord(n) {
		return "the text " + quoted(n.Value)
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "the number " + short(n.Value)
	case "!!bool":
		return "the truth value " + short(n.Value)
	case "!!timestamp":
		return "the date " + short(n.Value)
	}
	return "the text " + quoted(n.Value)
}

// short cuts a string from the file to what fits in a message.
func short(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func quoted(s string) string { return `"` + short(s) + `"` }
