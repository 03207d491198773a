package audit

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/file"
)

// TestNarrower: the narrower rule is one that a policy file takes.
func TestNarrower(t *testing.T) {
	text := group([]string{"protocol: all, " + both + ", self: true, security_groups: [b], " +
		"prefix_lists: [l]"}, nil, "  - { name: b, description: x, ingress: [] }\n"+
		"prefix_lists:\n  - { name: l, entries: [{ cidr: 10.0.0.0/24 }] }\n")
	seen := &Seen{}
	for p, port := range map[policy.Protocol]int{policy.TCP: 22, policy.UDP: 53, policy.ICMP: -1,
		policy.ICMPv6: -1, 47: -1} {
		seen.Add(p, port, netip.MustParseAddr("10.0.0.1"))
	}
	seen.Add(policy.TCP, 443, netip.MustParseAddr("10.0.0.1"))
	u := Use{"web", policy.Ingress, policy.RuleID{Protocol: policy.AllProtocols, From: -1, To: -1,
		CIDR: policy.AnyIPv4}}
	r := run(t, text, Options{Observed: &Observed{Seen: map[Use]*Seen{u: seen}}})
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Narrower != "" })
	if i < 0 || !strings.Contains(r.Findings[i].Narrower, "protocol: tcp, ports: [22, 443], ") {
		t.Fatalf("nothing is narrower: %v", found(r))
	}
	rules := strings.Split(strings.TrimPrefix(r.Findings[i].Narrower, "- "), " - ")
	if len(rules) != 5 {
		t.Errorf("%d rules: %q", len(rules), rules)
	}
	for _, rule := range rules {
		narrow := strings.Replace(text, "{ description: x, protocol: all, "+both+
			", self: true, security_groups: [b], prefix_lists: [l] }", rule, 1)
		if _, _, err := file.Parse("p.yaml", []byte(narrow)); err != nil || narrow == text {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
