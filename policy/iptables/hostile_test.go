//go:build !race

package iptables

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestHostile: texts that are made to cost much are answered soon, and take little memory.
func TestHostile(t *testing.T) {
	const head, accept = "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n",
		"-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n"
	lines := func(n int, format string) string {
		var b strings.Builder
		b.WriteString(head + accept)
		for i := range n {
			b.WriteString(fmt.Sprintf(strings.ReplaceAll(format, "%", "%[1]"), i%250, i/250%250) + "\n")
		}
		return b.String() + "COMMIT\n"
	}
	all := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "~", fmt.Sprint(i)))
		}
		return b.String()
	}
	const one = "-A INPUT -s 10.0.0.1/32 -p tcp --dport ~0 -j "
	doubling := head
	for i := range 60 {
		doubling += fmt.Sprintf(":C%d - [0:0]\n-A C%d -p tcp -j C%d\n-A C%d -p udp -j C%d\n", i, i, i+1,
			i, i+1)
	}
	converttest.Hostile(t, Import, map[string]string{
		"10 MB":         strings.Repeat("-A INPUT -j ACCEPT\n", 10<<20/19),
		"one long line": "*filter\n-A INPUT " + strings.Repeat("! ", 1<<20),
		"many rules":    lines(60000, "-A INPUT -s 10.0.%d.1/32 -j ACCEPT"),
		"many drops":    lines(2000, "-A INPUT -s 10.%d.7.1/32 -p tcp --dport %d -j DROP"),
		"many devices":  lines(60000, "-A INPUT -i eth%d -j ACCEPT"),
		"many ports":    lines(5000, "-A INPUT -p tcp --dport 1%d -s 10.%d.0.0/16 -j ACCEPT"),
		"jumps in jumps": doubling + ":C60 - [0:0]\n-A C60 -p udp --dport 9 -j RETURN\n" +
			"-A INPUT -j C0\nCOMMIT\n",
		"itself":      head + ":A - [0:0]\n-A A -j A\n-A INPUT -j A\nCOMMIT\n",
		"many pieces": head + accept + all(5800, one+"DROP\n") + "-A INPUT -j ACCEPT\nCOMMIT\n",
		"cuts": head + accept + all(2800, one+"DROP\n") +
			all(2800, "-A INPUT -p tcp --dport ~0 -j ACCEPT\n") + "COMMIT\n",
		"many chains": strings.Replace(lines(30000, "-A A -p tcp --dport 1%d -j ACCEPT"), head,
			head+":A - [0:0]\n", 1),
		"many sets": all(60000, "create s~ hash:ip\nadd s~ 10.0.0.1\n") + lines(3, ""),
		"sets in rules": all(900, "create s~ hash:ip\nadd s~ 10.0.0.1\n") +
			head + accept + all(900, "-A INPUT -m set --match-set s~ src -j ACCEPT\n") + "COMMIT\n",
		"zeros": strings.Repeat("\x00", 1<<20),
		"a set": "create a hash:ip\n" + strings.Repeat("add a 10.0.0.1\n", 200000) + lines(3, ""),
	}, nil)
}
