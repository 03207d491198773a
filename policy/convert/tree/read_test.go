package tree

import (
	"fmt"
	"strings"
	"testing"
)

// read returns the parts of a text in one line each, and what is wrong with it.
func read(text string) (parts []string, problem string) {
	r := Reader{File: "f", Listed: func(key string) bool { return key == "Items" },
		Visit: func(p Part) bool {
			parts = append(parts, p.Key+" "+brief(p.Node))
			return p.Node.Text != "stop"
		}}
	if bad := r.Read([]byte(text)); bad != nil {
		problem = bad.Error()
	}
	return parts, problem
}

func brief(n *Node) string {
	s := fmt.Sprintf("%d:%d", n.Line, n.Col)
	switch n.Kind {
	case Null:
		return s + "~"
	case List, Map:
		var items []string
		if n.Kind == List {
			for _, item := range n.Items {
				items = append(items, brief(item))
			}
		}
		for k, v := range n.Fields() {
			items = append(items, k.Text+"="+brief(v))
		}
		return s + map[Kind]string{List: "[", Map: "{"}[n.Kind] + strings.Join(items, " ") +
			map[Kind]string{List: "]", Map: "}"}[n.Kind]
	case Text:
		return s + fmt.Sprintf("%q", n.Text)
	}
	return s + "=" + n.Text
}

// TestRead: both languages give the same parts, with lines and columns in characters.
func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"json": {"{\"Ä\": \"ü\", \"n\": -1,\n" +
			" \"Items\": [ {\"a\": true}, [null, \"x\"] ], \"b\": {\"Items\": [1]}}",
			[]string{`Items 2:13{a=2:19=true}`, `Items 2:26[2:27~ 2:33"x"]`,
				`1:1{Ä=1:7"ü" n=1:17=-1 Items=2:11[] b=2:46{Items=2:56[2:57=1]}}`}},
		"yaml": {"Ä: ü\nn: -1\nItems:\n- a: true\n- [null, x]\nb:\n  Items:\n  - 1\n",
			[]string{`Items 4:3{a=4:6=true}`, `Items 5:3[5:4~ 5:10"x"]`,
				`1:1{Ä=1:4"ü" n=2:4=-1 Items=4:1[] b=7:3{Items=8:3[8:5=1]}}`}},
		"several": {"{\"a\":1}\r\n[2]\n{\"Items\":null}",
			[]string{`1:1{a=1:6=1}`, `2:2=2`, `3:1{Items=3:10~}`}},
		"yaml several": {"a: '1'\n---\n- \"2\"\n---\n", []string{`1:1{a=1:4"1"}`, `3:3"2"`}},
		"stop": {`{"Items":["a","stop","b"],"c":1} {}`,
			[]string{`Items 1:11"a"`, `Items 1:15"stop"`}},
		"stop yaml": {"Items:\n- a\n- stop\n- b\n---\na: 1",
			[]string{`Items 2:3"a"`, `Items 3:3"stop"`}},
		"empty":  {"", nil},
		"scalar": {"hello", []string{`1:1"hello"`}},
	} {
		parts, problem := read(c.text)
		for i := range parts {
			parts[i] = strings.TrimPrefix(parts[i], " ")
		}
		if problem != "" || fmt.Sprint(parts) != fmt.Sprint(c.want) {
			t.Errorf("%s: %s\n got %q\nwant %q", name, problem, parts, c.want)
		}
	}
}

// TestProblems: what is wrong with a text, and where.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{\"a\": 1,\n \"b\" 2}":              "f:2:6: not JSON: ",
		"{\"a\": 1,\n \"b\": [":              "f:2:8: the text ends in the middle of it (hint: is the",
		"{\"a\": \"x":                        "f:1:7: a text is not closed by double quotes (hint:",
		"{\"a\": 1, \"a\": 2}":               `f:1:10: key "a" is there already, see line 1`,
		"{\"a\": 1} x":                       "f:1:10: not JSON: ",
		"[1 2]":                              "f:1:4: not JSON: ",
		strings.Repeat("{}", MaxDocuments+1): "more than 20000 documents in one text",
		"\"\xff\"":                           "f:1:2: this is not UTF-8",
		"a: {<<: {b: 1}}":                    "f:1:5: merge keys are not supported",
		"a: !Ref x":                          "f:1:4: tags are not supported",
		"a: &x 1\nb: *x":                     "f:2:4: aliases are not supported",
		"a: 1\na: 2":                         `f:2:1: key "a" is there already, see line 1`,
		"a: 1\n b: 2":                        "f:2: not YAML: ",
		"a: 1\r\nb: 2\rc: 3":                 "f:2:5: an unusual line break",
		"a: \u2028x":                         "f:1:4: an unusual line break",
		"? [a]\n: 1":                         "f:1:3: a key must be text",
		strings.Repeat("[", 1e6):             "f:1:66: nested deeper than 64 levels",
		"[[" + strings.Repeat("1,", printed.nodes) + "1]]":           "more than 400000 keys and values",
		strings.Repeat("- 1\n", MaxYAML+1):                           "lines, keys and items of YAML",
		strings.Repeat(" ", 99) + "a: " + strings.Repeat("{a: ", 99): "f:",
	} {
		if _, problem := read(text); !strings.Contains(problem, want) {
			t.Errorf("%.60q: %q, want %q", text, problem, want)
		}
	}
}

// TestInt: whole numbers as they are usually written, and nothing else.
func TestInt(t *testing.T) {
	for text, want := range map[string]int{"443": 443, "-1": -1, "0": 0} {
		for _, kind := range []Kind{Number, Text} {
			if n, ok := (&Node{Kind: kind, Text: text}).Int(); !ok || n != want {
				t.Errorf("%s: %d %t", text, n, ok)
			}
		}
	}
	for _, text := range []string{"", "1.0", "1e3", "0x1", "010", "+1", "1_000", "99999999999", " 1"} {
		if n, ok := (&Node{Kind: Number, Text: text}).Int(); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}
