//go:build !race

package ufw

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// TestHostile: files that are made to cost much are answered soon, with little memory.
func TestHostile(t *testing.T) {
	const head = "*filter\n:ufw-user-input - [0:0]\n:ufw-user-output - [0:0]\n"
	lines := func(n int, format string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(strings.NewReplacer("LOW", fmt.Sprint(i%250), "HIGH", fmt.Sprint(i/250%250),
				"ALL", fmt.Sprint(i)).Replace(format) + "\n")
		}
		return b.String() + "COMMIT\n"
	}
	const comment = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment="
	converttest.Hostile(t, Import, map[string]string{
		"many rules": lines(60000, "-A ufw-user-input -s 10.LOW.HIGH.1/32 -j ACCEPT"),
		"many denies": lines(2400, "-A ufw-user-input -s 10.LOW.HIGH.9/32 -j DROP\n"+
			"-A ufw-user-input -p tcp --dport ALL -j ACCEPT"),
		"many devices": lines(30000, "-A ufw-user-input -i eALL -j ACCEPT"),
		"few devices":  lines(1400, "-A ufw-user-input -i eLOW -s 10.HIGH.LOW.1 -j ACCEPT"),
		"many limits": lines(5000, "-A ufw-user-input -p tcp --dport ALL -m conntrack --ctstate NEW "+
			"-m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit"),
		"inserted":    lines(60000, "-I ufw-user-input -s 10.LOW.HIGH.1/32 -j ACCEPT"),
		"no places":   lines(60000, "-I ufw-user-input 99ALL -j ACCEPT"),
		"many chains": lines(60000, ":ownALL - [0:0]\n-A ownALL -j DROP"),
		"many tables": strings.Repeat(head+"-A ufw-user-input -j ACCEPT\nCOMMIT\n", 30000),
		"odd tables": head + "COMMIT\n" +
			strings.Repeat("*filter\n-A DOCKER-USER -j RETURN\nCOMMIT\n", 90000),
		"no tables":    strings.Repeat("*filter\n:DOCKER-USER - [0:0]\nCOMMIT\n", 90000),
		"INPUT":        lines(60000, "-A INPUT -s 10.LOW.HIGH.1 -j DROP"),
		"a circle":     lines(3, "-A ufw-user-input -j ufw-user-input"),
		"the other":    lines(3, "-A ufw-user-input -j ufw-before-input\n:ufw-before-input - [0:0]"),
		"long words":   lines(1, "-A ufw-user-input "+strings.Repeat("a", 3<<20)),
		"long comment": lines(1, comment+strings.Repeat("61", 1<<20)+"\n-A ufw-user-input -j ACCEPT"),
		"many comments": lines(60000, comment+strings.Repeat("61", 8)+
			"\n-A ufw-user-input -p tcp --dport ALL -j ACCEPT"),
		"policies": "DEFAULT_INPUT_POLICY=" + strings.Repeat("x\nDEFAULT_INPUT_POLICY=", 200000),
		"10 MB":    lines(10<<20/40, "-A ufw-user-input -s 10.LOW.HIGH.1 -j ACCEPT"),
		"zeros":    strings.Repeat("\x00", 1<<20),
	}, map[string]convert.Source{
		"policies": {Name: "user.rules", Data: []byte(lines(1, ""))},
	})
}
