package bulk

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/formats"
)

// read imports an account that was written in a format.
func read(t *testing.T, f Format, a Account) *policy.Policy {
	t.Helper()
	files := map[string]*bytes.Buffer{}
	err := f.Write(a, func(name string) io.Writer {
		files[name] = new(bytes.Buffer)
		return files[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	var sources []convert.Source
	for name, text := range files {
		sources = append(sources, convert.Source{Name: name, Data: text.Bytes()})
	}
	r := formats.Import("", sources, convert.Options{})
	if r.Policy == nil {
		t.Fatalf("%s: %.2000v", f.Name, r.Problems)
	}
	return r.Policy
}

// plain is a policy with the groups of the account alone, under the names of the account, and
// how many rules they have. Importers of firewalls call a group after them and its device, and
// have one more without rules, for other devices.
func plain(p *policy.Policy) (q policy.Policy, rules int) {
	q = policy.Policy{PrefixLists: p.PrefixLists, Settings: p.Settings, Quotas: p.Quotas}
	for _, g := range p.Groups {
		n := len(g.Ingress) + len(g.Egress)
		if n == 0 {
			continue
		}
		rules += n
		if _, number, ok := strings.Cut(g.Name, "-veth"); ok {
			g.Name = "service-" + number
		}
		q.Groups = append(q.Groups, g)
	}
	return q, rules
}

// TestFormats: each format says the same, and in as many rules.
func TestFormats(t *testing.T) {
	const groups, each = 20, 60
	account := New(groups, each)
	onMachine := New(groups, each)
	for _, rules := range onMachine.Groups {
		for i := range rules {
			rules[i].Group = -1
		}
	}
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			base, want := account, groups*each
			if !f.Cloud {
				base = onMachine
			}
			if f.Name == "firewalld" { // nothing but ingress; all may go out, in both families
				want = groups * (each*5/6 + 2)
			}
			p, rules := plain(read(t, f, account))
			if rules != want || len(p.Groups) != groups {
				t.Errorf("%d rules in %d groups", rules, len(p.Groups))
			}
			q, _ := plain(read(t, Formats()[0], base))
			if f.Name == "firewalld" {
				for i := range q.Groups {
					q.Groups[i].Egress = p.Groups[0].Egress
				}
			}
			d := compare.Policies(&q, &p)
			for _, part := range d.Groups {
				t.Errorf("group %q, once %q", part.Name, part.Was)
			}
			after, _ := plain(read(t, f, account.Changed()))
			if n := len(compare.Policies(&p, &after).Groups); n != groups/10 {
				t.Errorf("%d groups are another after a change", n)
			}
		})
	}
}
