package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// sameBlocks reads each statement of a text as a simple block and by the library, and returns
// how many are simple, and how many are not.
func sameBlocks(t *testing.T, data string) (simples, others int) {
	t.Helper()
	e := newEvaluator(convert.NewDraft(convert.Options{}), convert.Options{})
	text := e.text(convert.Source{Name: "main.tf", Data: []byte(data)})
	for _, c := range chunks(text, func(policy.Pos, string, string, ...any) {}) {
		got := simpleBlock(&c)
		if got == nil {
			others++
			continue
		}
		simples++
		want := e.library(&c)
		if e.Failed() {
			t.Fatalf("the library refuses %q", c.data[c.begin:c.end])
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as\n%s\nand by the library as\n%s", c.data[c.begin:c.end], dump(got),
				dump(want))
		}
	}
	return simples, others
}

// dump shows a block.
func dump(b *block) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %q %v\n", b.kind, b.labels, b.pos)
	for name, a := range b.attrs {
		fmt.Fprintf(&out, "%s at %v: %#v\n", name, a.pos, a.Expression)
	}
	for _, inner := range b.blocks {
		out.WriteString(dump(inner))
	}
	return out.String()
}

// TestSimple: what simple reads is what the library reads, byte by byte and place by place.
func TestSimple(t *testing.T) {
	simples, others := 0, 0
	for _, pattern := range []string{"testdata/shapes/*.tf", "testdata/seeds/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n, m := sameBlocks(t, string(data))
			simples, others = simples+n, others+m
		}
	}
	t.Logf("%d of %d statements are simple", simples, simples+others)
	if simples < others/4 || others == 0 {
		t.Errorf("%d statements are simple, %d not", simples, others)
	}
	for _, one := range []struct {
		text   string
		simple bool
	}{
		{"resource \"a\" \"b\" {\n}\n", true},
		{"  resource a \"b\" { # first\n\n  // second\n\tx = 1 # third\n}", true},
		{"a \"b\" \"c\" {\n  x = [\n    \"1\", # one\n    a.b.c,\n\n  ]\n  y = []\n" +
			"  z = [ 1,2, true ]\n}\n", true},
		{"a {\n x = true\n y = null\n z = false\n w = a\n a-b = c-d.e-f\n b {\n  c \"d\" {\n" +
			"   e = 007\n  }\n }\n}\n", true},
		{"a {\n x = 12345678901234567890123456789012345678901234567890\n}\n", true},
		{"a {\n x = y[0]\n}\n", false},
		{"a {\n x = y.0\n}\n", false},
		{"a {\n x = y.*.z\n}\n", false},
		{"a {\n x = -1\n}\n", false},
		{"a {\n x = 1.5\n}\n", false},
		{"a {\n x = 1e3\n}\n", false},
		{"a {\n x = 1 + 1\n}\n", false},
		{"a {\n x = y == z\n}\n", false},
		{"a {\n x = f(1)\n}\n", false},
		{"a {\n x = \"${y}\"\n}\n", false},
		{"a {\n x = \"%{if y}z%{endif}\"\n}\n", false},
		{"a {\n x = \"a\\n\"\n}\n", false},
		{"a {\n x = \"ä\"\n}\n", false},
		{"a {\n x = [for y in z : y]\n}\n", false},
		{"a {\n x = [1 2]\n}\n", false},
		{"a {\n x = [[1]]\n}\n", false},
		{"a {\n x = { y = 1 }\n}\n", false},
		{"a {\n x = <<E\ny\nE\n}\n", false},
		{"a { x = 1 }\n", false},
		{"a {\n x = 1\n x = 2\n}\n", false},
		{"a {\n x = 1 y = 2\n}\n", false},
		{"a {\n x =\n 1\n}\n", false},
		{"a {\r\n x = 1\r\n}\r\n", false},
		{"a {\n /* x */ y = 1\n}\n", false},
	} {
		if n, m := sameBlocks(t, one.text); n+m != 1 || (n == 1) != one.simple {
			t.Errorf("%q: %d simple, %d not", one.text, n, m)
		}
	}
}

// FuzzSimple: no text is read otherwise than by the library.
func FuzzSimple(f *testing.F) {
	for _, seed := range converttest.Seeds(f, ".tf") {
		f.Add(string(seed))
	}
	f.Add("a {\n x = [\n  \"1\", a.b-c.d, 3,\n ] # y\n z {\n }\n}\n")
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) < 1<<14 {
			sameBlocks(t, data)
		}
	})
}
