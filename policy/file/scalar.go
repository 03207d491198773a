package file

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

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
