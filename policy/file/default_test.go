package file

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/policy"
	"sgfw/test/parity"
)

// TestDefaultGroup: interfaces that name no group have the default group, as AWS
// creates it but for what the file says of it.
func TestDefaultGroup(t *testing.T) {
	parity.Proves(t, "D1", "D2", "R48")
	any4, any6, self := "all 0.0.0.0/0", "all ::/0", "all group default"
	for _, tc := range []struct {
		name, text      string
		groups          []string // of eth0
		ingress, egress []string // of the default group
	}{
		{"no groups", "interfaces: [{ device: eth0 }]", []string{"default"}, []string{self},
			[]string{any4, any6}},
		{"by name", "interfaces: [{ device: eth0, security_groups: [web, default] }]",
			[]string{"web", "default"}, []string{self}, []string{any4, any6}},
		{"half of its rules", "interfaces: [{ device: eth0 }]\ndefault_security_group: { egress: [] }",
			[]string{"default"}, []string{self}, nil},
		{"the other half", "interfaces: [{ device: eth0 }]\ndefault_security_group: { ingress: [{ " +
			"protocol: tcp, ports: 22, self: true }] }",
			[]string{"default"}, []string{"tcp 22 group default"}, []string{any4, any6}},
		{"attached nowhere, and changed",
			"interfaces: [{ device: eth0, security_groups: [web] }]\ndefault_security_group: { ingress: " +
				"[], egress: [] }", []string{"web"}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, problems, err := Parse("f",
				[]byte("version: 1\nsecurity_groups: [{ name: web, description: x }]\n"+tc.text+"\n"))
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			g := p.Group(policy.DefaultName)
			if g == nil || !g.Default {
				t.Fatalf("the default group: %+v", g)
			}
			rules := func(d policy.Direction) (out []string) {
				for _, r := range g.Rules(d) {
					out = append(out, r.String())
				}
				return out
			}
			if diff := cmp.Diff([][]string{tc.groups, tc.ingress, tc.egress},
				[][]string{p.Interfaces[0].Groups, rules(policy.Ingress), rules(policy.Egress)}); diff != "" {
				t.Errorf("groups, ingress, egress (-want +got):\n%s", diff)
			}
		})
	}
	// A policy that never mentions the group does not have it.
	p, _, err := Parse("f", []byte(
		"version: 1\nsecurity_groups: [{ name: web, description: x }]\ninterfaces: [{ device: eth0, "+
			"security_groups: [web] }]\n"))
	if err != nil || p.Group(policy.DefaultName) != nil {
		t.Errorf("%v, %+v", err, p.Group(policy.DefaultName))
	}
}
