package audit

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
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
		use := func(to int) Use {
			return Use{"web", policy.Ingress, policy.RuleID{Protocol: policy.TCP, From: 1000, To: to,
				Kind: policy.PeerGroup, Name: "web"}}
		}
		one, two := &Seen{}, &Seen{}
		one.Add(policy.TCP, 1010, netip.MustParseAddr("10.0.0.1"))
		two.Add(policy.TCP, 1010, netip.MustParseAddr("10.0.0.1"))
		two.Add(policy.TCP, 2010, netip.MustParseAddr("10.0.0.1"))
		r := run(t, tt.text, Options{Observed: &Observed{Hits: map[Use]uint64{use(2000): 1, use(3000): 2},
			Seen: map[Use]*Seen{use(2000): one, use(3000): two}}})
		if !has(r, wideUse) {
			t.Fatalf("%s: nothing is wider: %v", name, found(r))
		}
		diff, n := Fix(r, "p.yaml", []byte(tt.text), func(text []byte) bool {
			_, _, err := file.Parse("p.yaml", text)
			return err == nil
		})
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

// patched applies a diff as people do.
func patched(t *testing.T, text string, diff []byte) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("NOT TESTED: there is no git to apply the diff with")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("git", "apply", "-p0", "-")
	c.Dir, c.Stdin = dir, strings.NewReader(string(diff))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, diff)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}
