package state

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/source"
)

func record() Record {
	m := Moment{Wall: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Boot: "b", Steady: time.Hour}
	return Record{
		File:      "/etc/sgfw/sgfw.yaml",
		Confirmed: source.NewRevision([]byte("version: 1\n")),
		Pending: &Pending{Policy: source.NewRevision([]byte{0xff, 0xfe, 0, 'x'}),
			Deadline: m.In(time.Minute)},
		Rejected: &Rejected{Sum: "s", At: m.Wall, Why: "not confirmed in time"},
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	s := NewStore(dir, "/etc/sgfw/sgfw.yaml")
	if r, err := s.Load(); r != nil || err != nil {
		t.Fatalf("an empty store: %v, %v", r, err)
	}
	for _, r := range []Record{record(), {File: "/a", Confirmed: source.NewRevision(nil)}} {
		if err := s.Save(r); err != nil {
			t.Fatal(err)
		}
		got, err := NewStore(dir, "/etc/sgfw/sgfw.yaml").Load()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Pending, got.Pending); diff != "" || !got.Confirmed.Same(r.Confirmed) ||
			got.File != r.File {
			t.Errorf("loaded %+v, saved %+v\n%s", got, r, diff)
		}
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, s.Path(): 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v, want %v", path, fi.Mode(), err, mode)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("the directory holds %v, %v", files, err)
	}
	other := NewStore(dir, "/etc/sgfw/other.yaml")
	if err := other.Clear(); err != nil {
		t.Fatal(err)
	}
	if r, err := other.Load(); r != nil || err != nil {
		t.Errorf("another policy file has %v, %v", r, err)
	}
	if r, err := s.Load(); r == nil || err != nil {
		t.Errorf("clearing the other one's record left %v, %v", r, err)
	}
	for range 2 {
		if err := s.Clear(); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Load(); r != nil || err != nil {
			t.Errorf("after Clear: %v, %v", r, err)
		}
	}
}

// Where nothing is kept there is nothing to clear, whatever is in the way.
func TestClearNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"),
		filepath.Join(t.TempDir(), "nowhere")} {
		if err := NewStore(dir, "/etc/sgfw/sgfw.yaml").Clear(); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(NewStore(dir, "/etc/sgfw/sgfw.yaml").Path(), "in the way"),
		0o700); err != nil {
		t.Fatal(err)
	}
	if err := NewStore(dir, "/etc/sgfw/sgfw.yaml").Clear(); err == nil {
		t.Error("cleared what it cannot remove")
	}
}

// A file that is cut short, changed or of another version is refused.
func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(dir, "/etc/sgfw/sgfw.yaml")
	if err := s.Save(record()); err != nil {
		t.Fatal(err)
	}
	path := s.Path()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, bad := range map[string]string{
		"empty":                "",
		"cut short":            text[:len(text)/2],
		"another version":      strings.Replace(text, `"version": 1`, `"version": 2`, 1),
		"no record":            `{"version": 1}`,
		"text does not fit":    strings.Replace(text, `"text": "`, `"text": "AAAA`, 1),
		"pending does not fit": strings.Replace(text, `//4A`, `//4B`, 1),
	} {
		if bad == text {
			t.Fatalf("%s: nothing changed", name)
		}
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Load(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %v, want ErrCorrupt", name, r, err)
		}
	}
}

// TestTrust: a record tells which policy to enforce, so only what nobody else can
// have written is read, and nothing is written where others could replace it.
func TestTrust(t *testing.T) {
	const stranger = 54321
	for name, tc := range map[string]struct {
		spoil      func(dir, path string) error
		root       bool // who alone can give files away
		saves, fit bool
	}{
		"as it was": {spoil: func(string, string) error { return nil }, saves: true, fit: true},
		"everybody may write the file": {saves: true,
			spoil: func(_, path string) error { return os.Chmod(path, 0o606) }},
		"a group may write the file": {saves: true,
			spoil: func(_, path string) error { return os.Chmod(path, 0o620) }},
		"everybody may replace it": {
			spoil: func(dir, _ string) error { return os.Chmod(dir, 0o777) }},
		"everybody may add files beside it": {saves: true, fit: true,
			spoil: func(dir, _ string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }},
		"a link": {saves: true, spoil: func(_, path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}},
		"a pipe": {saves: true, spoil: func(_, path string) error {
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}},
		"a stranger's file": {root: true, saves: true,
			spoil: func(_, path string) error { return os.Chown(path, stranger, stranger) }},
		"a stranger's directory": {root: true,
			spoil: func(dir, _ string) error { return os.Chown(dir, stranger, stranger) }},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.root && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			dir := filepath.Join(t.TempDir(), "state")
			s := NewStore(dir, "/etc/sgfw/sgfw.yaml")
			if err := s.Save(record()); err != nil {
				t.Fatal(err)
			}
			if err := tc.spoil(dir, s.Path()); err != nil {
				t.Fatal(err)
			}
			if r, err := s.Load(); (r != nil) != tc.fit || (err == nil) != tc.fit {
				t.Errorf("loaded %v, %v", r, err)
			} else if err != nil && name != "a link" && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%v, want ErrUntrusted", err)
			}
			if err := s.Save(record()); (err == nil) != tc.saves {
				t.Errorf("saved: %v", err)
			}
			if !tc.saves {
				return
			}
			// What is written over is ours again.
			if r, err := s.Load(); r == nil || err != nil {
				t.Errorf("written over: %v, %v", r, err)
			}
		})
	}
}

// Where the new record cannot be written the old one stays.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(filepath.Join(dir, "state"), "/etc/sgfw/sgfw.yaml")
	if err := os.WriteFile(filepath.Join(dir, "state"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(record()); err == nil {
		t.Error("saved into a file")
	}
}

func TestDeadline(t *testing.T) {
	set := Moment{Wall: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Boot: "one", Steady: time.Hour}
	d := set.In(time.Minute)
	at := func(boot string, steady, wall time.Duration) Moment {
		return Moment{Wall: set.Wall.Add(wall), Boot: boot, Steady: set.Steady + steady}
	}
	for _, tc := range []struct {
		what string
		now  Moment
		want time.Duration
	}{
		{"at once", at("one", 0, 0), time.Minute},
		{"later", at("one", 20*time.Second, 20*time.Second), 40 * time.Second},
		{"passed", at("one", time.Minute, time.Minute), 0},
		{"long ago", at("one", time.Hour, time.Hour), 0},
		{"the wall clock was set forward", at("one", 20*time.Second, 20*time.Hour), 40 * time.Second},
		{"the wall clock was set back", at("one", 20*time.Second, -20*time.Hour), 40 * time.Second},
		{"after another boot", at("two", -time.Hour, 50*time.Second), 10 * time.Second},
		{"after another boot, passed", at("two", -time.Hour, 61*time.Second), 0},
		{"after another boot, without a clock", at("two", -time.Hour, -30*365*24*time.Hour), 0},
		{"no boot is known", at("", 0, 10*time.Second), 50 * time.Second},
	} {
		if got := d.Left(tc.now, time.Hour); got != tc.want {
			t.Errorf("%s: %v left, want %v", tc.what, got, tc.want)
		}
	}
}

// TestDeadlineWithoutSense: one that is further away than was ever asked for has passed.
func TestDeadlineWithoutSense(t *testing.T) {
	now := Moment{Wall: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Boot: "one", Steady: time.Hour}
	y9999 := time.Date(9999, 1, 2, 3, 4, 5, 0, time.UTC)
	for what, change := range map[string]func(*Deadline){
		"steady clock ahead":         func(d *Deadline) { d.Steady += time.Hour },
		"steady clock at its end":    func(d *Deadline) { d.Steady = math.MaxInt64 },
		"steady clock before 0":      func(d *Deadline) { d.Steady = math.MinInt64 },
		"the year 9999":              func(d *Deadline) { d.Boot, d.Wall = "two", y9999 },
		"set in the year 9999":       func(d *Deadline) { d.Set, d.Wall, d.Boot = y9999, y9999, "two" },
		"set in year 1":              func(d *Deadline) { *d = Deadline{Wall: y9999, Boot: "two"} },
		"over before it was set":     func(d *Deadline) { d.Set = d.Wall.Add(time.Second) },
		"more than can be asked for": func(d *Deadline) { *d = now.In(2 * time.Hour) },
	} {
		d := now.In(time.Minute)
		if left := d.Left(now, time.Hour); left != time.Minute {
			t.Fatalf("%v left", left)
		}
		change(&d)
		if left := d.Left(now, time.Hour); left != 0 {
			t.Errorf("%s: %v left", what, left)
		}
	}
}

// TestGood: the last good policy of a file is kept beside the record, for that file alone.
func TestGood(t *testing.T) {
	const id = "/etc/sgfw/sgfw.yaml"
	s := NewStore(filepath.Join(t.TempDir(), "state"), id)
	if g, err := s.LoadGood(id); g != nil || err != nil {
		t.Errorf("nothing kept: %+v, %v", g, err)
	}
	for _, text := range []string{"one", "two"} {
		want := Good{File: id, Policy: source.NewRevision([]byte(text)),
			At: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
		if err := s.SaveGood(want); err != nil {
			t.Fatal(err)
		}
		if g, err := s.LoadGood(id); err != nil || g == nil || g.File != id || !g.At.Equal(want.At) ||
			!g.Policy.Same(want.Policy) || !g.Policy.Intact() {
			t.Errorf("%+v, %v, want %+v", g, err, want)
		}
	}
	if r, err := s.Load(); r != nil || err != nil {
		t.Errorf("it is no record: %+v, %v", r, err)
	}
	if g, err := s.LoadGood("/another"); g != nil || err != nil {
		t.Errorf("that of another file: %+v, %v", g, err)
	}
	path := filepath.Join(s.dir, s.goodName())
	for _, text := range []string{"", "{", `{"version":1}`, `{"version":2,"last_good":{}}`,
		`{"version":1,"last_good":{"file":"` + id + `","policy":{"text":"AA==","sha256":"00"}}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if g, err := s.LoadGood(id); g != nil || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: %+v, %v", text, g, err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if g, err := s.LoadGood(id); g != nil || !errors.Is(err, ErrUntrusted) {
		t.Errorf("others can write it: %+v, %v", g, err)
	}
}
