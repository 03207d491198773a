package file

import (
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/test/parity"
)

func TestEncodings(t *testing.T) {
	const good = "version: 1\nsecurity_groups: [{ name: web, description: x }]\n" +
		"interfaces:\n  - device: eth0\n    security_groups: [web]\n"
	utf16 := "\xff\xfe"
	for _, c := range good {
		utf16 += string([]byte{byte(c), 0})
	}
	for _, tt := range []struct{ name, text, want string }{
		{"Unix", good, ""},
		{"DOS", strings.ReplaceAll(good, "\n", "\r\n"), ""},
		{"no newline at the end", strings.TrimSpace(good), ""},
		{"Mac of old", strings.ReplaceAll(good, "\n", "\r"),
			"1:11: an unusual line break: U+000D (hint: end lines with a line feed)"},
		{"byte order mark", "\uFEFF" + good, ""},
		{"byte order mark and a mistake", "\uFEFFversion: 2\n" + good[11:],
			"1:10: version 2 is unknown (hint: this program reads version 1)"},
		{"two byte order marks", "\uFEFF\uFEFF" + good,
			"1:1: an unusual space (U+FEFF) in the indentation"},
		{"no-break space in the indentation", good + "settings:\n \u00A0watch: true\n",
			"7:2: a no-break space (U+00A0) in the indentation (hint: write plain spaces"},
		{"no-break space after a colon", good + "settings:\n  watch:\u00A0true\n",
			"7:9: a no-break space (U+00A0) after the colon (hint: write plain spaces"},
		{"zero-width space before a key", good + "\u200Bsettings: {}\n",
			"6:1: an unusual space (U+200B) in the indentation"},
		{"UTF-16", utf16, "1:1: this is not UTF-8 (hint: save the file as UTF-8)"},
		{"Latin-1", good + "# gr\xfcn\n", "6:5: this is not UTF-8 (hint: save the file as UTF-8)"},
		{"line separator", good + "# a\u2028b\n",
			"6:4: an unusual line break: U+2028 (hint: end lines with a line feed)"},
		{"zero byte", good + "a: \x00\n", "1: not YAML: control characters are not allowed"},
	} {
		_, problems, _ := Parse("", []byte(tt.text))
		if got := problems.Error(); got != tt.want &&
			!(tt.want != "" && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSpellings: what AWS normalises is one and the same rule here, and so no
// change: numbers with a name (R10), host bits (R16), an empty description (R39),
// ports where there are none (§1.2); one block with many peers and many blocks
// with one (R8).
func TestSpellings(t *testing.T) {
	parity.Proves(t, "R8", "R10", "R16", "R39", "icmpv6 missing", "protocol all", "protocol number")
	in := func(rules string) *policy.Policy {
		p, _, err := Parse("", []byte(
			"version: 1\nprefix_lists: [{ name: office, entries: [{ cidr: 10.0.0.0/8 }] }]\n"+
				"security_groups:\n  - name: web\n    description: x\n    ingress: ["+rules+"]\n"))
		if err != nil {
			t.Fatalf("%s: %v", rules, err)
		}
		return p
	}
	for _, tt := range []struct{ one, other string }{
		{`{ protocol: TCP, ports: 22, self: true }`,
			`{ protocol: 6, from_port: 22, to_port: 22, self: true }`},
		{`{ protocol: Udp, ports: 22, self: true }`,
			`{ protocol: 17, ports: 22-22, security_groups: [web] }`},
		{`{ protocol: icmp, from_port: -1, to_port: -1, self: true }`,
			`{ protocol: "1", from_port: -1, to_port: -1, self: true }`},
		{`{ protocol: icmpv6, self: true }`, `{ protocol: 58, from_port: -1, to_port: -1, self: true }`},
		{`{ protocol: -1, self: true }`, `{ protocol: "-1", ports: 80, self: true }`},
		{`{ protocol: 50, self: true }`, `{ protocol: 50, from_port: 1, to_port: 2, self: true }`},
		{`{ protocol: 50, cidr_blocks: [100.68.0.18/18] }`,
			`{ protocol: 50, cidr_blocks: [100.68.0.0/18] }`},
		{`{ protocol: 50, ipv6_cidr_blocks: ["2001:DB8::1/32"] }`,
			`{ protocol: 50, ipv6_cidr_blocks: ["2001:db8::/32"] }`},
		{`{ protocol: 50, self: true, description: "" }`, `{ protocol: 50, self: true }`},
		{`{ protocol: tcp, ports: 22, self: true, cidr_blocks: [10.0.0.0/8, 11.0.0.0/8] }`,
			`{ protocol: tcp, ports: 22, cidr_blocks: [11.0.0.0/8] }, ` +
				`{ protocol: tcp, ports: 22, self: true }, ` +
				`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8] }`},
		{`{ protocol: all, self: true }`, `{ protocol: -1, self: true }`},
		{`{ protocol: tcp, ports: all, self: true }`, `{ protocol: tcp, ports: 0-65535, self: true }`},
		{`{ protocol: tcp, ports: [ssh, 80, 8000-9000], cidr_blocks: [10.0.0.0/8], self: true }`,
			`{ protocol: tcp, ports: 80, cidr_blocks: [10.0.0.0/8], self: true }, ` +
				`{ protocol: tcp, ports: 8000-9000, cidr_blocks: [10.0.0.0/8] }, ` +
				`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8], self: true }, ` +
				`{ protocol: tcp, ports: 8000-9000, self: true }`},
		{`{ protocol: 50, description: x, cidr_blocks: [10.0.0.0/8, { cidr: 11.0.0.1/8, description: y }],
				prefix_lists: [{ name: office, description: z }], security_groups: [{ name: web }] }`,
			`{ protocol: 50, description: y, cidr_blocks: [11.0.0.0/8] }, ` +
				`{ protocol: 50, description: z, prefix_lists: [office] }, ` +
				`{ protocol: 50, description: x, cidr_blocks: [10.0.0.0/8], self: true }`},
	} {
		if changes := policy.Diff(in(tt.one), in(tt.other)); len(changes) > 0 {
			t.Errorf("%s\n%s\nare not the same: %v", tt.one, tt.other, changes)
		}
		// A rule that differs is a new one, so the comparisons above can fail.
		if changes := policy.Diff(in(tt.one), in(`{ protocol: 51, self: true }`)); len(changes) < 2 {
			t.Errorf("%s is the same as protocol 51: %v", tt.one, changes)
		}
	}
	if changes := policy.Diff(in(`{ protocol: 50, self: true, description: "a" }`),
		in(`{ protocol: 50, self: true }`)); len(changes) != 1 || changes[0].Op != policy.Changed {
		t.Errorf("a description that goes: %v, want one change and no other rule", changes)
	}
	if changes := policy.Diff(in(`{ protocol: tcp, ports: [1, 2], tags: { a: b }, self: true }`),
		in(`{ protocol: tcp, ports: [1, 2], self: true }`)); len(changes) != 2 ||
		changes[0].String() != `- group web: ingress tcp 1 group web tag "a"` {
		t.Errorf("a tag that goes: %v, want one change of each rule", changes)
	}
}
