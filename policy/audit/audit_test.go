package audit

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/reputation"
)

const (
	v4, v6      = "cidr_blocks: [0.0.0.0/0]", `ipv6_cidr_blocks: ["::/0"]`
	both        = v4 + ", " + v6
	eth0        = "interfaces:\n  - { device: eth0, security_groups: [web] }\n"
	rulesDecide = "settings: { icmp_errors: rules }\n"
	// wideOpen is written without any /0.
	wideOpen = "cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]"
)

// cases has for each code policies in which it is found, and others in which it is not.
var cases = map[string]struct{ fires, not []string }{
	openSensitive: {
		fires: []string{
			in("protocol: tcp, ports: 22, " + v4),
			in("protocol: tcp, ports: 3389, " + v6),
			in("protocol: tcp, ports: 22, " + wideOpen),
			in("protocol: tcp, ports: 20-30, " + v4),
			in("protocol: all, " + v4),
			in("protocol: tcp, ports: 3306, cidr_blocks: [0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/2]"),
			// A list, half of the world in each of two rules, and two groups of an interface.
			group([]string{"protocol: tcp, ports: 22, prefix_lists: [all]"}, nil,
				"prefix_lists:\n  - { name: all, entries: [{ cidr: 0.0.0.0/1 }, { cidr: 128.0.0.0/1 }] }\n"),
			in("protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/2]",
				"protocol: tcp, ports: 22-23, cidr_blocks: [64.0.0.0/2, 128.0.0.0/2]"),
			group([]string{"protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/2]"}, nil,
				"  - name: more\n    description: x\n    egress: []\n    ingress:\n      - { protocol: tcp, "+
					"ports: 22, cidr_blocks: [64.0.0.0/2] }\ninterfaces:\n  - { device: eth0, "+
					"security_groups: [web, more] }\n"),
			out("protocol: tcp, ports: 445, " + v4),
		},
		not: []string{
			in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8, 198.51.100.0/24]"),
			in("protocol: tcp, ports: 443, "+both, "protocol: tcp, ports: 80, "+both),
			in("protocol: udp, ports: 22, " + v4),
			in("protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/2]"),
			in("protocol: tcp, ports: 22, self: true"),
			out("protocol: tcp, ports: 22, "+v4, "protocol: tcp, ports: 445, cidr_blocks: [10.0.0.0/8]"),
			group([]string{"protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/2]"}, nil,
				"  - name: more\n    description: x\n    egress: []\n    ingress:\n      - { protocol: tcp, "+
					"ports: 22, cidr_blocks: [64.0.0.0/2] }\ninterfaces:\n  - { device: eth0, "+
					"security_groups: [web] }\n  - { device: eth1, security_groups: [more] }\n"),
		},
	},
	openRisky: {
		fires: []string{in("protocol: tcp, ports: 8080, " + v4), in("protocol: tcp, ports: 25, " + v6)},
		not: []string{in("protocol: tcp, ports: 8081, " + v4),
			in("protocol: tcp, ports: 8080, cidr_blocks: [10.0.0.0/8]")},
	},
	openAmplifier: {
		fires: []string{in("protocol: udp, ports: 11211, " + v4), in("protocol: udp, ports: 53, " + both),
			in("protocol: udp, ports: 100-200, " + wideOpen)},
		not: []string{in("protocol: tcp, ports: 53, " + v4),
			in("protocol: udp, ports: 53, cidr_blocks: [10.0.0.0/8]"),
			out("protocol: udp, ports: 53, " + v4)},
	},
	telnet: {
		fires: []string{in("protocol: tcp, ports: 23, cidr_blocks: [10.0.0.1/32]"),
			in("protocol: tcp, ports: 20-25, self: true")},
		not: []string{in("protocol: udp, ports: 23, " + v4), in("protocol: tcp, ports: 24, " + v4),
			in("protocol: all, self: true"), out("protocol: tcp, ports: 23, cidr_blocks: [10.0.0.1/32]")},
	},
	allPortsIn: {
		fires: []string{in("protocol: all, " + v4), in("protocol: tcp, ports: 0-65535, " + v6),
			in("protocol: udp, ports: 0-65535, " + wideOpen),
			in("protocol: tcp, ports: 0-9999, "+v4, "protocol: tcp, ports: 10000-65535, "+v4)},
		not: []string{in("protocol: tcp, ports: 1-65535, " + v4), in("protocol: all, self: true"),
			in("protocol: all, cidr_blocks: [10.0.0.0/8]"), out("protocol: all, " + v4)},
	},
	wideRange: {
		fires: []string{in("protocol: tcp, ports: 8000-9000, " + v4),
			in("protocol: udp, ports: 1-101, cidr_blocks: [8.8.8.8/32]"),
			in("protocol: all, cidr_blocks: [8.8.8.8/32]")},
		not: []string{in("protocol: udp, ports: 1-100, cidr_blocks: [8.8.8.8/32]"),
			in("protocol: tcp, ports: 8000-9000, cidr_blocks: [10.0.0.0/8]"),
			in("protocol: all, self: true"), out("protocol: tcp, ports: 8000-9000, " + v4)},
	},
	widePeer: {
		fires: []string{in("protocol: tcp, ports: 443, cidr_blocks: [52.0.0.0/11]"),
			out(`protocol: tcp, ports: 443, ipv6_cidr_blocks: ["2a00::/16"]`)},
		not: []string{in("protocol: tcp, ports: 443, cidr_blocks: [52.0.0.0/24, 10.0.0.0/8]"),
			in("protocol: tcp, ports: 443, "+both, "protocol: tcp, ports: 80, "+wideOpen)},
	},
	pingOpen: {
		fires: []string{in("protocol: icmp, from_port: 8, to_port: -1, " + v4),
			in("protocol: icmp, from_port: -1, to_port: -1, " + v4),
			in("protocol: icmpv6, from_port: 128, to_port: 0, " + v6),
			in("protocol: icmp, from_port: 8, to_port: 0, " + wideOpen)},
		not: []string{in("protocol: icmp, from_port: 3, to_port: 4, " + v4),
			in("protocol: icmpv6, from_port: 2, to_port: 0, " + v6),
			in("protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [10.0.0.0/8]"),
			in("protocol: all, " + v4)},
	},
	pmtudBlocked: {
		fires: []string{in("protocol: tcp, ports: 443, "+v4) + eth0 + rulesDecide,
			in("protocol: icmp, from_port: 3, to_port: 4, "+v4) + eth0 + rulesDecide},
		not: []string{in("protocol: tcp, ports: 443, "+v4) + eth0,
			in("protocol: icmp, from_port: 3, to_port: 4, "+v4,
				"protocol: icmpv6, from_port: 2, to_port: 0, "+v6) + eth0 +
				rulesDecide},
	},
	noDescription: {
		fires: []string{
			"version: 1\nsecurity_groups:\n  - { name: web, description: x, egress: [], " +
				"ingress: [{ protocol: tcp, ports: 1, self: true }] }\n",
			"version: 1\nsecurity_groups:\n  - { name: web, ingress: [], egress: [] }\n"},
		not: []string{in("protocol: tcp, ports: 1, self: true"),
			"version: 1\nsecurity_groups:\n  - { name: web, description: x, ingress: [] }\n"},
	},
	deadICMP: {
		fires: []string{in("protocol: icmp, from_port: 99, to_port: 0, cidr_blocks: [10.0.0.0/8]"),
			in("protocol: icmp, from_port: 8, to_port: 0, " + v6)},
		not: []string{in("protocol: icmp, from_port: 3, to_port: 4, " + v4)},
	},
	httpClear: {
		fires: []string{in("protocol: tcp, ports: 80, " + v4),
			in("protocol: tcp, ports: 80, "+v4, "protocol: tcp, ports: 443, cidr_blocks: [10.0.0.0/8]")},
		not: []string{in("protocol: tcp, ports: 80, "+v4, "protocol: tcp, ports: 443, "+v4),
			in("protocol: tcp, ports: 80, cidr_blocks: [10.0.0.0/8]"),
			in("protocol: tcp, ports: 80, "+v4) + "  - name: more\n    description: x\n    egress: []\n" +
				"    ingress:\n      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }\n" +
				"interfaces:\n  - { device: eth0, security_groups: [web, more] }\n"},
	},
	allPortsOut: {
		fires: []string{out("protocol: all, " + v4),
			"version: 1\nsecurity_groups:\n  - { name: web, description: x, ingress: [] }\n",
			out("protocol: tcp, ports: 0-65535, " + wideOpen)},
		not: []string{out("protocol: tcp, ports: 443, " + v4), in("protocol: all, " + v4)},
	},
	openOut: {
		fires: []string{out("protocol: tcp, ports: 443, " + v4), out("protocol: udp, ports: 53, " + v6)},
		not: []string{out("protocol: tcp, ports: 443, cidr_blocks: [52.0.0.0/24]"),
			out("protocol: all, " + v4)},
	},
	shadowed: {
		fires: []string{
			in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.1/32]", "protocol: tcp, ports: 22, "+v4),
			in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/31]",
				"protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/32, 10.0.0.1/32]"),
			in("protocol: tcp, ports: 22, self: true") +
				"  - name: more\n    description: x\n    egress: []\n    ingress:\n      - { protocol: all, " +
				"cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ['::/0'] }\ninterfaces:\n" +
				"  - { device: eth0, security_groups: [web, more] }\n"},
		not: []string{
			in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.1/32]", "protocol: tcp, ports: 23, "+v4),
			in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.1/32]", "protocol: tcp, ports: 22, "+v6),
			in("protocol: tcp, ports: 22, self: true", "protocol: tcp, ports: 22, "+v4)},
	},
	duplicate: {
		fires: []string{group([]string{"protocol: tcp, ports: 22, prefix_lists: [one]",
			"protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/24]"}, nil,
			"prefix_lists:\n  - { name: one, entries: [{ cidr: 10.0.0.0/24 }] }\n")},
		not: []string{in("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/24]",
			"protocol: tcp, ports: 23, cidr_blocks: [10.0.0.0/24]")},
	},
	nearQuota: {
		fires: []string{in(many(48, "protocol: tcp, ports: %d, cidr_blocks: [10.0.0.0/24]")...)},
		not:   []string{in(many(47, "protocol: tcp, ports: %d, cidr_blocks: [10.0.0.0/24]")...)},
	},
	manyRules: {
		fires: []string{in(many(51, "protocol: tcp, ports: %d, cidr_blocks: [10.0.0.0/24]")...)},
		not:   []string{in(many(50, "protocol: tcp, ports: %d, cidr_blocks: [10.0.0.0/24]")...)},
	},
	unusedRule: {
		fires: []string{in("protocol: tcp, ports: 1, self: true")},
		not: []string{in("protocol: tcp, ports: 2, self: true"),
			in("protocol: tcp, ports: 3, self: true")},
	},
	unusedGroup: {
		fires: []string{in() + "  - { name: b, description: x, ingress: [] }\n" + eth0},
		not: []string{in(), in() + eth0, in() + "  - { name: b, description: x, ingress: [] }\n" + eth0 +
			"peers:\n  - { name: far, addresses: [10.0.0.1], security_groups: [b] }\n"},
	},
	stalePeer: {
		fires: []string{group([]string{"protocol: tcp, ports: 22, prefix_lists: [none]"}, nil,
			"prefix_lists:\n  - { name: none, max_entries: 5, entries: [] }\n"),
			in("protocol: tcp, ports: 22, security_groups: [b]") +
				"  - { name: b, description: x, ingress: [] }\n" + eth0},
		not: []string{in("protocol: tcp, ports: 22, security_groups: [b]") +
			"  - { name: b, description: x, ingress: [] }\n",
			in("protocol: tcp, ports: 22, self: true") + eth0},
	},
	looseSharedGroup: {
		fires: []string{in("protocol: tcp, ports: 443, "+v4) + eth0 +
			"  - { device: eth1, security_groups: [web] }\n"},
		not: []string{in("protocol: tcp, ports: 443, "+v4) + eth0,
			in("protocol: tcp, ports: 443, cidr_blocks: [10.0.0.0/8]") + eth0 +
				"  - { device: eth1, security_groups: [web] }\n"},
	},
	defaultInUse: {
		fires: []string{in() + "interfaces:\n  - { device: eth0, security_groups: [default] }\n"},
		not: []string{in() + eth0, in() +
			"interfaces:\n  - { device: eth0, security_groups: [default] }\n" +
			"default_security_group: { ingress: [], egress: [] }\n"},
	},
	familyGap: {
		fires: []string{in("protocol: tcp, ports: 443, " + v4), in("protocol: tcp, ports: 443, " + v6),
			in("protocol: tcp, ports: 443, "+v4) + eth0,
			in("protocol: tcp, ports: 443, "+v4) + "interfaces:\n  - { device: eth0, mode: guest, " +
				"addresses: [10.0.0.1, '2001:db8::1'], security_groups: [web] }\n"},
		not: []string{in("protocol: tcp, ports: 443, " + both),
			in("protocol: tcp, ports: 443, cidr_blocks: [10.0.0.0/8]"),
			in("protocol: tcp, ports: 443, "+v4) + "  - name: more\n    description: x\n    egress: []\n" +
				"    ingress:\n      - { protocol: tcp, ports: 443, ipv6_cidr_blocks: ['::/0'] }\n" +
				"interfaces:\n  - { device: eth0, security_groups: [web, more] }\n",
			in("protocol: tcp, ports: 443, "+v4) + "interfaces:\n  - { device: eth0, mode: guest, " +
				"addresses: [10.0.0.1], security_groups: [web] }\n"},
	},
	untrackedExposure: {
		fires: []string{group([]string{"protocol: tcp, ports: 443, " + v4},
			[]string{"protocol: all, " + v4},
			"settings: { tracking: aws }\n"),
			in("protocol: tcp, ports: 443, "+v4) + "  - { name: out, description: x, ingress: [] }\n" +
				"interfaces:\n  - { device: eth0, security_groups: [web, out] }\n" +
				"settings: { tracking: aws }\n"},
		not: []string{group([]string{"protocol: tcp, ports: 443, " + v4},
			[]string{"protocol: all, " + v4}, ""),
			group([]string{"protocol: tcp, ports: 443, " + v4}, []string{"protocol: tcp, ports: 443, " + v4},
				"settings: { tracking: aws }\n"),
			group([]string{"protocol: tcp, ports: 443, " + wideOpen}, []string{"protocol: all, " + v4},
				"settings: { tracking: aws }\n")},
	},
	launchWizard: {
		fires: []string{strings.Replace(in(), "name: web", "name: launch-wizard-7", 1)},
		not:   []string{in()},
	},
	badReputation: {
		fires: []string{in("protocol: tcp, ports: 1, cidr_blocks: [5.6.7.8/32]"),
			out("protocol: tcp, ports: 1, cidr_blocks: [5.6.0.0/16]"),
			in(`protocol: tcp, ports: 1, ipv6_cidr_blocks: ["2a00:bad::1/128"]`),
			in("protocol: tcp, ports: 7, self: true"), // a live flow
			group([]string{"protocol: tcp, ports: 22, prefix_lists: [one]"}, nil,
				"prefix_lists:\n  - { name: one, entries: [{ cidr: 5.6.7.0/30 }] }\n")},
		not: []string{in("protocol: tcp, ports: 1, cidr_blocks: [5.6.8.0/24, 10.0.0.0/8]",
			"protocol: tcp, ports: 2, "+both, "protocol: tcp, ports: 3, self: true")},
	},
	badIgnore: {
		fires: []string{
			in("protocol: tcp, ports: 22, "+v4) + "# sgfw:ignore open-sensitive until 2026-06-14: expired\n",
			"# sgfw:ignore open-sensitive\n" + in(),
			"# sgfw:ignore no-such-check until 2027-01-31: x\n" + in(),
			"# sgfw:ignore telnet until tomorrow: x\n" + in(),
			"# sgfw:ignore telnet until 2027-01-31: nothing is here\n" + in()},
		not: []string{"# plain\n" + in(),
			strings.Replace(in("protocol: tcp, ports: 22, "+v4), "      - {",
				"      # sgfw:ignore open-sensitive until 2026-06-15: today still\n      - {", 1)},
	},
	worldInParts: {
		fires: []string{in("protocol: tcp, ports: 9999, " + wideOpen),
			out(`protocol: all, ipv6_cidr_blocks: ["::/1", "8000::/2", "c000::/2"]`)},
		not: []string{in("protocol: tcp, ports: 9999, " + v4), in("protocol: tcp, ports: 9999, " +
			"cidr_blocks: [0.0.0.0/1, 128.0.0.0/2]"),
			in("protocol: tcp, ports: 9999, cidr_blocks: [0.0.0.0/0, 0.0.0.0/1, 128.0.0.0/1]"),
			in("protocol: tcp, ports: 9999, cidr_blocks: [0.0.0.0/1]",
				"protocol: tcp, ports: 9999, cidr_blocks: [128.0.0.0/1]")},
	},
	wideUse: {
		fires: []string{in("protocol: tcp, ports: 1000-1100, self: true"),
			in("protocol: tcp, ports: 3389, " + v4)},
		not: []string{in("protocol: tcp, ports: 1000-1008, self: true"),
			in("protocol: tcp, ports: 2000-2100, self: true"),
			in("protocol: tcp, ports: 3000-3100, self: true"),
			// Not all that it admitted is live; it is not for administrators; nobody is there.
			in("protocol: tcp, ports: 22, " + v4), in("protocol: tcp, ports: 443, " + v4),
			in("protocol: tcp, ports: 3306, " + v4)},
	},
}

// TestEveryCode: each code is found where it should be, and nowhere else.
func TestEveryCode(t *testing.T) {
	list, problems := reputation.Parse("bad.txt", []byte("5.6.7.0/24 ; SBL1\n2a00:bad::/32\n"))
	if list == nil {
		t.Fatal(problems)
	}
	use := func(from, to int) Use {
		return Use{"web", policy.Ingress, policy.RuleID{Protocol: policy.TCP, From: from, To: to,
			Kind: policy.PeerGroup, Name: "web"}}
	}
	busy, idle := &Seen{}, &Seen{}
	busy.Add(policy.TCP, 1010, netip.MustParseAddr("10.0.0.1"))
	busy.Add(policy.TCP, 1013, netip.MustParseAddr("10.0.0.1"))
	open := func(port int) Use {
		return Use{"web", policy.Ingress, policy.RuleID{Protocol: policy.TCP, From: port, To: port,
			CIDR: policy.AnyIPv4}}
	}
	one := &Seen{}
	one.Add(policy.TCP, 3389, netip.MustParseAddr("10.0.0.1"))
	live := &Seen{}
	live.Add(policy.TCP, 7, netip.MustParseAddr("5.6.7.8"))
	o := Options{Lists: []*reputation.List{list}, Observed: &Observed{Since: today,
		Hits: map[Use]uint64{use(1, 1): 0, use(2, 2): 1, use(1000, 1100): 9, use(1000, 1008): 9,
			use(2000, 2100): 9, open(22): 2, open(443): 1, open(3389): 1, open(3306): 0},
		Seen: map[Use]*Seen{use(1000, 1100): busy, use(1000, 1008): busy, use(2000, 2100): idle,
			use(7, 7): live, open(22): one, open(443): one, open(3389): one}}}
	for _, c := range Checks() {
		tests, there := cases[c.Code]
		if !there || len(tests.fires) == 0 || len(tests.not) == 0 {
			t.Errorf("%s has no test in which it is found, and one in which it is not", c.Code)
		}
		for i, text := range tests.fires {
			if r := run(t, text, o); !has(r, c.Code) {
				t.Errorf("%s %d is not found: %v\n%s", c.Code, i, found(r), text)
			} else {
				sound(t, r, text)
			}
		}
		for i, text := range tests.not {
			if r := run(t, text, o); has(r, c.Code) {
				t.Errorf("%s not %d is found: %v\n%s", c.Code, i, found(r), text)
			}
		}
	}
}
