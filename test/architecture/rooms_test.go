package architecture

import (
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A row of the table of rooms in docs/architecture.md: a package in backticks, what it
// is, and in backticks what it may import of ours. `a/...` stands for a and all below;
// "anything" permits all, "–" nothing.
var roomRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/.]+)` \\| [^|\n]+ \\| ([^|\n]+) \\|$")

// TestRooms: every package of the program has a row in the table of rooms, and imports
// nothing of ours but what its row permits.
func TestRooms(t *testing.T) {
	rows := make(map[string]string)
	for _, m := range roomRow.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		rows[m[1]] = m[2]
	}
	imports := ourImports(t)
	for pkg := range rows {
		if dir := strings.TrimSuffix(pkg, "/..."); len(imports[dir]) == 0 && dir == pkg {
			t.Errorf("docs/architecture.md has a row for %s, which is no package", pkg)
		}
	}
	for pkg, deps := range imports {
		row, ok := rowOf(rows, pkg)
		if !ok {
			t.Errorf("%s has no row in the table of rooms of docs/architecture.md", pkg)
			continue
		}
		if row == "anything" {
			continue
		}
		for _, dep := range deps {
			if dep != "" && !permits(row, dep) {
				t.Errorf("%s imports %s; its row in docs/architecture.md permits %s", pkg, dep, row)
			}
		}
	}
}

// rowOf is the third column of the row of a package: its own or that of a folder above.
func rowOf(rows map[string]string, pkg string) (string, bool) {
	if row, ok := rows[pkg]; ok {
		return row, true
	}
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if row, ok := rows[dir+"/..."]; ok {
			return row, true
		}
	}
	return "", false
}

func permits(row, dep string) bool {
	for _, m := range inBackticks.FindAllStringSubmatch(row, -1) {
		dir, below := strings.CutSuffix(m[1], "/...")
		if dep == dir || below && strings.HasPrefix(dep, dir+"/") {
			return true
		}
	}
	return false
}

// ourImports maps each package of the module to what it imports of the module, on any
// system, tests aside. A package that imports nothing of ours has one empty entry.
func ourImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := make(map[string][]string)
	for _, file := range files(t, "*.go") {
		pkg := path.Dir(file)
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(pkg, "test/peers") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, read(t, file), parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if imports[pkg] == nil {
			imports[pkg] = []string{""}
		}
		for _, spec := range f.Imports {
			dep, _ := strconv.Unquote(spec.Path.Value)
			if dep, ok := strings.CutPrefix(dep, "sgfw/"); ok && !slices.Contains(imports[pkg], dep) {
				imports[pkg] = append(imports[pkg], dep)
			}
		}
	}
	return imports
}

// TestPackageComments: a doc.go holds a package comment and nothing else.
func TestPackageComments(t *testing.T) {
	for _, file := range files(t, "doc.go") {
		f, err := parser.ParseFile(token.NewFileSet(), file, read(t, file), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc == nil || len(f.Decls) > 0 {
			t.Errorf("%s holds something else than a package comment", file)
		}
	}
}
