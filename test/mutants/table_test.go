package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	goparser "go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/parity/claims"
)

// TestAnchors: each mutant's text stands in its file exactly once, so that a
// change of the code cannot quietly retire a mutant.
func TestAnchors(t *testing.T) {
	t.Chdir("../..")
	names := make(map[string]bool)
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are called %s", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s has the text %d times, want once:\n%s", m.name, m.file, n, m.old)
		}
		if m.old == m.new {
			t.Errorf("%s changes nothing", m.name)
		}
	}
}

// TestClaimsHaveTheirMutants: each fault that is said to invert a claim is in the
// table.
func TestClaimsHaveTheirMutants(t *testing.T) {
	names := make(map[string]bool)
	for _, m := range mutants {
		names[m.name] = true
	}
	for _, i := range claims.Inverted {
		if !names[i.Mutant] {
			t.Errorf("%s: no mutant is called %s", i.Handle, i.Mutant)
		}
	}
}

// TestMutantsCompile: a fault that does not compile any more would end a run
// half-way, and shows nothing.
func TestMutantsCompile(t *testing.T) {
	t.Chdir("../..")
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=Dir,ImportPath,Export,GoFiles",
		"./cmd/sgfw").Output()
	if err != nil {
		t.Fatal(err)
	}
	type listed struct {
		Dir, ImportPath, Export string
		GoFiles                 []string
	}
	exports, packages := make(map[string]string), make(map[string]listed)
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath], packages[p.ImportPath] = p.Export, p
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc",
		func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, m := range mutants {
		p, ok := packages["sgfw/"+filepath.Dir(m.file)]
		if !ok {
			t.Errorf("%s: %s is not part of the program", m.name, m.file)
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if name == filepath.Base(m.file) {
				source = bytes.Replace(source, []byte(m.old), []byte(m.new), 1)
			}
			f, err := goparser.ParseFile(fset, name, source, goparser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
				continue
			}
			files = append(files, f)
		}
		if _, err := (&types.Config{Importer: imports}).Check(p.ImportPath, fset, files,
			nil); err != nil {
			t.Errorf("%s does not compile: %v", m.name, err)
		}
	}
}
