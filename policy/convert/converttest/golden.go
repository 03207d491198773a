package converttest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/file"
)

var update = flag.Bool("update", false, "write the golden files of importers anew")

// Importer is the function of an importer's package.
type Importer func([]convert.Source, convert.Options) convert.Result

// Golden imports every shape in dir and compares. A shape NAME is the file NAME plus one of
// the suffixes, such as ".json", or a folder NAME whose files make one policy. Beside it
// stand
//
//   - NAME.yaml, the policy as it is written; there is none if the import fails;
//   - NAME.notices, what is said about it, errors too; there is none if nothing is said;
//   - NAME.probes, written by a person: which packets pass, see [Probe];
//   - NAME.vars, written by a person if need be: values of variables, NAME=VALUE in a line.
//
// The flag -update writes the first two. It returns how many shapes there are.
func Golden(t *testing.T, dir string, run Importer, suffixes ...string) int {
	t.Helper()
	shapes := shapesIn(t, dir, suffixes)
	for name, paths := range shapes {
		t.Run(name, func(t *testing.T) {
			var sources []convert.Source
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, convert.Source{Name: filepath.Base(path), Data: data})
			}
			r := run(sources, convert.Options{Vars: vars(t, filepath.Join(dir, name+".vars"))})
			Check(t, sources, r)
			said := ""
			for _, p := range r.Problems {
				said += p.Error() + "\n"
			}
			written := ""
			if r.Policy != nil {
				written = string(file.Write(r.Policy, r.Comments))
			}
			base := filepath.Join(dir, name)
			Compare(t, base+".yaml", written)
			Compare(t, base+".notices", said)
			if probes, err := os.ReadFile(base + ".probes"); err == nil {
				Probe(t, base+".probes", string(probes), r)
			} else if r.Policy != nil {
				t.Errorf("%s.probes: say which packets pass: %v", base, err)
			}
		})
	}
	return len(shapes)
}

// vars are the values of variables in a file, if there is one.
func vars(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if line != "" && !ok {
			t.Fatalf("%s: %q is not NAME=VALUE", path, line)
		}
		if ok {
			out[name] = value
		}
	}
	return out
}

// shapesIn returns the files of every shape by its name.
func shapesIn(t *testing.T, dir string, suffixes []string) map[string][]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	shapes := make(map[string][]string)
	for _, e := range entries {
		if e.IsDir() {
			inside, err := os.ReadDir(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range inside {
				shapes[e.Name()] = append(shapes[e.Name()], filepath.Join(dir, e.Name(), f.Name()))
			}
			continue
		}
		for _, s := range suffixes {
			if name, ok := strings.CutSuffix(e.Name(), s); ok {
				shapes[name] = append(shapes[name], filepath.Join(dir, e.Name()))
			}
		}
	}
	return shapes
}

// Compare holds a text against a golden file, which there is not if the text is empty. The
// flag -update writes it.
func Compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		err := os.Remove(path)
		if got != "" {
			err = os.WriteFile(path, []byte(got), 0o600)
		} else if os.IsNotExist(err) {
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; -update writes it. Got:\n%s\nwant:\n%s", path, got, want)
	}
}
