package tree

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// show writes a tree with the positions of its parts.
func show(n *Node) string {
	at := fmt.Sprintf("%s@%d:%d", n.Tag, n.Line, n.Col)
	switch n.Kind {
	case Null:
		return "null" + at
	case Text:
		return fmt.Sprintf("%q%s", n.Text, at)
	case Plain:
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
		`{"a": "b}`:    "1:7: a text is not closed by double quotes",
		`{"a": `:       "1:7: the document ends in the middle",
		`{"a":1} {}`: "1:9: something follows the end of the document " +
			"(hint: one document a file)",
		"{\"a\":1,\n \"a\":2}": `2:2: key "a" is there already, see line 1 (hint: remove one)`,
		"a: 1\nb: 2\na: 3\n":   `3:1: key "a" is there already, see line 1 (hint: remove one)`,
		"a: &x [*x]\n":         "1:8: alias *x stands for something that has it",
		"a: 1\n---\nb: 2\n":    "2:1: a second YAML document begins (hint: one document a file)",
		"a:\n  - {b: 1, c: ::/0}\n": "2:15: between brackets or braces a value cannot begin with a " +
			`colon (hint: put it in quotes, such as "::/0")`,
		"":          "1:1: the file is empty",
		"[1, 2]: 3": "1:1: a key must be text",
		"a: b: c": "1: not YAML: mapping values are not allowed in this context (hint: check the " +
			"indentation and quotes of this line and those around it; quote values that " +
			"begin with * & % @ " +
			"or `)",
		"a: \xff":           "1:4: this is not UTF-8 (hint: save the file as UTF-8)",
		"{\"a\": \"\xff\"}": "1:7: this is not UTF-8 (hint: save the file as UTF-8)",
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

// TestHostile: whatever stands in a text, the answer comes soon and without much memory.
func TestHostile(t *testing.T) {
	const size = 10 << 20
	fill := func(before, s, after string) string {
		return before + strings.Repeat(s, size/len(s)) + after
	}
	most := func(before, s, after string) string {
		return before + strings.Repeat(s, (maxStructure-100)/structure(s)) + after
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c,
			strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	merged := "a: &a {x: 1}\n"
	for i := range 1000 {
		merged += fmt.Sprintf("b%d: &b%d {k%d: 1, <<: [%s*a]}\n", i, i, i,
			strings.Repeat(fmt.Sprintf("*b%d, ", max(i-1, 0)), min(i, 3)))
	}
	chain := "a0: &a0 [x]\n"
	for i := range 1000 {
		chain += fmt.Sprintf("a%d: &a%d [*a%d]\n", i+1, i+1, i)
	}
	for name, text := range map[string]string{
		"lists":         fill("", "[", ""),
		"objects":       fill("", `{"a":`, ""),
		"ones":          fill("[\"a\"", ",1", "]"),
		"keys":          fill(`{"a":1`, `,"a":1`, "}"),
		"a text":        fill(`{"a":"`, "x", `"}`),
		"escapes":       fill(`{"a":"`, `\u0041`, `"}`),
		"spaces":        fill("{", " ", "}"),
		"lines":         fill("{", "\n", "}"),
		"wide":          fill(`{"a":"`, "é", `"}`),
		"wide, in line": fill(`["é"`, `,"é"`, "]"),
		"flow lists":    fill("a: ", "[", ""),
		"flow maps":     fill("a: ", "{a: ", ""),
		"dashes":        fill("", "- ", ""),
		"items":         fill("a:\n", "- a\n", ""),
		"plain":         fill("a: ", "x", ""),
		"plain, spaced": fill("a: ", "x ", ""),
		"comments":      fill("", "#\n", "a: 1"),
		"bomb":          bomb,
		"merges":        merged,
		"chain":         chain,
		"aliases":       fill("a: &a x\nb: [", "*a,", "]"),
		"anchors":       fill("a:\n", "- &a a\n", ""),
		"tags":          fill("a:\n", "- !a\n", ""),
		"most items":    most("a:\n", "- a\n", ""),
		"most pairs":    most("a: [", "a: b,", "]"),
		"most maps":     most("a: [", "{},", "]"),
		"most aliases":  most("a: &a x\nb: [", "*a,", "]"),
		"most anchors":  most("a:\n", "- &a a\n", ""),
		"most merges":   most("a: &a {b: c}\nd:\n", "- <<: *a\n", ""),
		"most nests":    most("a:\n", "- "+strings.Repeat("[", 90)+strings.Repeat("]", 90)+"\n", ""),
		"most dashes":   most("", "- ", ""),
		"most keys":     most("a: {", "? a,", "}"),
		"most plain":    "a: " + strings.Repeat("x ", maxYAML/2-10),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := cpu(t)
		n, problems := Parse("f", []byte(text))
		took := cpu(t) - begin
		runtime.ReadMemStats(&after)
		used := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %v, %d MB, %v", name, took, used, problems)
		if (n == nil) != (len(problems) > 0) {
			t.Errorf("%s: %v %v", name, n != nil, problems)
		}
		if took > 3*time.Second || used > 400 {
			t.Errorf("%s takes %v and %d MB", name, took, used)
		}
	}
}

// cpu is the time that this process had of the processors, in which a busy machine differs
// little from an idle one.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// structure is at least what clean counts.
func structure(s string) int {
	return strings.Count(s, "\n") + strings.Count(s, "- ") +
		strings.Count(s, ",") + strings.Count(s, "[") + strings.Count(s, "{") + strings.Count(s, ": ") +
		strings.Count(s, "? ")
}

// FuzzParse: JSON is taken as the standard library takes it, but for keys that stand twice and
// what is deep; and what YAML is taken has its parts within the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"a": [1, "é\n", true, null], "b": {}}`, "a: &x [1]\nb: *x\n",
		"a: !Ref x\nb: !If [1]\n<<: {c: 1}", `["a",{"\ud800":-0}]`, "? a\n: b\n", "%YAML 1.1\n---\na"} {
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
