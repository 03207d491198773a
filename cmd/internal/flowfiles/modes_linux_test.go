package flowfiles

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// TestModes: the group reads what is written, whatever the umask, and others do not. What was
// there keeps its mode.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, mask := range []int{0o077, 0} {
		old := unix.Umask(mask)
		s := open(t, policy.FlowLog{Destination: dir, Megabytes: 1}, nil)
		s.Put(at(1, 0), []flowlog.Record{record(1, at(1, 0))})
		if !s.Close(patience) {
			t.Error("not all is written")
		}
		unix.Umask(old)
	}
	entries := 0
	err := filepath.WalkDir(filepath.Dir(dir), func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		entries++
		info, err := e.Info()
		want := os.FileMode(0o640)
		if e.IsDir() {
			want = os.ModeDir | 0o750
		}
		if err == nil && info.Mode() != want {
			t.Errorf("%s is %s, want %s", p, info.Mode(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if entries != 2+8+2 { // a, b; AWSLogs to the hour; a file of each run
		t.Errorf("%d entries", entries)
	}
	const mine = 0o700
	if err := os.Chmod(dir, mine); err != nil {
		t.Fatal(err)
	}
	if err := makeFolders(dir, os.Mkdir, os.Chmod); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != mine {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
