package mend

import (
	"strings"
	"testing"

	"sgfw/policy/audit"
	"sgfw/policy/compare"
	"sgfw/policy/file"
)

const groupHead = "version: 1\nsecurity_groups:\n  - name: web\n    description: Pages\n"

// TestStyles: what goes leaves the rest of the file as it is, in each way to write it; and the
// same may pass.
func TestStyles(t *testing.T) {
	for name, tt := range map[string]struct{ text, want, heading string }{
		"a block with its comment": {
			groupHead + "    ingress:\n      # everybody\n      - protocol: tcp\n        ports: 443\n" +
				"        cidr_blocks: [0.0.0.0/0] # yes\n\n      # the office\n      # needs it\n" +
				"      - protocol: tcp\n        ports: 443\n        cidr_blocks:\n          - 10.0.0.0/8\n\n" +
				"      # last\n      - protocol: udp\n        ports: 53\n        self: true\n    egress: []\n",
			groupHead + "    ingress:\n      # everybody\n      - protocol: tcp\n        ports: 443\n" +
				"        cidr_blocks: [0.0.0.0/0] # yes\n\n" +
				"      # last\n      - protocol: udp\n        ports: 53\n        self: true\n    egress: []\n",
			"shadowed: permitted by tcp 443 0.0.0.0/0"},
		"a peer of a flow list": {
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: 443, " +
				"cidr_blocks: [ 10.0.0.0/9, 10.0.0.0/8,  10.1.0.0/16 ] } # ä\n",
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: 443, " +
				"cidr_blocks: [ 10.0.0.0/8 ] } # ä\n", "shadowed: permitted by tcp 443 10.0.0.0/8"},
		"a peer of a block list": {
			groupHead + "    egress: []\n    ingress:\n      - protocol: tcp\n        ports: 443\n" +
				"        cidr_blocks:\n        # small\n        - cidr: 10.0.0.1/32 # one\n" +
				"          description: One\n        # large\n        - 10.0.0.0/8\n",
			groupHead + "    egress: []\n    ingress:\n      - protocol: tcp\n        ports: 443\n" +
				"        cidr_blocks:\n        # large\n        - 10.0.0.0/8\n",
			"shadowed: permitted by tcp 443 10.0.0.0/8"},
		"a key": {
			groupHead + "    egress: []\n    ingress:\n      - protocol: icmp\n        from_port: 8\n" +
				"        to_port: 0\n        ipv6_cidr_blocks: # none speaks it\n          - ::/0\n" +
				"        cidr_blocks: [10.0.0.0/8]\n",
			groupHead + "    egress: []\n    ingress:\n      - protocol: icmp\n        from_port: 8\n" +
				"        to_port: 0\n        cidr_blocks: [10.0.0.0/8]\n",
			"dead-icmp: icmp is never spoken with ::/0, an IPv6 address"},
		"a key of a flow mapping": {
			groupHead + "    egress: []\n    ingress: [{ protocol: icmp, from_port: 8, to_port: 0, " +
				"cidr_blocks: [10.0.0.0/8], ipv6_cidr_blocks: ['::/0'] }]\n",
			groupHead + "    egress: []\n    ingress: [{ protocol: icmp, from_port: 8, to_port: 0, " +
				"cidr_blocks: [10.0.0.0/8] }]\n", "dead-icmp"},
		"the first key": {
			groupHead + "    egress: []\n    ingress:\n      - ipv6_cidr_blocks: ['::/0']\n" +
				"        protocol: icmp\n        from_port: 8\n        to_port: 0\n        self: true\n",
			groupHead + "    egress: []\n    ingress:\n      - protocol: icmp\n        from_port: 8\n" +
				"        to_port: 0\n        self: true\n", "dead-icmp"},
		"self": {
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: 1, self: true }\n" +
				"      - protocol: tcp\n        ports: 1-2\n        self: true\n        prefix_lists: [l]\n" +
				"prefix_lists:\n  - { name: l, entries: [{ cidr: 10.0.0.0/8 }] }\n",
			groupHead + "    egress: []\n    ingress:\n      - protocol: tcp\n        ports: 1-2\n" +
				"        self: true\n        prefix_lists: [l]\n" +
				"prefix_lists:\n  - { name: l, entries: [{ cidr: 10.0.0.0/8 }] }\n", "shadowed"},
		"all of them": {
			groupHead + "    egress: []\n    ingress: # ICMP\n" +
				"      - { protocol: icmp, from_port: 8, to_port: 0, ipv6_cidr_blocks: ['::/0'] }\n" +
				"      - { protocol: icmp, from_port: 3, to_port: 4, ipv6_cidr_blocks: ['::/0'] }\n",
			groupHead + "    egress: []\n    ingress: [] # ICMP\n", "dead-icmp"},
		"all of a flow list": {
			groupHead + "    egress: []\n    ingress: [{ protocol: icmp, from_port: 8, to_port: 0, " +
				"ipv6_cidr_blocks: ['::/0'] }]\n",
			groupHead + "    egress: []\n    ingress: []\n", "dead-icmp"},
		"a port": {
			groupHead + "    egress: []\n    ingress:\n" +
				"      - { protocol: tcp, ports: [80, 443, 8000-8080], self: true }\n" +
				"      - { protocol: tcp, ports: 440-450, self: true }\n",
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: [80, 8000-8080], " +
				"self: true }\n      - { protocol: tcp, ports: 440-450, self: true }\n",
			"shadowed: permitted by tcp 440-450 group web"},
		"one of a port and a peer": {
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: [80, 443], " +
				"cidr_blocks: [10.0.0.0/8, 11.0.0.0/8] }\n" +
				"      - { protocol: tcp, ports: 443, cidr_blocks: [10.0.0.0/7] }\n" +
				"      - { protocol: tcp, ports: 80, cidr_blocks: [10.0.0.0/9] }\n",
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: [80], " +
				"cidr_blocks: [10.0.0.0/8, 11.0.0.0/8] }\n" +
				"      - { protocol: tcp, ports: 443, cidr_blocks: [10.0.0.0/7] }\n", "shadowed"},
		"everybody in parts": {
			groupHead + "    egress: []\n    ingress:\n      - protocol: tcp\n        ports: 443\n" +
				"        cidr_blocks:\n          - 128.0.0.0/1 # half\n          - 0.0.0.0/1\n" +
				"        ipv6_cidr_blocks: ['8000::/1', '::/1']\n",
			"", "everybody-in-parts: the same addresses"},
		"everybody in parts for several ports": {
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: [80, 443], " +
				"cidr_blocks: [0.0.0.0/1, 128.0.0.0/1], self: true }\n",
			groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: [80, 443], " +
				"cidr_blocks: [0.0.0.0/0], self: true }\n", "everybody-in-parts: the same addresses"},
		"each covers the other": {
			groupHead + "    egress: []\n    ingress:\n" +
				"      - { protocol: tcp, ports: 1-10, cidr_blocks: [10.0.0.0/8] }\n" +
				"      - { protocol: tcp, ports: 5-15, cidr_blocks: [10.0.0.0/8] }\n" +
				"      - { protocol: tcp, ports: 1-15, cidr_blocks: [10.0.0.0/8] }\n",
			groupHead + "    egress: []\n    ingress:\n" +
				"      - { protocol: tcp, ports: 1-15, cidr_blocks: [10.0.0.0/8] }\n", "shadowed"},
	} {
		d := mended(t, tt.text, audit.Options{})
		if len(d.Changes) == 0 || len(d.Left) > 0 || !strings.Contains(string(d.Text), tt.heading) {
			t.Errorf("%s: %v, left %v\n%s", name, d.Changes, d.Left, d.Text)
			continue
		}
		got := patched(t, tt.text, d.Text)
		if got != tt.want && tt.want != "" || got != string(d.Fixed) {
			t.Errorf("%s:\n%s\ngives\n%s", name, d.Text, got)
		}
		same(t, name, tt.text, got)
	}
}

// same: two texts permit the same.
func same(t *testing.T, name, before, after string) {
	t.Helper()
	p, _, err := file.Parse("before", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := file.Parse("after", []byte(after))
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, after)
	}
	if d := compare.Policies(p, q); d.Opens() || d.Closes() {
		t.Errorf("%s: another meaning:\n%s", name, after)
	}
}
