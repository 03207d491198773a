package file

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/policy"
	"sgfw/test/parity"
)

var update = flag.Bool("update", false, "write what the reader says into testdata/problems")

// listed is what the cases say of the problems: one on a line, with its code.
func listed(problems policy.Problems) string {
	if len(problems) == 0 {
		return "ok"
	}
	var lines []string
	for _, p := range problems {
		line := p.Error()
		if p.Code != "" {
			line = string(p.Code) + " " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// handle is one of a claim about AWS: a letter and a number, or words for a row
// of the tables of protocols and of texts.
var handle = regexp.MustCompile(`\b[A-Z][0-9]+\b|\b(ports|icmp|icmpv6|protocol|text) [a-z ]+`)

// claims are what a case proves: the handles before the colon of its title, or
// those that are letter and number in one without.
func claims(title string) (handles []string) {
	before, _, colon := strings.Cut(title, ": ")
	for _, h := range handle.FindAllString(before, -1) {
		if colon || !strings.Contains(h, " ") {
			handles = append(handles, h)
		}
	}
	return handles
}

// TestProblems reads the cases of testdata/problems. Each file begins with the
// lines that all of its policies begin with; a case begins with "###", goes on
// with the rest of the policy, and ends with the problems, each after ">>>", or
// with ">>> ok" where the policy is taken without a word. Positions count from
// the first line of the file's beginning; AWS's code, if any, stands in front. A
// case proves the claims that its title names. One whose title begins with "as AWS" is
// read as check --as-aws does.
func TestProblems(t *testing.T) {
	paths, err := filepath.Glob("testdata/problems/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(string(data), "### ")
			preamble, out := parts[0], parts[0]
			for _, c := range parts[1:] {
				title, rest, _ := strings.Cut(c, "\n")
				body, want, _ := strings.Cut(rest, ">>> ")
				want = strings.ReplaceAll(strings.TrimSpace(want), "\n>>> ", "\n")
				read := Parse
				if strings.HasPrefix(title, "as AWS") {
					read = ParseAsAWS
				}
				p, problems, err := read("", []byte(preamble+body))
				got := listed(problems)
				if (err == nil) != (p != nil) || (problems.Err() == nil) != (err == nil) {
					t.Errorf("%s: policy %v, error %v, problems %v", title, p != nil, err, problems)
				}
				out += "### " + title + "\n" + body + ">>> " + strings.ReplaceAll(got, "\n", "\n>>> ") + "\n\n"
				if *update {
					continue
				}
				t.Run(title, func(t *testing.T) {
					parity.Proves(t, claims(title)...)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("problems (-want +got):\n%s", diff)
					}
				})
			}
			if *update {
				if err := os.WriteFile(path, []byte(strings.TrimRight(out, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
