package mend

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/file"
)

// TestFix: the diff, applied by patch, is a policy with the narrower rules in place of the wide
// ones and nothing else changed.
func TestFix(t *testing.T) {
	const head = "version: 1\nsecurity_groups:\n  - name: web\n    description: Pages\n    ingress:\n"
	for name, tt := range map[string]struct{ text, want string }{
		"flow": {
			head + "      - { description: It's one, protocol: tcp, ports: 1000-2000, self: true }\n" +
				"    egress: []\n",
			head + "      - { description: 'It''s one', protocol: tcp, ports: [1010], self: true }\n" +
				"    egress: []\n"},
		"block": {
			head + "      # why\n      - protocol: tcp\n        ports: 1000-2000\n        # inside\n\n" +
				"        self: true\n\n      - protocol: udp\n        ports: 53\n        self: true\n",
			head + "      # why\n      - { protocol: tcp, ports: [1010], self: true }\n\n" +
				"      - protocol: udp\n        ports: 53\n        self: true\n"},
		"last line": {
			head + "      -   protocol: tcp\n          ports: 1000-2000\n          self: true",
			head + "      - { protocol: tcp, ports: [1010], self: true }\n"},
		"two": {
			head + "      - { protocol: tcp, ports: 1000-2000, self: true }\n" +
				"      - { protocol: tcp, ports: 1000-3000, self: true }\n    egress: []\n",
			head + "      - { protocol: tcp, ports: [1010], self: true }\n" +
				"      - { protocol: tcp, ports: 1000-3000, self: true }\n    egress: []\n"},
		"tags": {
			head + "      - { protocol: tcp, ports: 1000-2000, self: true, tags: { a: b } }\n", ""},
		"one line": {
			"version: 1\nsecurity_groups:\n  - { name: web, description: x, ingress: [{ protocol: tcp, " +
				"ports: 1000-2000, self: true }] }\n", ""},
	} {
		use := func(to int) audit.Use {
			return audit.Use{Group: "web", Direction: policy.Ingress, Rule: policy.RuleID{
				Protocol: policy.TCP, From: 1000, To: to, Kind: policy.PeerGroup, Name: "web"}}
		}
		one, two := &audit.Seen{}, &audit.Seen{}
		one.Add(policy.TCP, 1010, netip.MustParseAddr("10.0.0.1"))
		two.Add(policy.TCP, 1010, netip.MustParseAddr("10.0.0.1"))
		two.Add(policy.TCP, 2010, netip.MustParseAddr("10.0.0.1"))
		o := audit.Options{Observed: &audit.Observed{
			Hits: map[audit.Use]uint64{use(2000): 1, use(3000): 2},
			Seen: map[audit.Use]*audit.Seen{use(2000): one, use(3000): two}}}
		d := mended(t, tt.text, o)
		diff, n := d.Text, len(d.Changes)
		if tt.want == "" {
			if n != 0 || diff != nil {
				t.Errorf("%s: %d\n%s", name, n, diff)
			}
			continue
		}
		got := patched(t, tt.text, diff)
		if got != tt.want {
			t.Errorf("%s: %d\n%s\ngives\n%s", name, n, diff, got)
		}
		if _, _, err := file.Parse("p.yaml", []byte(got)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// mended is the diff for an audit of a text.
func mended(t *testing.T, text string, o audit.Options) *Diff {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	o.Texts = map[string][]byte{"p.yaml": []byte(text)}
	d, err := Policy(p, "p.yaml", []byte(text), audit.Run(p, o).Mends())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// patched applies a diff as people do, with each of the programs that they do it with.
func patched(t *testing.T, text string, diff []byte) string {
	t.Helper()
	var results []string
	for _, args := range [][]string{{"git", "apply", "-p0", "-"}, {"patch", "-p0"},
		{"patch", "p.yaml"}} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Logf("NOT TESTED: there is no %s to apply the diff with", args[0])
			continue
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "p.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(args[0], args[1:]...)
		c.Dir, c.Stdin = dir, strings.NewReader(string(diff))
		if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "fuzz") ||
			strings.Contains(string(out), "offset") {
			t.Fatalf("%v: %v: %s\n%s", args, err, out, diff)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, string(got))
	}
	if len(results) == 0 {
		t.Skip("NOT TESTED: there is nothing to apply the diff with")
	}
	for _, r := range results {
		if r != results[0] {
			t.Errorf("programs differ:\n%s\n%s", r, results[0])
		}
	}
	return results[0]
}
