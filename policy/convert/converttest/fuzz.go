package converttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// soon bounds what a hostile text may take, wherever it is tested.
const soon = 10 * time.Second

// Hostile imports texts that are made to cost much. Each has to be answered soon, and as
// [Check] says. beside are sources that stand beside one, by its name.
func Hostile(t *testing.T, run Importer, texts map[string]string,
	beside map[string]convert.Source) {
	t.Helper()
	for name, text := range texts {
		sources := []convert.Source{{Name: "f", Data: []byte(text)}}
		if other, there := beside[name]; there {
			sources = append(sources, other)
		}
		began := time.Now()
		r := run(sources, convert.Options{})
		took := time.Since(began)
		if t.Logf("%s: %v %.150s", name, took, r.Problems); took > soon {
			t.Errorf("%s takes %v", name, took)
		}
		Check(t, sources, r)
	}
}
