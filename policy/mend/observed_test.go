package mend

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/file"
	"sgfw/policy/space"
)

// watched is what a daemon has seen of a group.
type watched struct {
	port, hits int
	peer       string
	from       []string
}

func (w watched) of() (audit.Use, *audit.Seen) {
	s := &audit.Seen{}
	for _, a := range w.from {
		s.Add(policy.TCP, w.port, netip.MustParseAddr(a))
	}
	return audit.Use{Group: "web", Direction: policy.Ingress, Rule: policy.RuleID{Protocol: policy.TCP,
		From: w.port, To: w.port, CIDR: netip.MustParsePrefix(w.peer)}}, s
}

// TestObserved: what nothing that was seen has needed goes, and what was seen may go on.
func TestObserved(t *testing.T) {
	const ssh = "      - { description: A, protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/0] }\n"
	const sshBoth = "      - protocol: tcp\n        ports: 22\n        cidr_blocks:\n" +
		"          - 0.0.0.0/0 # all\n        ipv6_cidr_blocks: ['::/0']\n"
	for name, tt := range map[string]struct {
		text, want string
		seen       []watched
		heading    string
	}{
		"never hit": {ssh + "      - { protocol: tcp, ports: 80, cidr_blocks: [0.0.0.0/0] }\n",
			"      - { protocol: tcp, ports: 80, cidr_blocks: [0.0.0.0/0] }\n",
			[]watched{{22, 0, "0.0.0.0/0", nil}, {80, 1, "0.0.0.0/0", nil}},
			"unused-rule: never hit since 2030-01-02 12:00 UTC"},
		"all that it admitted is live": {ssh,
			strings.Replace(ssh, "0.0.0.0/0", "10.0.0.9/32, 192.0.2.1/32", 1),
			[]watched{{22, 2, "0.0.0.0/0", []string{"192.0.2.1", "10.0.0.9"}}},
			"wider-than-used: all it has admitted"},
		"a flow has ended": {ssh, ssh, []watched{{22, 2, "0.0.0.0/0", []string{"10.0.0.9"}}}, ""},
		"in a list of lines": {sshBoth,
			"      - protocol: tcp\n        ports: 22\n        cidr_blocks:\n" +
				"          - 10.0.0.9/32\n          - 10.0.1.9/32 # all\n",
			[]watched{{22, 2, "0.0.0.0/0", []string{"10.0.0.9", "10.0.1.9"}}, {22, 0, "::/0", nil}},
			"wider-than-used"},
		"of both versions": {sshBoth,
			"      - protocol: tcp\n        ports: 22\n        cidr_blocks:\n" +
				"          - 10.0.0.9/32 # all\n        ipv6_cidr_blocks: [\"2001:db8::1/128\"]\n",
			[]watched{{22, 1, "0.0.0.0/0", []string{"10.0.0.9"}},
				{22, 1, "::/0", []string{"2001:db8::1"}}},
			"wider-than-used"},
		"too many": {ssh, ssh, []watched{{22, 9, "0.0.0.0/0", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3",
			"10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"}}}, ""},
		"for the public": {strings.Replace(ssh, "22", "443", 1), strings.Replace(ssh, "22", "443", 1),
			[]watched{{443, 1, "0.0.0.0/0", []string{"10.0.0.9"}}}, ""},
		// The wide rule was never hit since the narrow one is counted: one of them has to stay.
		"shadowed by one that is unused": {
			ssh + "      - { protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8] }\n",
			"      - { protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8] }\n",
			[]watched{{22, 0, "0.0.0.0/0", nil}, {22, 7, "10.0.0.0/8", []string{"10.0.0.9"}}},
			"unused-rule"},
		// The rule for one was hit, and the one for all is narrowed to somebody else.
		"shadowed by one that becomes narrower": {
			ssh + "      - { protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8] }\n",
			strings.Replace(ssh, "0.0.0.0/0", "192.0.2.1/32", 1) +
				"      - { protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8] }\n",
			[]watched{{22, 1, "0.0.0.0/0", []string{"192.0.2.1"}},
				{22, 7, "10.0.0.0/8", []string{"10.0.0.9"}}},
			"wider-than-used"},
	} {
		o := audit.Options{Observed: &audit.Observed{Since: time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC),
			Hits: map[audit.Use]uint64{}, Seen: map[audit.Use]*audit.Seen{}}}
		for _, w := range tt.seen {
			u, s := w.of()
			o.Observed.Hits[u] = uint64(w.hits)
			if len(w.from) > 0 {
				o.Observed.Seen[u] = s
			}
		}
		text := groupHead + "    egress: []\n    ingress:\n" + tt.text
		want := groupHead + "    egress: []\n    ingress:\n" + tt.want
		d := mended(t, text, o)
		got := string(d.Fixed)
		if len(d.Changes) > 0 {
			got = patched(t, text, d.Text)
		}
		if got != want || !strings.Contains(string(d.Text), tt.heading) {
			t.Errorf("%s: %v, left %v\n%s\ngives\n%s", name, d.Changes, d.Left, d.Text, got)
		}
		p, _, err := file.Parse("p.yaml", []byte(got))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		reading := space.Read(p, nil)
		for _, w := range tt.seen {
			for _, a := range w.from {
				seen := policy.Rule{Protocol: policy.TCP, From: w.port, To: w.port}
				at := netip.MustParseAddr(a)
				seen.Peer.CIDR = netip.PrefixFrom(at, at.BitLen())
				if !reading.Set(p.Group("web").Ingress...).Covers(reading.Rule(&seen)) {
					t.Errorf("%s: %s was seen at %d and is dropped:\n%s", name, a, w.port, got)
				}
			}
		}
	}
}

// TestGroups: groups that nothing has go with the rules that name them, and no others.
func TestGroups(t *testing.T) {
	const end = "interfaces:\n  - { device: eth0, security_groups: [web] }\n"
	const of = "  - name: %\n    description: x\n    ingress: []\n    egress: []\n"
	group := func(name string) string { return strings.ReplaceAll(of, "%", name) }
	rules := func(peers string) string {
		return groupHead + "    egress: []\n    ingress:\n      - { protocol: tcp, ports: 1, " +
			"security_groups: [" + peers + "] }\n      - { protocol: tcp, ports: 2, self: true }\n"
	}
	none := groupHead + "    egress: []\n    ingress:\n" +
		"      - { protocol: tcp, ports: 2, self: true }\n"
	for name, tt := range map[string]struct {
		text, want string
		ignore     []string
	}{
		"unused": {none + group("a") + "\n" + group("b") + end, none + "\n" + end, nil},
		"named":  {rules("a, b") + group("a") + group("b") + end, none + end, nil},
		"one is a machine's": {
			rules("a, b") + group("a") + group("b") + end +
				"peers:\n  - { name: far, addresses: [192.0.2.1], security_groups: [b] }\n",
			rules("b") + group("b") + end +
				"peers:\n  - { name: far, addresses: [192.0.2.1], security_groups: [b] }\n", nil},
		"the rule is to stay": {rules("a") + group("a") + end, rules("a") + group("a") + end,
			[]string{"stale-peer"}},
		"the group is to stay": {rules("a") + group("a") + end, none + group("a") + end,
			[]string{"unused-group"}},
		"nothing is attached": {none + group("a"), none + group("a"), nil},
	} {
		d := mended(t, tt.text, audit.Options{Ignore: tt.ignore})
		got := tt.text
		if len(d.Changes) > 0 {
			got = patched(t, tt.text, d.Text)
		}
		if got != tt.want || len(d.Left) > 0 {
			t.Errorf("%s: %v, left %v\n%s\ngives\n%s", name, d.Changes, d.Left, d.Text, got)
		}
		if slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Observed }) {
			t.Errorf("%s: %v", name, d.Changes)
		}
	}
}
