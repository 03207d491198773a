package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// onMachine says what tells the machine from others for the rest of the test; ""
// for nothing.
func onMachine(t *testing.T, id string) {
	t.Helper()
	was := machineID
	t.Cleanup(func() { machineID = was })
	machineID = filepath.Join(t.TempDir(), "machine-id")
	if id != "" {
		if err := os.WriteFile(machineID, []byte(id+"\n"), 0o444); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	oneMachine     = "0123456789abcdef0123456789abcdef"
	anotherMachine = "fedcba9876543210fedcba9876543210"
)

// findAndKeep is what a daemon does.
func findAndKeep(dir string) (Seed, error) {
	s, why := FindSeed(dir)
	return s, KeepSeed(dir, s, why)
}

// keep is findAndKeep for those who expect no error.
func keep(t *testing.T, dir string) Seed {
	t.Helper()
	s, err := findAndKeep(dir)
	if err != nil || s == (Seed{}) {
		t.Fatalf("%v, %v", s, err)
	}
	return s
}

// TestSeedStays: what is kept is used from then on, whatever the machine becomes, and
// what was lost is the same again on the same machine.
func TestSeedStays(t *testing.T) {
	onMachine(t, oneMachine)
	dir := filepath.Join(t.TempDir(), "deep", "state")
	before, err := ReadSeed(dir)
	if found, why := FindSeed(dir); found != before || why == nil {
		t.Errorf("found %x, %v, and read %x", found, why, before)
	}
	if _, made := os.Stat(dir); err != nil || !os.IsNotExist(made) {
		t.Fatalf("reading: %v, and the directory: %v", err, made)
	}
	s := keep(t, dir)
	if s != before || keep(t, dir) != s {
		t.Error("the seed is another one than was announced, or the second time")
	}
	if keep(t, t.TempDir()) != s || keep(t, "") != s {
		t.Error("the machine has several seeds")
	}
	onMachine(t, anotherMachine)
	if read, err := ReadSeed(dir); err != nil || read != s || keep(t, dir) != s {
		t.Errorf("the seed did not stay: %v, %v", read, err)
	}
	if keep(t, t.TempDir()) == s {
		t.Error("two machines have one seed")
	}
	if fi, err := os.Stat(filepath.Join(dir, seedName)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
}

// TestSeedWithoutMachine: where nothing tells machines apart the seed is random, and
// nobody knows it before it is kept.
func TestSeedWithoutMachine(t *testing.T) {
	for _, id := range []string{"", "uninitialized", "short", strings.Repeat("0", 32)} {
		onMachine(t, id)
		dir := t.TempDir()
		if s, err := ReadSeed(dir); err == nil {
			t.Errorf("%q: %v", id, s)
		}
		s := keep(t, dir)
		if read, err := ReadSeed(dir); err != nil || read != s || keep(t, dir) != s {
			t.Errorf("%q: the seed did not stay: %v, %v", id, read, err)
		}
		if keep(t, t.TempDir()) == s {
			t.Errorf("%q: the same seed twice", id)
		}
		if s, err := findAndKeep(""); err == nil || s == (Seed{}) {
			t.Errorf("%q: kept nowhere: %v, %v", id, s, err)
		}
	}
}

// TestSeedIsReplaced: a file that holds no seed, or that others could have written,
// is not used; the daemon goes on and says so once.
func TestSeedIsReplaced(t *testing.T) {
	onMachine(t, oneMachine)
	good := strings.Repeat("ab", 32) + "\n"
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want error
	}{
		"empty":                {"", 0o600, ErrCorrupt},
		"cut short":            {good[:20], 0o600, ErrCorrupt},
		"too long":             {good + good, 0o600, ErrCorrupt},
		"no digits":            {strings.Repeat("xy", 32), 0o600, ErrCorrupt},
		"zero":                 {strings.Repeat("00", 32), 0o600, ErrCorrupt},
		"everybody may write":  {good, 0o606, ErrUntrusted},
		"everybody may read":   {good, 0o644, nil},
		"without its last end": {strings.TrimSpace(good), 0o600, nil},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, seedName)
		if err := errors.Join(os.WriteFile(path, []byte(tc.text), 0o600),
			os.Chmod(path, tc.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSeed(dir); !errors.Is(err, tc.want) {
			t.Errorf("%s: read: %v, want %v", name, err, tc.want)
		}
		s, err := findAndKeep(dir)
		if !errors.Is(err, tc.want) || s == (Seed{}) || (s[0] == 0xab) != (tc.want == nil) {
			t.Errorf("%s: %x, %v, want %v", name, s, err, tc.want)
		}
		if keep(t, dir) != s {
			t.Errorf("%s: another seed the second time", name)
		}
	}
}

// TestSeedCannotBeKept: the daemon has IDs all the same.
func TestSeedCannotBeKept(t *testing.T) {
	onMachine(t, "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := findAndKeep(file); err == nil || s == (Seed{}) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSeedAtOnce: daemons that start at the same time agree once they are there.
func TestSeedAtOnce(t *testing.T) {
	onMachine(t, oneMachine)
	dir := t.TempDir()
	var all [8]Seed
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i], _ = findAndKeep(dir) })
	}
	wg.Wait()
	for _, s := range all {
		if s != all[0] || s == (Seed{}) {
			t.Fatalf("seeds %x", all)
		}
	}
}

// TestPlaces: whoever has somebody else's seed has a place of its own, which stays; whoever
// has its own has none, so that its devices are called what they always were.
func TestPlaces(t *testing.T) {
	onMachine(t, oneMachine)
	dir := t.TempDir()
	s := keep(t, dir)
	if p := s.Place(""); p != "" {
		t.Errorf("the machine's own seed: place %q", p)
	}
	seen := make(map[string]string)
	for _, id := range []string{oneMachine, anotherMachine, strings.Repeat("7", 32)} {
		for _, network := range []string{"", "blue", "red"} {
			onMachine(t, id) // a clone, with the seed of the first
			p := keep(t, dir).Place(network)
			if other, dup := seen[p]; dup {
				t.Errorf("%s %q has the place of %s", id, network, other)
			}
			seen[p] = id + " " + network
			if keep(t, dir).Place(network) != p || strings.Contains(p, id) {
				t.Errorf("%s %q: place %q", id, network, p)
			}
		}
	}
	onMachine(t, "")
	if p, q := s.Place(""), s.Place("blue"); p != "" || q != "/blue" {
		t.Errorf("of no machine ID: places %q and %q", p, q)
	}
}
