package state

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestAltnames(t *testing.T) {
	s := NewStore(filepath.Join(t.TempDir(), "state"), "/etc/sgfw/sgfw.yaml")
	if a, err := s.LoadAltnames(); len(a.Numbers) > 0 || err != nil {
		t.Errorf("nothing kept: %+v, %v", a, err)
	}
	for _, numbers := range []map[string]uint32{{"lan": 2, "wan": 7}, {}} {
		want := Altnames{Boot: "b", Network: 4026531840, Numbers: numbers}
		if err := s.SaveAltnames(want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.LoadAltnames(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if r, err := s.Load(); r != nil || err != nil {
		t.Errorf("it is no record: %+v, %v", r, err)
	}
	path := filepath.Join(s.dir, s.altnamesName())
	for _, text := range []string{"", "{", `{"version":1}`, `{"version":2,"altnames":{}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := s.LoadAltnames(); len(a.Numbers) > 0 || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadAltnames(); !errors.Is(err, ErrUntrusted) {
		t.Errorf("others can write it: %v", err)
	}
}
