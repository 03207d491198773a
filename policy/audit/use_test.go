package audit

import (
	"slices"
	"testing"

	"sgfw/policy/file"
)

// TestElsewhere: where a policy has some of what it came from, a group that nobody in it has
// is no finding, and neither is a list that was not here; a list that is empty is one.
func TestElsewhere(t *testing.T) {
	const text = `version: 1
prefix_lists:
  - { name: s3, entries: [] }
  - { name: none, max_entries: 1, entries: [] }
security_groups:
  - name: web
    description: Pages
    ingress:
      - { description: a, protocol: tcp, ports: 1, security_groups: [lb] }
      - { description: b, protocol: tcp, ports: 2, prefix_lists: [s3] }
      - { description: c, protocol: tcp, ports: 3, prefix_lists: [none] }
    egress: []
  - { name: lb, description: Balancers, ingress: [], egress: [] }
`
	const peer = "peers:\n  - { name: far, addresses: [10.0.0.1], security_groups: [web] }\n"
	const here = "interfaces:\n  - { device: eth0, security_groups: [web] }\n"
	for name, c := range map[string]struct {
		more string
		o    Options
		want []string
	}{
		"alone":     {"", Options{}, []string{stalePeer, stalePeer}},
		"whole":     {peer, Options{}, []string{stalePeer, stalePeer, stalePeer, unusedGroup}},
		"partial":   {peer, Options{Partial: true}, []string{stalePeer, stalePeer}},
		"a list is": {peer, Options{Partial: true, Elsewhere: []string{"s3"}}, []string{stalePeer}},
		"both are":  {"", Options{Elsewhere: []string{"s3", "none"}}, nil},
		"this machine": {here, Options{Partial: true},
			[]string{stalePeer, stalePeer, stalePeer, unusedGroup}},
	} {
		p, problems, err := file.Parse("p.yaml", []byte(text+c.more))
		if err != nil {
			t.Fatal(problems)
		}
		var got []string
		for _, f := range Run(p, c.o).Findings {
			if f.Check.Code == stalePeer || f.Check.Code == unusedGroup {
				got = append(got, f.Check.Code)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
