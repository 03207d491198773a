//go:build !race

package firewalld

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// TestHostileFolders: as TestHostile, of many files.
func TestHostileFolders(t *testing.T) {
	const limit = 200 << 20
	many := func(n int, kind string, text func(i int) string) (out []convert.Source) {
		for i := range n {
			out = append(out, convert.Source{Name: fmt.Sprintf("%s%d.xml", kind, i), Data: []byte(text(i))})
		}
		return out
	}
	times := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i%250, i/250%250, i)
		}
		return b.String()
	}
	zone := func(text string) func(int) string {
		return func(i int) string {
			return strings.ReplaceAll("<zone>"+text+"</zone>", "ZONE", fmt.Sprint(i))
		}
	}
	const byAddress = `<source address="10.%d.%d.0/24"/>`
	include := `<service><include service="s` // the next one, twice
	for name, sources := range map[string][]convert.Source{
		"zones by address": many(60, "z", zone(times(30, byAddress))),
		"zones with ports": many(64, "z", zone(times(900, `<port protocol="tcp" port="%[3]d"/>`))),
		"as much as is read": many(20, "z", zone(times(1, `<source address="10.%d.%d.ZONE"/>`)+
			times(600, `<port protocol="tcp" port="%[3]d"/>`))),
		"rich rules": many(64, "z", zone(times(900, `<rule family="ipv4"><source address=`+
			`"10.%d.%d.9"/><port protocol="tcp" port="%d"/><drop/></rule>`)+
			`<service name="http"/>`)),
		"policies": append(many(64, "p", func(int) string {
			return `<policy target="CONTINUE"><ingress-zone name="ANY"/><egress-zone name="HOST"/>` +
				times(900, `<port protocol="tcp" port="%[3]d"/>`) + "</policy>"
		}), many(64, "z", zone(""))...),
		"policies out": append(many(64, "p", func(int) string {
			return `<policy target="REJECT"><ingress-zone name="HOST"/>` +
				times(64, `<egress-zone name="z%[3]d"/>`) + "</policy>"
		}), many(64, "z", zone(times(200, byAddress)))...),
		"too many zones": many(5000, "z", zone("")),
		"too many policies": append(many(5000, "p", func(int) string {
			return `<policy target="DROP"><ingress-zone name="ANY"/><egress-zone name="HOST"/></policy>`
		}), many(1, "z", zone(""))...),
		"services": append(many(3000, "s", func(i int) string {
			return include + fmt.Sprint(i+1) + `"/><include service="s` + fmt.Sprint(i+1) +
				`"/></service>`
		}), many(64, "z", zone(`<service name="s0"/>`))...),
		"sets": append(many(20, "i", func(int) string {
			return `<ipset type="hash:net">` + times(1000, `<entry>10.%d.%d.0/25</entry>`) + "</ipset>"
		}), many(64, "z", zone(times(20, `<source ipset="i%[3]d"/>`)))...),
		"a zone of sets": append(many(20, "i", func(int) string {
			return `<ipset type="hash:net">` + times(1000, `<entry>10.%d.%d.0/25</entry>`) + "</ipset>"
		}), many(2, "z", zone(times(20, `<source ipset="i%[3]d"/>`)+`<service name="ssh"/>`))...),
	} {
		var r convert.Result
		took, most := converttest.Cost(t, func() { r = Import(sources, convert.Options{}) })
		t.Logf("%s: %v, %d MB: %.150s", name, took, most>>20, r.Problems)
		if took > time.Second || most > limit {
			t.Errorf("%s takes %v and %d MB", name, took, most>>20)
		}
		converttest.Check(t, sources, r)
	}
}
