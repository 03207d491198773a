package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestVarFile: files of values are for every command that reads any format, and of two policies
// for the one that Terraform's files are.
func TestVarFile(t *testing.T) {
	const tf = `variable "office" {
  type = string
}
resource "aws_security_group" "web" {
  name        = "web"
  description = "Pages"
  ingress {
    from_port   = PORT
    to_port     = PORT
    protocol    = "tcp"
    cidr_blocks = [var.office]
  }
}
`
	dir := t.TempDir()
	for name, text := range map[string]string{
		"old/main.tf":         strings.ReplaceAll(tf, "PORT", "443"),
		"new/main.tf":         strings.ReplaceAll(tf, "PORT", "22"),
		"env/prod.tfvars":     "office = \"198.51.100.0/24\"\n",
		"env/all.tfvars.json": `{"office": "0.0.0.0/0"}`,
		"p.yaml": "version: 1\nsecurity_groups:\n  - name: web\n    description: Pages\n    ingress:\n" +
			"      - { protocol: tcp, ports: 443, cidr_blocks: [198.51.100.0/24] }\n    egress: []\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	const prod, all = " --var-file env/prod.tfvars", " --var-file env/all.tfvars.json"
	for args, want := range map[string]struct {
		code exitCode
		text string
	}{
		"import old":                                    {exitInvalid, "var.office is not in the files"},
		"import old" + prod:                             {exitOK, "cidr_blocks: [198.51.100.0/24]"},
		"import old" + prod + all:                       {exitOK, "cidr_blocks: [0.0.0.0/0]"},
		"import old" + all + prod:                       {exitOK, "cidr_blocks: [198.51.100.0/24]"},
		"import old --var office=10.0.0.0/8" + all:      {exitOK, "cidr_blocks: [10.0.0.0/8]"},
		"export aws old" + prod:                         {exitOK, `"CidrIp": "198.51.100.0/24"`},
		"audit new" + prod:                              {exitOK, "0 high"},
		"audit new" + all:                               {exitFindings, "open-sensitive"},
		"diff old new" + prod:                           {exitDifferent, "+ web ingress tcp 22 from"},
		"diff old p.yaml" + prod:                        {exitOK, "p.yaml permits the same as old"},
		"check p.yaml --elsewhere --same-as old" + prod: {exitOK, ""},
		"check p.yaml --elsewhere --same-as new" + prod: {exitDifferent, "tcp 22"},
		"check p.yaml" + prod:                           {exitUsage, "--var-file is about the policy"},
		"import p.yaml" + prod:                          {exitInvalid, "env/prod.tfvars"},
		"import old --var-file p.yaml":                  {exitUsage, "is no .tfvars file"},
		"import old --var-file none.tfvars":             {exitFailed, "none.tfvars"},
		"import old --format terrafrom":                 {exitUsage, `there is no format "terrafrom"`},
	} {
		var b, e strings.Builder
		p := &program{out: &b, err: &e, now: time.Now}
		code := p.run(strings.Fields(args))
		if code != want.code || !strings.Contains(b.String()+e.String(), want.text) {
			t.Errorf("%s: %d\n%s%s", args, code, b.String(), e.String())
		}
	}
}
