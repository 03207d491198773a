package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"sgfw/cmd/internal/host/links"
)

// superfluous is a policy with a rule that another one covers.
const superfluous = `version: 1
security_groups:
  - name: web
    description: Pages
    ingress:
      - { description: All, protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] } # all
      # the office
      - { description: Office, protocol: tcp, ports: 443, cidr_blocks: [192.0.2.0/24] }
    egress: []
`

// TestAuditFix: the diff of a policy file is one that patch applies; the fixed file is valid and
// permits the same. Files of other formats are refused, with how to go on.
func TestAuditFix(t *testing.T) {
	tf, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"p.yaml": superfluous, "main.tf": string(tf),
		"good.yaml": auditPolicy,
		"dos.yaml":  strings.ReplaceAll(superfluous, "\n", "\r\n")} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args []string
		code exitCode
		said string
	}{
		{[]string{"main.tf"}, exitUsage, "main.tf is of format terraform"},
		{[]string{"main.tf"}, exitUsage, "sgfw import main.tf > sgfw.yaml"},
		{[]string{"good.yaml", "--ignore", "everybody-in-parts"}, exitOK, "nothing to mend"},
		{[]string{"p.yaml", "-o", "sarif"}, exitUsage, "without --output"},
		{[]string{"p.yaml", "--ignore", "shadowed"}, exitOK, "nothing to mend"},
		{[]string{"p.yaml"}, exitOK, "1 change: the same packets pass as before"},
	} {
		code, out, said := auditing(append(tt.args, "--fix")...)
		if flat := strings.Join(strings.Fields(said), " "); code != tt.code ||
			!strings.Contains(flat, tt.said) || (out != "") != strings.Contains(said, "1 change") {
			t.Errorf("%v: %d %s\n%s", tt.args, code, said, out)
		}
	}
	for _, name := range []string{"p.yaml", "dos.yaml"} {
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, out, _ := auditing("--fix", name)
		if !strings.Contains(out, " @@ shadowed: permitted by tcp 443 0.0.0.0/0\n") {
			t.Errorf("%s: the hunk does not say why:\n%s", name, out)
		}
		if _, err := exec.LookPath("patch"); err != nil {
			t.Skip("NOT TESTED: there is no patch to apply the diff with")
		}
		if err := os.WriteFile("old.yaml", before, 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("patch", "--binary", name)
		c.Stdin = strings.NewReader(out)
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v %s\n%s", err, said, out)
		}
		after, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(before), "\n") - strings.Count(string(after), "\n"); n != 2 ||
			strings.Contains(string(after), "office") {
			t.Errorf("%s: %d lines went:\n%s", name, n, after)
		}
		for _, args := range []string{"check " + name, "diff old.yaml " + name} {
			var b strings.Builder
			p := &program{out: &b, err: &b,
				links: func() (links.Snapshot, error) { return links.Snapshot{}, nil }}
			if code := p.run(strings.Fields(args)); code != exitOK {
				t.Errorf("%s: %d %s", args, code, b.String())
			}
		}
	}
}
