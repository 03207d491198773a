package space_test

import (
	"slices"
	"strings"
	"testing"

	"sgfw/policy/file"
	"sgfw/policy/space"
)

// TestShorten: policies before and after, as files. The rules that stay keep what is said of
// them.
func TestShorten(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"ports and networks are put together": {`
      - description: Pages
        protocol: tcp
        ports: 80
        cidr_blocks: [10.0.0.0/9, 10.128.0.0/9]
      - description: More pages
        protocol: tcp
        ports: 81-90
        cidr_blocks: [10.0.0.0/8]
      - protocol: udp
        ports: 53
        cidr_blocks: [192.0.2.53/32]
`, `
      - description: Pages; More pages
        protocol: tcp
        ports: 80-90
        cidr_blocks: [10.0.0.0/8]
      - protocol: udp
        ports: 53
        cidr_blocks: [192.0.2.53/32]
`}, "what others cover goes": {`
      - description: Admins
        protocol: tcp
        ports: 22
        cidr_blocks: [10.1.0.0/16]
        security_groups: [app]
      - description: All
        protocol: all
        cidr_blocks: [10.0.0.0/8]
`, `
      - description: Admins
        protocol: tcp
        ports: 22
        security_groups: [app]
      - description: All
        protocol: all
        cidr_blocks: [10.0.0.0/8]
`}, "halves of the world stay halves, for the sake of tracking": {`
      - protocol: tcp
        ports: 80
        cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]
`, `
      - protocol: tcp
        ports: 80
        cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]
`}, "the world with all ports, in two rules, leaves answers tracked": {`
      - protocol: tcp
        ports: 0-100
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 101-65535
        cidr_blocks: [0.0.0.0/0]
`, `
      - protocol: tcp
        ports: 0-100
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 101-65535
        cidr_blocks: [0.0.0.0/0]
`}, "ports for the world are put together": {`
      - protocol: tcp
        ports: 80
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 81-443
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 100
        cidr_blocks: [10.0.0.0/8]
`, `
      - protocol: tcp
        ports: 80-443
        cidr_blocks: [0.0.0.0/0]
`}, "ports for the world stay for the world where halves of it cover them": {`
      - protocol: tcp
        ports: 80-90
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 85-95
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 70-90
        cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]
`, `
      - protocol: tcp
        ports: 80-95
        cidr_blocks: [0.0.0.0/0]
      - protocol: tcp
        ports: 70-90
        cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]
`}, "lists and groups stay what they are called": {`
      - protocol: tcp
        ports: 80
        cidr_blocks: [192.0.2.0/24]
        prefix_lists: [office]
      - protocol: tcp
        ports: 81
        prefix_lists: [office]
        self: true
`, `
      - protocol: tcp
        ports: 80
        cidr_blocks: [192.0.2.0/24]
      - protocol: tcp
        ports: 80-81
        prefix_lists: [office]
      - protocol: tcp
        ports: 81
        self: true
`}, "one network": {`
      - protocol: tcp
        ports: 22
        cidr_blocks: [192.0.2.0/26, 192.0.2.64/26, 192.0.2.128/25, 192.0.3.0/24, 192.0.4.1/32]
`, `
      - protocol: tcp
        ports: 22
        cidr_blocks: [192.0.2.0/23, 192.0.4.1/32]
`},
	} {
		around := func(rules string) string {
			return "version: 1\n\nprefix_lists:\n  - name: office\n    entries:\n" +
				"      - { cidr: 192.0.2.0/24 }\n\nsecurity_groups:\n  - name: app\n" +
				"    egress: []\n  - name: web\n    ingress:" + rules + "    egress: []\n"
		}
		p, _, err := file.Parse("test", []byte(around(c.before)))
		if err != nil {
			t.Fatal(name, err)
		}
		short, said := space.Shorten(p)
		if got := string(file.Write(short, nil)); got != around(c.after) {
			t.Errorf("%s: %+v\n%s\nwant%s", name, said, got, c.after)
		}
		if fewer := c.before != c.after; fewer != (len(said) == 1) {
			t.Errorf("%s: %+v", name, said)
		}
		if slices.ContainsFunc(said, func(s space.Shortened) bool {
			return !s.Proved || s.Group != "web" || s.After >= s.Before
		}) {
			t.Errorf("%s: %+v", name, said)
		}
		if strings.Count(string(file.Write(p, nil)), "\n") < 10 {
			t.Errorf("%s: the policy itself was changed", name)
		}
	}
}
