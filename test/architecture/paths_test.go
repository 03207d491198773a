package architecture

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// A document names a path of the repository in backticks, `filter/judge.go`, or with an
// identifier of the package behind it, `filter.Judge` or `policy/file.TestReads`; and it
// links files and headings, [text](../README.md#heading).
var (
	inBackticks = regexp.MustCompile("`([^`\n]+)`")
	pathOnly    = regexp.MustCompile(`^[\w.][\w.*/-]*$`)
	linked      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// generated are documents whose paths are held against the code by what writes them.
var generated = []string{"docs/aws-parity.md"}

// TestPaths: every path and identifier that a document names exists.
func TestPaths(t *testing.T) {
	rooms := topFolders(t)
	named := 0
	for _, file := range files(t, "*.md") {
		if slices.Contains(generated, file) {
			continue
		}
		text := withoutListings(read(t, file))
		for _, m := range inBackticks.FindAllStringSubmatch(text, -1) {
			name := strings.TrimPrefix(m[1], "./")
			name = strings.TrimSuffix(strings.TrimSuffix(name, "..."), "/")
			first, _, _ := strings.Cut(name, "/")
			first, ident, isIdent := strings.Cut(first, ".")
			isIdent = isIdent && ident != "" && unicode.IsUpper(rune(ident[0]))
			if !pathOnly.MatchString(name) || !slices.Contains(rooms, first) ||
				!isIdent && !strings.Contains(name, "/") {
				continue
			}
			named++
			if !exists(t, name) {
				t.Errorf("%s names `%s`, which is not there", file, name)
			}
		}
	}
	if named < 80 {
		t.Errorf("only %d paths were found", named)
	}
}

// TestLinks: every link of a document leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	for _, file := range files(t, "*.md") {
		for _, m := range linked.FindAllStringSubmatch(withoutListings(read(t, file)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := file
			if target != "" {
				to = path.Join(path.Dir(file), target)
			}
			if _, err := fs.Stat(os.DirFS(root), to); err != nil {
				t.Errorf("%s links %s, which is not there", file, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
				t.Errorf("%s links %s, and %s has no such heading", file, m[1], to)
			}
		}
	}
}

// withoutListings is a document without its fenced blocks.
func withoutListings(text string) string {
	prose, _ := listings(text)
	return prose
}

// listings parts a document into its prose and its fenced blocks.
func listings(text string) (prose, fenced string) {
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside
		case inside:
			fenced += line + "\n"
		default:
			prose += line + "\n"
		}
	}
	return prose, fenced
}

// anchors are the names of a document's headings in links.
func anchors(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(withoutListings(text), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		names = append(names, name)
	}
	return names
}

// topFolders are the folders at the top of the repository.
func topFolders(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains([]string{"bin", "build", ".git"}, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// exists reports whether a path is there, as it is, as a pattern, or as a package and
// identifiers that its files hold.
func exists(t *testing.T, name string) bool {
	t.Helper()
	if found, _ := fs.Glob(os.DirFS(root), name); len(found) > 0 {
		return true
	}
	slash := strings.LastIndexByte(name, '/') + 1
	last, idents, ok := strings.Cut(name[slash:], ".")
	if !ok {
		return false
	}
	sources, _ := fs.Glob(os.DirFS(root), name[:slash]+last+"/*.go")
	for ident := range strings.SplitSeq(idents, ".") {
		word := regexp.MustCompile(`\b` + ident + `\b`)
		if !slices.ContainsFunc(sources, func(f string) bool { return word.MatchString(read(t, f)) }) {
			return false
		}
	}
	return true
}

// Commands of make, in backticks or at the beginning of a line of a listing, and the
// targets of a Makefile.
var (
	madeInProse   = regexp.MustCompile("`make ((?:[a-z][a-z-]*\\b ?)+)")
	madeInListing = regexp.MustCompile(`(?m)^(?:sudo )?make ((?:[a-z][a-z-]*\b ?)+)`)
	makeTarget    = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// TestMakeTargets: every target of make that a document names is in the Makefile.
func TestMakeTargets(t *testing.T) {
	var targets []string
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	for _, file := range files(t, "*.md") {
		prose, listing := listings(read(t, file))
		named := madeInProse.FindAllStringSubmatch(prose, -1)
		named = append(named, madeInListing.FindAllStringSubmatch(listing, -1)...)
		for _, m := range named {
			for target := range strings.FieldsSeq(m[1]) {
				if !slices.Contains(targets, target) {
					t.Errorf("%s names make %s, which the Makefile does not have", file, target)
				}
			}
		}
	}
}
