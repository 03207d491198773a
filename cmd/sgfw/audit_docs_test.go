package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuditPage: every command line of docs/audit.md is one that the program takes.
func TestAuditPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	tf, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("infra", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.tf": string(tf), "infra/main.tf": string(tf),
		"sgfw.yaml": auditPolicy, "drop_v4.json": `{"cidr":"5.6.0.0/16","sblid":"SBL1"}` + "\n"} {
		if err := os.WriteFile(filepath.FromSlash(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for line := range strings.Lines(string(page)) {
		_, command, found := strings.Cut(strings.ReplaceAll(line, "sgfw-bin audit ", "sgfw audit "),
			"sgfw audit ")
		if !found || strings.Contains(line, "`s") || strings.Contains(line, "audit -\n") {
			continue
		}
		command, _, _ = strings.Cut(command, ">")
		command, _, _ = strings.Cut(command, " | ")
		args := strings.Fields(strings.ReplaceAll(command, "/etc/sgfw/", ""))
		n++
		if strings.Contains(line, "sudo sgfw audit") { // asks the daemon
			if code, out, said := auditing(append(args, "--socket", "none.sock")...); code != exitNoDaemon {
				t.Errorf("%v: %d %s %s", args, code, out, said)
			}
			continue
		}
		code, out, said := auditing(args...)
		if code != exitFindings && code != exitOK || out == "" {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
	if n < 6 {
		t.Errorf("only %d command lines", n)
	}
}

// TestAuditAgainstImports: each shape that importers are tested with is audited without a
// finding that has no place, and what a comment hides is hidden in each format with comments.
func TestAuditAgainstImports(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"terraform/testdata/shapes/*.tf", "awsjson/testdata/*/*.json",
		"cloudformation/testdata/shapes/*.yaml", "cloudformation/testdata/shapes/*.json"} {
		some, err := filepath.Glob("../../policy/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, some...)
	}
	audited := 0
	for _, path := range paths {
		code, out, said := auditing(path, "-o", "json")
		switch code {
		case exitInvalid: // a shape that needs variables or several files
			continue
		case exitOK, exitFindings:
		default:
			t.Errorf("%s: %d %s", path, code, said)
			continue
		}
		audited++
		for check, where := range codesOf(t, out) {
			if !strings.HasPrefix(where, "[") && check != "near-quota" {
				t.Errorf("%s: %s has no place: %s", path, check, where)
			}
			if strings.HasPrefix(where, "[0") {
				t.Errorf("%s: %s is on no line: %s", path, check, where)
			}
		}
	}
	if audited < 40 {
		t.Errorf("only %d of %d shapes were audited", audited, len(paths))
	}
}

// TestAuditIgnoresInTerraform: comments work in HCL, on a rule and on a resource.
func TestAuditIgnoresInTerraform(t *testing.T) {
	tf, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	ignore := "# sgfw:ignore open-sensitive until 2027-01-31: a test\n"
	for name, text := range map[string]string{
		"rule": strings.Replace(string(tf), "  # Allow incoming SSH\n", "  "+ignore+
			"  # Allow incoming SSH\n", 1),
		"line":     strings.Replace(string(tf), "  ingress {\n", "  ingress { "+ignore, 1),
		"slashes":  strings.Replace(string(tf), "  # Allow incoming SSH\n", "  //"+ignore[1:], 1),
		"resource": ignore + string(tf),
	} {
		if err := os.WriteFile("main.tf", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, said := auditing("main.tf", "-o", "json")
		if found := codesOf(t, out); code != exitOK || found["open-sensitive"] != "" ||
			found["bad-ignore"] != "" {
			t.Errorf("%s: %d %v %s", name, code, found, said)
		}
	}
}
