package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestVolatile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.flows")
	if _, err := OpenVolatile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	write := func(text string) *Volatile {
		t.Helper()
		v, err := CreateVolatile(path)
		if err == nil {
			_, err = v.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	says := func(want string) {
		t.Helper()
		f, err := OpenVolatile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 100)
		n, _ := f.Read(b)
		if string(b[:n]) != want {
			t.Errorf("it says %q, want %q", b[:n], want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first := write("first")
	must(first.Install())
	must(first.Install())
	must(first.Close())
	says("first")
	// One that is not complete leaves the earlier one, and nothing behind; also one whose process
	// was killed.
	must(write("half").Close())
	says("first")
	killed := write("killed")
	must(killed.File.Close())
	second := write("second")
	must(second.Install())
	must(second.Close())
	says("second")
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
		t.Errorf("left: %v, %v", list, err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o602} {
		must(os.Chmod(path, mode))
		if _, err := OpenVolatile(path); !errors.Is(err, ErrUntrusted) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	must(os.Chmod(path, 0o600))
	must(os.Symlink(path, path+".link"))
	if _, err := OpenVolatile(path + ".link"); err == nil {
		t.Error("a link was followed")
	}
	if _, err := OpenVolatile(filepath.Dir(path)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a directory: %v", err)
	}
	must(os.Chmod(filepath.Dir(path), 0o777))
	if _, err := OpenVolatile(path); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a directory of everybody: %v", err)
	}
	if _, err := CreateVolatile(path); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a directory of everybody: %v", err)
	}
}
