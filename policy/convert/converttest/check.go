package converttest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// Check holds a result against what is true of all: a policy or an error and not both,
// positions within the sources, and a written policy that the reader takes.
func Check(t *testing.T, sources []convert.Source, r convert.Result) {
	t.Helper()
	if (r.Policy == nil) != (r.Problems.Err() != nil) {
		t.Fatalf("a policy: %v, errors: %v", r.Policy != nil, r.Problems)
	}
	lines := make(map[string][]string, len(sources))
	for _, s := range sources {
		lines[s.Name] = strings.Split(string(s.Data), "\n")
	}
	for _, p := range r.Problems {
		if p.Message == "" || !within(p.Pos, lines) {
			t.Fatalf("%+v stands nowhere", p)
		}
	}
	if r.Policy == nil {
		return
	}
	text := file.Write(r.Policy, r.Comments)
	again, problems, err := file.Parse("written.yaml", text)
	if err != nil {
		t.Fatalf("what was written is refused: %v %v\n%s", err, problems, text)
	}
	if n, m := rules(r.Policy), rules(again); n != m {
		t.Fatalf("%d rules, %d of them written:\n%s", n, m, text)
	}
}

func rules(p *policy.Policy) (n int) {
	for i := range p.Groups {
		if g := &p.Groups[i]; !g.Default {
			n += len(g.Ingress) + len(g.Egress)
		}
	}
	return n
}

// within reports whether a position is in one of the sources, or nowhere at all.
func within(pos policy.Pos, sources map[string][]string) bool {
	if pos.File == "" || strings.HasPrefix(pos.File, "not in the sources") {
		return true
	}
	lines, there := sources[pos.File]
	if !there || pos.Line < 0 || pos.Line > len(lines) {
		return false
	}
	if pos.Line == 0 {
		return true
	}
	line := lines[pos.Line-1]
	// Counting is slow where all is one line.
	return pos.Col <= len(line)/utf8.UTFMax || pos.Col <= 1+utf8.RuneCountInString(line)
}
