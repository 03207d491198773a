package nftables

import (
	"strings"
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestHostile: texts that are made to cost much are answered soon.
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
	converttest.Hostile(t, Import, map[string]string{
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
	}, nil)
}
