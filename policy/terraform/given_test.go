package terraform

import (
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// TestUnasked: a value that nothing asks for is told, with the name that was meant.
func TestUnasked(t *testing.T) {
	text := group("") + "variable \"environment\" {\n  default = \"prod\"\n}\n" +
		"locals {\n  a = data.aws_vpc.v.cidr_block\n}\n" +
		"resource \"aws_security_group\" \"h\" {\n  name = \"h\"\n  ingress {\n    from_port = 1\n" +
		"    to_port = 1\n    protocol = \"tcp\"\n    cidr_blocks = [local.a]\n  }\n}\n"
	for name, want := range map[string]string{
		"environment":  "",
		"enviroment":   "did you mean environment?",
		"data.x.y.z":   "variables are those of the folder itself",
		"limits.other": "variables are those",
	} {
		r := Import([]convert.Source{{Name: "a.tf", Data: []byte(text)}}, convert.Options{
			Vars: map[string]string{name: "x", "data.aws_vpc.v.cidr_block": "10.0.0.0/8"}})
		said := ""
		for _, p := range r.Problems {
			if strings.HasPrefix(p.Message, "--var ") && p.Severity == policy.SeverityNotice {
				said += p.Message + " (" + p.Hint + ")"
			}
		}
		if r.Policy == nil || (said == "") != (want == "") || !strings.Contains(said, want) ||
			strings.Contains(said, "cidr_block:") {
			t.Errorf("%s: %q %v", name, said, r.Problems)
		}
	}
	bare := Import([]convert.Source{{Name: "a.tf", Data: []byte(group(""))}},
		convert.Options{Vars: map[string]string{"a": "b"}})
	if len(bare.Problems) != 1 || bare.Problems[0].Hint != "there are no variables" {
		t.Errorf("%v", bare.Problems)
	}
}

// TestOutside: where a function that is not evaluated is in the way, it is named.
func TestOutside(t *testing.T) {
	for call, text := range map[string]string{
		"file": group("  dynamic \"ingress\" {\n    for_each = jsondecode(file(\"r.json\"))\n" +
			"    content {\n      from_port = 1\n    }\n  }"),
		"yamldecode": ingress("cidr_blocks = local.a") +
			"locals {\n  a = yamldecode(templatefile(\"r.yaml\", {}))\n}\n",
		"fileset": "resource \"aws_security_group\" \"g\" {\n" +
			"  count = length(fileset(\".\", \"*\"))\n}\n",
	} {
		r := Import([]convert.Source{{Name: "a.tf", Data: []byte(text)}}, convert.Options{})
		if err := r.Problems.Err(); err == nil || !strings.Contains(err.Error(),
			": "+call+"() is not evaluated, so this is not known") {
			t.Errorf("%s: %v", call, r.Problems)
		}
	}
}

// TestNothing: a configuration without groups is told; values without a configuration are
// not one.
func TestNothing(t *testing.T) {
	for name, c := range map[string]struct {
		file, text, want string
		fails            bool
	}{
		"empty":   {"a.tf", "", "no security group is in the files", false},
		"network": {"a.tf", "resource \"aws_vpc\" \"v\" {\n}\n", "no security group is", false},
		"values":  {"a.tfvars", "a = 1\n", "there is no configuration", true},
		"state":   {"stdin", `{"format_version": "1.0"}`, "no security group is", false},
		"group":   {"a.tf", group(""), "", false},
		"broken":  {"a.tf", "resource {\n", "a.tf:1:", true},
	} {
		r := Import([]convert.Source{{Name: c.file, Data: []byte(c.text)}}, convert.Options{})
		said := ""
		for _, p := range r.Problems {
			said += p.Error() + "\n"
		}
		if (r.Policy == nil) != c.fails || !strings.Contains(said, c.want) ||
			c.want == "" && said != "" || name == "broken" && strings.Contains(said, "no security") {
			t.Errorf("%s: %q %v", name, said, r.Policy)
		}
	}
}
