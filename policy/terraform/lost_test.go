package terraform

import (
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// TestLostIsWritten: what is not in the policy is told in it, not on the screen alone.
func TestLostIsWritten(t *testing.T) {
	const group = `resource "aws_security_group" "web" {
  name = "web"
  ingress {
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["10.0.0.0/8"]
  }
`
	for text, want := range map[string]string{
		group + "}\nmodule \"other\" {\n  source = \"git::https://example.com/groups.git\"\n}\n": "" +
			"main.tf:10:1: module other is not read",
		group + "  ingress {\n    protocol = \"tcp\"\n    from_port = 22\n    to_port = 22\n" +
			"    cidr_blocks = []\n  }\n}\n": "" +
			"main.tf:9:3: the rule is left out: its lists of peers are empty",
	} {
		r := Import([]convert.Source{{Name: "main.tf", Data: []byte(text)}}, convert.Options{})
		if r.Policy == nil {
			t.Fatal(r.Problems)
		}
		written := string(file.Write(r.Policy, r.Comments))
		// Comments are folded where lines become long.
		if !strings.Contains(strings.Join(strings.FieldsFunc(written, func(r rune) bool {
			return r == ' ' || r == '\n' || r == '#'
		}), " "), want) {
			t.Errorf("no %q in\n%s", want, written)
		}
	}
}
