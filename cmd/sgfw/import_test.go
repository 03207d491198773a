package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportTerraform: a folder with a module beside it, values of the environment and of a
// file that is named, and a group by its address.
func TestImportTerraform(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"live/main.tf": "module \"web\" {\n  source = \"../modules/web\"\n  cidr = var.cidr\n" +
			"  port = var.port\n}\nvariable \"cidr\" {}\nvariable \"port\" {\n  default = 1\n}\n",
		"live/other.tfvars": "port = 2\n",
		"live/named.tfvars": "port = 8443\n",
		"modules/web/main.tf": "variable \"cidr\" {}\nvariable \"port\" {}\n" +
			"resource \"aws_security_group\" \"this\" {\n  name = \"web\"\n  ingress {\n" +
			"    protocol = \"tcp\"\n    from_port = var.port\n    to_port = var.port\n" +
			"    cidr_blocks = [var.cidr]\n  }\n}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (code exitCode, out, said string) {
		var b, e strings.Builder
		code = (&program{out: &b, err: &e}).run(append([]string{"import"}, args...))
		return code, b.String(), e.String()
	}
	live := filepath.Join(dir, "live")
	code, out, said := run(live)
	if code != exitInvalid || out != "" || !strings.Contains(said, "var.cidr is not in the files") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
	t.Setenv("TF_VAR_cidr", "10.0.0.0/8")
	t.Setenv("TF_VAR_port", "3")
	code, out, said = run(live, filepath.Join(live, "named.tfvars"),
		"--attach", "eth0=module.web.aws_security_group.this")
	for _, want := range []string{"ports: 8443\n", "cidr_blocks: [10.0.0.0/8]\n", "egress: []\n",
		"- device: eth0\n    security_groups: [web]\n"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Fatalf("%d, no %q in\n%s\n%s", code, want, out, said)
		}
	}
	code, out, said = run(live, "--var", "port=9")
	if code != exitOK || !strings.Contains(out, "ports: 9\n") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
	if code, out, said = run(live); code != exitOK || !strings.Contains(out, "ports: 3\n") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
}
