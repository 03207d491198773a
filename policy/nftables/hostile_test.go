//go:build !race

package nftables

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestHostile: texts that are made to cost much are answered soon, and take little memory.
func TestHostile(t *testing.T) {
	const base = `{"chain":{"family":"inet","table":"f","name":"i","type":"filter","hook":"input",` +
		`"prio":0,"policy":"drop"}},{"chain":{"family":"inet","table":"f","name":"a"}}`
	list := func(s string, n int) string {
		return `{"nftables":[` + base + strings.Repeat(","+s, n) + `]}`
	}
	rule := func(expr string) string {
		return `{"rule":{"family":"inet","table":"f","chain":"i","expr":[` + expr + `]}}`
	}
	jump := rule(`{"jump":{"target":"a"}}`)
	in := func(left, values string) string {
		return rule(`{"match":{"op":"==","left":` + left + `,"right":{"set":[` + values +
			`]}}},{"accept":null}`)
	}
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("," + strings.NewReplacer("~a", strconv.Itoa(i/250), "~b", strconv.Itoa(i%250),
				"~", strconv.Itoa(i)).Replace(format))
		}
		return `{"nftables":[` + base + b.String() + `]}`
	}
	eight := "" // base chains that lead to all rules
	for i := range 7 {
		eight += fmt.Sprintf(`{"chain":{"family":"inet","table":"f","name":"b%d","type":"filter",`+
			`"hook":"input","prio":%d,"policy":"accept"}},{"rule":{"family":"inet","table":"f",`+
			`"chain":"b%[1]d","expr":[{"jump":{"target":"a"}}]}},`, i, i)
	}
	const source = `{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},` +
		`"right":"10.0.~a.~b"}}`
	const port = `{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},` +
		`"right":~}}`
	pair := `{"concat":["10.0.~a.~b",~]}`
	pairs := `{"match":{"op":"==","left":{"concat":[{"payload":{"protocol":"ip","field":"saddr"}},` +
		`{"payload":{"protocol":"tcp","field":"dport"}}]},"right":{"set":[` +
		strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(many(1900, pair), `{"nftables":[`+base),
			"]}"), ",") + `]}}}`
	texts := map[string]string{
		"deep":   strings.Repeat(`{"nftables":[`, 100000),
		"rules":  list(rule(`{"accept":null}`), 60000),
		"jumps":  list(jump, 20000),
		"itself": list(strings.Replace(jump, `"i"`, `"a"`, 1)+","+jump, 3),
		"set": list(in(`{"payload":{"protocol":"tcp","field":"dport"}}`,
			"1"+strings.Repeat(",1", 60000)), 5),
		"devices": list(in(`{"meta":{"key":"iifname"}}`, `"a"`+strings.Repeat(`,"b"`, 9000)), 1),
		"chains":  list(`{"chain":{"family":"inet","table":"f","name":"i"}}`, 50000),
		"bases": list(`{"chain":{"family":"inet","table":"f","name":"j","type":"filter",`+
			`"hook":"input","prio":0,"policy":"drop"}}`, 20000),
		"bases with rules": list(eight+strings.Replace(rule(`{"accept":null}`), `"i"`, `"a"`, 1)+
			strings.Repeat(","+strings.Replace(rule(`{"counter":null}`), `"i"`, `"a"`, 1), 60000), 1),
		"lists": list(rule(strings.TrimSuffix(strings.Repeat("[],", 390000), ",")), 6),
		"sets":  many(80000, `{"set":{"family":"inet","table":"f","name":"s~","type":"ipv4_addr"}}`),
		"elements": many(9, `{"set":{"family":"inet","table":"f","name":"s~","type":"inet_service",`+
			`"elem":[1`+strings.Repeat(",1", 390000)+`]}}`),
		"ports in many rules": many(5000, rule(port+`,{"accept":null}`)),
		"drops in many rules": many(5000, rule(source+","+port+`,{"drop":null}`)) + " ",
		"pairs":               list(rule(pairs+`,{"accept":null}`), 60),
		"pairs of pairs":      list(rule(pairs+","+pairs+`,{"accept":null}`), 6),
		"cuts": strings.TrimSuffix(many(2900, rule(source+","+port+`,{"drop":null}`)), "]}") +
			strings.TrimPrefix(many(2900, rule(port+`,{"accept":null}`)), `{"nftables":[`+base),
	}
	if only := os.Getenv("ONLY"); only != "" {
		texts = map[string]string{only: texts[only]}
	}
	converttest.Hostile(t, Import, texts, nil)
}
