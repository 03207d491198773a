package terraform

import (
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// FuzzImport: any text is imported or refused, with positions in it, and what is imported
// is written, and exported, as the same policy.
func FuzzImport(f *testing.F) {
	for _, seed := range converttest.Seeds(f, ".tf", ".json") {
		f.Add(seed, uint8(0))
	}
	f.Add([]byte(`{"resource":{"aws_security_group":{"g":{"ingress":[{"self":true}]}}}}`), uint8(1))
	f.Add([]byte(planOf), uint8(2))
	f.Add([]byte("c = [\"10.0.0.0/8\"]\n"), uint8(3))
	for name, bomb := range bombs {
		if s := bomb(); len(s) < 4096 && name != "registry" {
			f.Add([]byte(s), uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		name := []string{"a.tf", "a.tf.json", "plan.json", "a.tfvars"}[kind%4]
		sources := []convert.Source{{Name: name, Data: data}}
		if kind%4 == 3 {
			sources = append(sources, convert.Source{Name: "a.tf", Data: []byte(
				ingress("cidr_blocks = var.c") + "variable \"c\" {}\n")})
		}
		r := Import(sources, convert.Options{})
		converttest.Check(t, sources, r)
		if r.Policy != nil && len(data) < 4096 {
			text, problems := Export(r.Policy)
			again := Import([]convert.Source{{Name: "export.tf", Data: text}}, convert.Options{})
			if again.Policy == nil && problems.Err() == nil {
				t.Fatalf("an export is refused: %v\n%s", again.Problems, text)
			}
		}
	})
}
