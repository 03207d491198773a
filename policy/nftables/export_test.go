package nftables

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
	"sgfw/policy/member"
	"sgfw/policy/space"
)

// exported are the policies that are exported in tests, with the rulesets.
func exported(t *testing.T) (names []string, policies []*policy.Policy, texts []string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/export/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, problems, err := file.Parse(path, data)
		if err != nil {
			t.Fatal(problems, err)
		}
		text, problems := Export(p)
		if text == nil {
			t.Fatal(path, problems)
		}
		names, policies = append(names, path), append(policies, p)
		texts = append(texts, string(text))
	}
	return names, policies, texts
}

// TestExport: the ruleset is the one in the golden file.
func TestExport(t *testing.T) {
	names, _, texts := exported(t)
	for i, name := range names {
		converttest.Compare(t, strings.TrimSuffix(name, ".yaml")+".nft", texts[i])
	}
}

// TestExportLoads: nft and the kernel take the ruleset, twice, and what they then say of it is
// the same policy again: exactly the same may pass on every device of this machine.
func TestExportLoads(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil || os.Getuid() != 0 {
		t.Skip("NOT TESTED that nft takes exported rulesets: it needs nft (nftables) and root")
	}
	names, policies, texts := exported(t)
	for i, name := range names {
		path := filepath.Join(t.TempDir(), "ruleset.nft")
		if err := os.WriteFile(path, []byte(texts[i]), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("unshare", "-n", "sh", "-c",
			`nft -f "$0" && nft -f "$0" && nft -j list ruleset`,
			path)
		out, err := c.Output()
		if err != nil {
			var said []byte
			if e, ok := err.(*exec.ExitError); ok {
				said = e.Stderr
			}
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
		r := Import([]convert.Source{{Name: "ruleset", Data: out}}, convert.Options{})
		if r.Policy == nil {
			t.Fatalf("%s: %v", name, r.Problems)
		}
		if a, b := policies[i].Settings.ICMPErrors, r.Policy.Settings.ICMPErrors; a != b {
			t.Errorf("%s: ICMP errors are %s, and %s again", name, a, b)
		}
		for _, n := range policies[i].Interfaces {
			if n.Mode == policy.ModeHost {
				same(t, name+" "+n.Device, permitted(policies[i], n.Groups),
					permitted(r.Policy, groupsOf(r.Policy, n.Device)))
			}
		}
	}
}

// groupsOf are the groups of a device in an imported policy.
func groupsOf(p *policy.Policy, device string) []string {
	for _, n := range p.Interfaces {
		if n.Device == device {
			return n.Groups
		}
	}
	return []string{"nftables"}
}

// permitted is what groups permit in each direction. Groups as peers are their members.
func permitted(p *policy.Policy, names []string) (out [2]space.Set) {
	members := member.Resolve(p, member.Facts{})
	r := space.Read(p, members)
	var groups []*policy.Group
	for _, name := range names {
		groups = append(groups, p.Group(name))
	}
	for dir := range policy.Direction(2) {
		for _, g := range groups {
			for _, rule := range g.Rules(dir) {
				if rule.Peer.Kind != policy.PeerGroup {
					out[dir] = out[dir].Union(r.Rule(&rule))
					continue
				}
				for _, c := range members.Addresses(rule.Peer.Name) {
					one := rule
					one.Peer = policy.Peer{Kind: policy.PeerCIDR, CIDR: c}
					out[dir] = out[dir].Union(r.Rule(&one))
				}
			}
		}
	}
	return out
}

func same(t *testing.T, what string, a, b [2]space.Set) {
	t.Helper()
	for dir := range policy.Direction(2) {
		if !a[dir].Equal(b[dir]) {
			t.Errorf("%s %s: lost %v, won %v", what, dir, a[dir].Minus(b[dir]).Lines(),
				b[dir].Minus(a[dir]).Lines())
		}
	}
	if a[0].Empty() {
		t.Errorf("%s: nothing may pass, which shows little", what)
	}
}

// TestExportRefused: what would mean something else is not written.
func TestExportRefused(t *testing.T) {
	for text, want := range map[string]string{
		"security_groups: [{ name: a }]": "no device has groups",
		"security_groups: [{ name: a }]\n" +
			"interfaces: [{ device: eth0, view: wire, security_groups: [a] }]": "on the wire",
	} {
		p, problems, err := file.Parse("p", []byte("version: 1\n"+text+"\n"))
		if err != nil {
			t.Fatal(problems)
		}
		if out, problems := Export(p); out != nil || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %s %v", text, out, problems)
		}
	}
}
