package formats

import (
	"strings"
	"testing"

	"sgfw/policy/convert"
)

// TestWhatAWSWouldRefuse: it is a notice in each format of AWS, at its place, and what is
// written can be imported again.
func TestWhatAWSWouldRefuse(t *testing.T) {
	text := "version: 1\nsecurity_groups:\n" +
		"- { name: Büro, description: it's, vpc_id: vpc-1a2b3c4d }\n"
	for _, name := range []string{"aws", "terraform", "cloudformation"} {
		r := Import("", []convert.Source{{Name: "p", Data: []byte(text)}}, convert.Options{})
		out, problems := Export(name, &r)
		if out == nil || problems.Err() != nil {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		for _, want := range []string{"p:3:3: notice: AWS would refuse group name \"Büro\"",
			"notice: AWS would refuse the description"} {
			if !strings.Contains(problems.Error(), want) {
				t.Errorf("%s: nothing says %q:\n%v", name, want, problems)
			}
		}
		again := Import(name, []convert.Source{{Name: "again", Data: out}}, convert.Options{})
		if again.Policy == nil || again.Policy.Groups[0].Name != "Büro" {
			t.Errorf("%s: %v\n%s", name, again.Problems, out)
		}
	}
}
