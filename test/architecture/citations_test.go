package architecture

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sgfw/test/parity/claims"
)

// root is the repository's top, seen from here.
const root = "../.."

// defining are the documents that explain handles.
var defining = []string{"docs/aws.md", "docs/architecture.md", "docs/kernel.md"}

// A definition is a list item that begins with a bold handle, a numbered heading of
// docs/aws.md (§1, §1.2), a row of its table of expected outcomes (row 7), or a name in
// backticks at the beginning of a table row or beside a number (`timer udp`).
var (
	definedItem    = regexp.MustCompile(`(?m)^- \*\*([A-Z]\d{1,2})\b`)
	definedSection = regexp.MustCompile(`(?m)^##+ (\d+(?:\.\d+)?)\.? `)
	definedRow     = regexp.MustCompile(`(?m)^\| row (\d+) \| `)
	definedName    = regexp.MustCompile(
		"`((?:ports|protocol|icmp|icmpv6|text|timer|exempt|offload) [a-z0-9 ]+)`")
)

// A citation is, in a comment or string of a Go file or anywhere in another file, one of
//
//   - a letter that some handle begins with and one or two digits, standing alone: R5,
//     T30-T33; a clause of it may follow, as in T2b;
//   - §4 or §3.3, unless a number of an RFC stands before it, as in RFC 791 §3.1;
//   - "row 7".
//
// X25519 and K8s are none. What only looks like a citation has to be in notCited.
var (
	citedHandle  = regexp.MustCompile(`\b([A-Z])(\d{1,2})([a-c]?)\b`)
	citedSection = regexp.MustCompile(`§(\d+(?:\.\d+)*)`)
	citedRow     = regexp.MustCompile(`\brow (\d+)\b`)
	// rfc covers the sections that follow the number of an RFC.
	rfc = regexp.MustCompile(`RFC \d+(?:,? §[\d.]+)+`)
	// lineBreak joins the lines of a comment.
	lineBreak = regexp.MustCompile(`\n\s*//\s*`)
)

// notCited are texts that look like citations, by file.
var notCited = map[string][]string{
	"test/architecture/citations_test.go": {"F90", "§3.10.7"},
}

// scanned are the files in which citations are looked for.
var scanned = []string{"*.go", "*.md", "*.yaml", "*.json", "*.txt", "*.service", "Makefile", "run"}

// definitions maps each handle, section and row to the text that explains it.
func definitions(t *testing.T) map[string]string {
	t.Helper()
	defined := make(map[string]string)
	define := func(file, handle, text string) {
		if _, twice := defined[handle]; twice {
			t.Errorf("%s explains %s, which is explained already", file, handle)
		}
		defined[handle] = text
	}
	for _, file := range defining {
		text := read(t, file)
		starts := definedItem.FindAllStringSubmatchIndex(text, -1)
		for i, at := range starts {
			end := len(text)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			define(file, text[at[2]:at[3]], text[at[0]:end])
		}
		if file != "docs/aws.md" {
			continue
		}
		for _, m := range definedSection.FindAllStringSubmatch(text, -1) {
			define(file, "§"+m[1], m[0])
		}
		for _, m := range definedRow.FindAllStringSubmatch(text, -1) {
			define(file, "row "+m[1], m[0])
		}
		for _, m := range definedName.FindAllStringSubmatch(text, -1) {
			define(file, m[1], m[0])
		}
	}
	return defined
}

// TestCitations: every handle that code, tests and documents cite is explained in the
// repository.
func TestCitations(t *testing.T) {
	defined := definitions(t)
	letters := make(map[string]bool)
	for h := range defined {
		if h[0] >= 'A' && h[0] <= 'Z' {
			letters[h[:1]] = true
		}
	}
	if len(defined) < 250 || len(letters) < 12 {
		t.Fatalf("only %d handles of %d kinds are explained", len(defined), len(letters))
	}
	found := 0
	for _, file := range files(t, scanned...) {
		for _, text := range texts(t, file) {
			for _, c := range citations(text, letters) {
				found++
				if problem := unresolved(c, defined); problem != "" && !slices.Contains(notCited[file], c) {
					t.Errorf("%s cites %s: %s", file, c, problem)
				}
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d citations were found", found)
	}
}

// TestClaimsAreExplained: a claim that tests prove is explained in docs/aws.md, and what
// is explained there about groups, flows and quotas has a claim.
func TestClaimsAreExplained(t *testing.T) {
	defined := definitions(t)
	claimed := make(map[string]bool)
	for _, ch := range slices.Concat(claims.AWS(), claims.Guides()) {
		for _, c := range ch.Claims {
			claimed[c.Handle] = true
			if _, ok := defined[c.Handle]; !ok {
				t.Errorf("%s is claimed and explained nowhere", c.Handle)
			}
		}
	}
	for h := range defined {
		switch {
		case strings.HasPrefix(h, "§"), strings.ContainsAny(h[:1], "FNPAIK"):
		case !claimed[h]:
			t.Errorf("docs/aws.md explains %s, about which test/parity/claims says nothing", h)
		}
	}
}

// TestCitationSyntax: what is a citation and what is none.
func TestCitationSyntax(t *testing.T) {
	letters := map[string]bool{"R": true, "T": true, "X": true, "K": true, "F": true, "O": true}
	for text, want := range map[string]string{
		"as AWS has it (R4, T30-T33)":            "[R4 T30 T33]",
		"a wide return rule (T2b)":               "[T2b]",
		"one\n\t// of §3.3 and row 7":            "[§3.3 row 7]",
		"RFC 9293 §3.1, RFC 4861 §6.1, §7.1":     "[]",
		"the FIN again (RFC 9293\n\t// §3.10.7)": "[]",
		"RFC 791 says so. §4 says more":          "[§4]",
		"X25519, K8s, F100, xT3, R2_no_peer":     "[]",
	} {
		if got := fmt.Sprint(citations(text, letters)); got != want {
			t.Errorf("%q cites %s, want %s", text, got, want)
		}
	}
}

// citations are those of a text.
func citations(text string, letters map[string]bool) (found []string) {
	text = lineBreak.ReplaceAllString(text, " ")
	text = rfc.ReplaceAllString(text, "")
	for _, m := range citedHandle.FindAllStringSubmatch(text, -1) {
		if letters[m[1]] {
			found = append(found, m[0])
		}
	}
	found = append(found, citedSection.FindAllString(text, -1)...)
	found = append(found, citedRow.FindAllString(text, -1)...)
	return found
}

// unresolved says why a citation leads nowhere, "" if it leads somewhere.
func unresolved(c string, defined map[string]string) string {
	if _, ok := defined[c]; ok {
		return ""
	}
	handle, clause := c[:len(c)-1], c[len(c)-1:]
	text, ok := defined[handle]
	if !ok || !strings.Contains("abc", clause) {
		return "no document explains it"
	}
	if !strings.Contains(text, "("+clause+")") {
		return handle + " has no clause " + clause
	}
	return ""
}

// texts are the parts of a file that can cite: the comments and strings of Go, all of
// another file.
func texts(t *testing.T, file string) (parts []string) {
	t.Helper()
	content := read(t, file)
	if path.Ext(file) != ".go" {
		return []string{content}
	}
	var s scanner.Scanner
	set := token.NewFileSet()
	s.Init(set.AddFile(file, set.Base(), len(content)), []byte(content), nil, scanner.ScanComments)
	last := -2 // the line of the comment before
	for {
		pos, tok, lit := s.Scan()
		line := set.Position(pos).Line
		switch tok {
		case token.EOF:
			return parts
		case token.COMMENT:
			if line == last+1 { // the same comment goes on
				parts[len(parts)-1] += "\n" + lit
			} else {
				parts = append(parts, lit)
			}
			last = line
		case token.STRING:
			parts = append(parts, lit)
			last = -2
		}
	}
}

// files are those of the repository with a name that matches a pattern. What make
// builds does not count.
func files(t *testing.T, patterns ...string) (list []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "build"}, file):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		for _, p := range patterns {
			if ok, _ := path.Match(p, path.Base(file)); ok {
				list = append(list, file)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(path.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
