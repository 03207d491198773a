package file

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/policy"
)

// check holds what is true of every text: the answer is a policy or an error,
// always the same one; what is taken is valid; problems lie within the text.
func check(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	p, problems, err := Parse("f", data)
	if errors.Is(err, ErrTooBig) {
		return false
	}
	if (p == nil) != (err != nil) || (err != nil) != (problems.Err() != nil) {
		t.Fatalf("policy %v, error %v, problems %v", p != nil, err, problems)
	}
	_, again, _ := Parse("f", data)
	if diff := cmp.Diff(problems, again); diff != "" {
		t.Fatalf("two readings of one text differ:\n%s", diff)
	}
	lines := strings.Split(string(data), "\n")
	for _, b := range problems {
		if b.Message == "" || strings.ContainsFunc(b.Error(), func(r rune) bool { return r < ' ' }) {
			t.Fatalf("a problem in %q", b.Error())
		}
		if b.Pos.Line > len(lines)+1 || b.Pos.Line > 0 && b.Pos.Line <= len(lines) &&
			b.Pos.Col > len(lines[b.Pos.Line-1])+1 {
			t.Fatalf("%v is outside the text", b)
		}
	}
	if p == nil {
		return false
	}
	if err := policy.Validate(p).Err(); err != nil {
		t.Fatalf("taken, but not valid: %v", err)
	}
	sameWritten(t, p)
	return true
}

func seeds(t testing.TB) []string {
	paths, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	tiers, _ := filepath.Glob("../../examples/*/*.yaml")
	var texts []string
	for _, path := range append(paths, tiers...) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	cases, _ := filepath.Glob("testdata/problems/*.txt")
	for _, path := range cases {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(data), "### ")
		for _, c := range parts[1:] {
			_, rest, _ := strings.Cut(c, "\n")
			body, _, _ := strings.Cut(rest, ">>> ")
			texts = append(texts, parts[0]+body)
		}
	}
	return texts
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// TestMutations: good texts with a few characters, words or lines changed.
func TestMutations(t *testing.T) {
	texts := seeds(t)
	pieces := []string{"\n", " ", "  ", "- ", ": ", "[", "]", "{", "}", ",", "\"", "'", "#", "&a ",
		"*a", "!", "|", ">", "<<: ", "~", "null", "-1", "0", "65536",
		"tcp", "icmp", "::/0", "0.0.0.0/0", "web", "\t", "\r\n", "---\n", "%", "?",
		"é", "\u2028", "\xff",
		"security_groups", "ingress:", "self: true"}
	taken, refused := 0, 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		text := texts[rnd.IntN(len(texts))]
		for range rnd.IntN(3) {
			at := rnd.IntN(len(text) + 1)
			switch rnd.IntN(4) {
			case 0:
				text = text[:at] + text[min(len(text), at+1+rnd.IntN(6)):]
			case 1:
				lines := strings.SplitAfter(text, "\n")
				i, j := rnd.IntN(len(lines)), rnd.IntN(len(lines))
				lines[i], lines[j] = lines[j], lines[i]
				text = strings.Join(lines, "")
			default:
				text = text[:at] + pieces[rnd.IntN(len(pieces))] + text[at:]
			}
		}
		if check(t, []byte(text)) {
			taken++
		} else {
			refused++
		}
	}
	if taken < 100 || refused < 100 {
		t.Errorf("one-sided: %d taken, %d refused", taken, refused)
	}
}
