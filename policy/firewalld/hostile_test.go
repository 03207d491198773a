package firewalld

import (
	"strings"
	"testing"
	"time"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// TestHostile: texts that are made to cost much are answered soon.
func TestHostile(t *testing.T) {
	zone := func(s string, n int) string { return "<zone>" + strings.Repeat(s, n) + "</zone>" }
	loop := `<service><include service="f"/><include service="f"/></service>`
	for name, text := range map[string]string{
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
	} {
		begin := time.Now()
		sources := []convert.Source{{Name: "f", Data: []byte(text)}}
		if name == "loop" {
			sources = append(sources, convert.Source{Name: "public",
				Data: []byte(`<zone><service name="f"/></zone>`)})
		}
		r := Import(sources, convert.Options{})
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v %.150s", name, took, r.Problems)
		}
		converttest.Check(t, sources, r)
	}
}
