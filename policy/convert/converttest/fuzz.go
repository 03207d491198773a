package converttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgfw/policy/convert"
)

// Seeds are the texts of the files below testdata whose names end in one of the suffixes.
func Seeds(t testing.TB, suffixes ...string) (out [][]byte) {
	t.Helper()
	err := filepath.WalkDir("testdata", func(path string, e fs.DirEntry, err error) error {
		ends := func(suffix string) bool { return strings.HasSuffix(path, suffix) }
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "fuzz": // what a fuzzer kept, in its own form
			return fs.SkipDir
		case e.IsDir() || !slices.ContainsFunc(suffixes, ends):
			return nil
		}
		data, err := os.ReadFile(path)
		out = append(out, data)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d texts that end in %s: %v", len(out), suffixes, err)
	}
	return out
}

// Fuzz changes the seeds, and holds what becomes of them against [Check], with each of the
// options.
func Fuzz(f *testing.F, run Importer, options []convert.Options, suffixes ...string) {
	for _, seed := range Seeds(f, suffixes...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sources := []convert.Source{{Name: "f", Data: data}}
		for _, o := range options {
			Check(t, sources, run(sources, o))
		}
	})
}
