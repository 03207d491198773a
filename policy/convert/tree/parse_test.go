package tree

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// show writes a tree with the positions of its parts.
func show(n *Node) string {
	at := fmt.Sprintf("%s@%d:%d", n.Tag, n.Line, n.Col)
	switch n.Kind {
	case Null:
		return "null" + at
	case Text:
		return fmt.Sprintf("%q%s", n.Text, at)
	case Number, Bool:
		return n.Text + at
	}
	var parts []string
	if n.Kind == List {
		for _, item := range n.Items {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, " ") + "]" + at
	}
	for k, v := range n.Fields() {
		parts = append(parts, show(k)+"="+show(v))
	}
	return "{" + strings.Join(parts, " ") + "}" + at
}

// TestParse: what texts are, and where their parts stand.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": [1, "é\n", true, null],` + "\n" + ` "b": {}}`: `{"a"@1:2=[1@1:8 "é\n"@1:11 true@1:18 ` +
			`null@1:24]@1:7 "b"@2:2={}@2:7}@1:1`,
		`["é", -1.5e3]`:           `["é"@1:2 -1.5e3@1:7]@1:1`,
		"a: 1\nb: [x, '1']\n":     `{"a"@1:1=1@1:4 "b"@2:1=["x"@2:5 "1"@2:8]@2:4}@1:1`,
		"a: !Ref x\nb: !If [1]\n": `{"a"@1:1="x"!Ref@1:4 "b"@2:1=[1@2:9]!If@2:4}@1:1`,
		"é: {é: !Sub x}":          `{"é"@1:1={"é"@1:5="x"!Sub@1:8}@1:4}@1:1`,
		"a: &x [1]\nb: *x\n":      `{"a"@1:1=[1@1:8]@1:4 "b"@2:1=[1@1:8]@2:4}@1:1`,
		"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}": `{"a"@1:1={"b"@1:8=1@1:11 "c"@1:14=2@1:17}@1:4 ` +
			`"d"@2:1={"c"@2:13=3@2:16 "b"@1:8=1@1:11}@2:4}@1:1`,
		"a: ~\nb:\n1: 0010\nd: 2010-09-09": `{"a"@1:1=null@1:4 "b"@2:1=null@2:3 "1"@3:1=0010@3:4 ` +
			`"d"@4:1="2010-09-09"@4:4}@1:1`,
		"{a: 1}": `{"a"@1:2=1@1:5}@1:1`,
		"[\"a\", b]": "1:7: not JSON: a value is expected here (hint: texts " +
			"stand in double quotes)",
		`{"a": 1,}`: "1:9: not JSON: a key is expected here (hint: no " +
			"comma stands before })",
		`{"a": [1,]}`: "1:10: not JSON: a value is expected here (hint: no " +
			"comma stands before ])",
		`{"a": 01}`:    `1:7: not JSON: "01" is no number`,
		`{"a" 1}`:      `1:6: not JSON: a colon is expected behind key "a"`,
		`{"a": 1 "b"}`: "1:9: not JSON: a comma or } is expected here",
		`{"a": "b}`:    "1:7: a text is not closed by double quotes (hint: is the file whole?)",
		`{"a": `:       "1:7: the text ends in the middle of it (hint: is the file whole?)",
		`{"a":1} {}`: "1:9: something follows the end of the document " +
			"(hint: one document a file)",
		"{\"a\":1,\n \"a\":2}": `2:2: key "a" is there already, see line 1 (hint: remove one)`,
		"a: 1\nb: 2\na: 3\n":   `3:1: key "a" is there already, see line 1 (hint: remove one)`,
		"a: &x [*x]\n":         "1:8: alias *x stands for something that has it",
		"a: 1\n---\nb: 2\n":    "2:1: a second YAML document begins (hint: one document a file)",
		"a:\n  - {b: 1, c: ::/0}\n": "2:15: between brackets or braces a value cannot begin with a " +
			`colon (hint: put it in quotes, such as "::/0")`,
		"":              "1:1: the file is empty",
		"~":             "1:1: the file is empty",
		"---\n":         "1:1: the file is empty",
		"? [1, 2]\n: 3": "1:3: a key must be text",
		"a: b: c":       `1:4: a text without quotes has a colon (hint: put it in quotes: "b: c")`,
		"a: [1\nb: %": "2: not YAML: found character that cannot start any token (hint: check the " +
			"indentation and quotes of this line and those around it; quote values that " +
			"begin with * & % @ " +
			"or `)",
		"a: \xff":           "1:4: this is not UTF-8 (hint: save the file as UTF-8)",
		"{\"a\": \"\xff\"}": "1:8: this is not UTF-8 (hint: save the file as UTF-8)",
	} {
		n, problems := Parse("", []byte(text))
		got := problems.Error()
		if n != nil {
			got = show(n)
		}
		if got != want || (n == nil) != (len(problems) > 0) {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

// FuzzParse: JSON is taken as the standard library takes it, but for keys that stand twice and
// what is deep; and what YAML is taken has its parts within the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"a": [1, "é\n", true, null], "b": {}}`, "a: &x [1]\nb: *x\n",
		"a: !Ref x\nb: !If [1]\n<<: {c: 1}", `["a",{"\ud800":-0}]`, "? a\n: b\n",
		"%YAML 1.1\n---\na", "!"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, problems := Parse("f", data)
		if (n == nil) != (len(problems) > 0) {
			t.Fatalf("%v %v", n, problems)
		}
		if looksLikeJSON(data) {
			if n != nil && !json.Valid(data) {
				t.Fatal("taken, and no JSON")
			}
			if n == nil && json.Valid(data) && !strings.Contains(problems.Error(), "already") &&
				!strings.Contains(problems.Error(), "deeper") &&
				!strings.Contains(problems.Error(), "UTF-8") {
				t.Fatal(problems)
			}
		}
		lines := strings.Split(string(data), "\n")
		within := func(line, col int) {
			if line > len(lines) || line > 0 && line <= len(lines) && col > len(lines[line-1])+1 {
				t.Fatalf("%d:%d is outside the text", line, col)
			}
		}
		for _, p := range problems {
			within(p.Pos.Line, p.Pos.Col)
		}
		if n != nil && looksLikeJSON(data) {
			parted(t, n, data)
		}
		var walk func(n *Node)
		walk = func(n *Node) {
			within(int(n.Line), int(n.Col))
			for _, item := range n.Items {
				walk(item)
			}
		}
		if n != nil {
			walk(n)
		}
	})
}

// parted holds the parts of a document against the whole of it.
func parted(t *testing.T, whole *Node, data []byte) {
	var got []string
	r := Reader{Listed: func(key string) bool { return key == "a" }, Visit: func(p Part) bool {
		got = append(got, p.Key+show(p.Node))
		return true
	}}
	if bad := r.Read(data); bad != nil {
		if !strings.Contains(bad.Message, "deeper") && !strings.Contains(bad.Message, "more than") {
			t.Fatal(bad)
		}
		return
	}
	var want []string
	if whole.Kind == List {
		for _, item := range whole.Items {
			want = append(want, show(item))
		}
	} else {
		for k, v := range whole.Fields() {
			if k.Text == "a" && v.Kind == List {
				for _, item := range v.Items {
					want = append(want, "a"+show(item))
				}
				v.Items = nil
			}
		}
		want = append(want, show(whole))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("parts %q, want %q", got, want)
	}
}
