//go:build !race

package firewalld

import (
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// TestHostile: texts that are made to cost much are answered soon, and take little memory.
func TestHostile(t *testing.T) {
	zone := func(s string, n int) string { return "<zone>" + strings.Repeat(s, n) + "</zone>" }
	loop := `<service><include service="f"/><include service="f"/></service>`
	converttest.Hostile(t, Import, map[string]string{
		"10 MB":   zone(" ", 10<<20),
		"deep":    strings.Repeat("<zone>", 100000),
		"entity":  `<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><zone>&b;</zone>`,
		"ports":   zone(`<port protocol="tcp" port="1"/>`, 9000),
		"rules":   zone(`<rule><source address="10.0.0.1"/><drop/></rule>`, 4000),
		"include": zone(`<service name="kube-control-plane"/>`, 5000),
		"sources": zone(`<source address="10.0.0.0/8"/>`, 9000),
		"devices": zone(`<interface name="eth"/>`, 9000),
		"one":     "<zone " + strings.Repeat("a='b' ", 100000) + "/>",
		"zeros":   strings.Repeat("\x00", 1<<20),
		"loop":    loop,
	}, map[string]convert.Source{
		"loop": {Name: "public", Data: []byte(`<zone><service name="f"/></zone>`)},
	})
}
