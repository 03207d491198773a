package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExport: what is exported is imported as the same policy, and what is no format or does
// not go is refused.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "sgfw.yaml")
	text := "version: 1\n\nsecurity_groups:\n  - name: web\n    description: Pages\n    ingress:\n" +
		"      - protocol: tcp\n        ports: 443\n        cidr_blocks: [0.0.0.0/0]\n    egress: []\n"
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code exitCode, out, said string) {
		var b, e strings.Builder
		code = (&program{out: &b, err: &e}).run(args)
		return code, b.String(), e.String()
	}
	code, out, said := run("export", "cloudformation", own)
	if code != exitOK || !strings.Contains(out, "Type: AWS::EC2::SecurityGroup\n") ||
		!strings.Contains(said, "the parameter Network") {
		t.Fatalf("%d\n%s\n%s", code, out, said)
	}
	template := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(template, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, said = run("import", template)
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "#") {
			kept = append(kept, line)
		}
	}
	if code != exitOK || strings.Join(kept, "") != text {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
	if code, out, said = run("export", "morse", own); code != exitUsage || out != "" {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
	closed := text + "\ndefault_security_group:\n  ingress: []\n"
	if err := os.WriteFile(own, []byte(closed), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, said = run("export", "cloudformation", own); code != exitInvalid || out != "" ||
		!strings.Contains(said, "cannot take the rule") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
}
