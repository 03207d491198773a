package flowfiles

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// awaitLost waits until a sink has lost so many records.
func awaitLost(t *testing.T, s *Sink, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.Status().Lost < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d lost, want %d", s.Status().Lost, n)
		}
	}
}

// TestUnusable: a destination that is no folder loses records and is tried again.
func TestUnusable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, policy.FlowLog{Destination: dir, Megabytes: 1}, nil)
	s.Put(at(1, 0), []flowlog.Record{record(1, at(1, 0))})
	awaitLost(t, s, 1)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.Put(at(1, 1), []flowlog.Record{record(2, at(1, 1))})
	if !s.Close(patience) {
		t.Fatal("not all is written")
	}
	for _, text := range files(t, dir) {
		want := fmt.Sprintf("srcport start log-status\n- %d SKIPDATA\n2 %d OK\n", at(1, 0), at(1, 1))
		if text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
	if got := s.Status(); got.Failure != "" || got.Lost != 1 || got.Written != 1 {
		t.Errorf("%+v", got)
	}
}

// TestReplaced: a folder that is deleted and made again loses a window, and the next one is
// written to the new folder.
func TestReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	s := open(t, policy.FlowLog{Destination: dir, Megabytes: 1}, nil)
	s.Put(at(1, 0), []flowlog.Record{record(1, at(1, 0))})
	for deadline := time.Now().Add(patience); s.Status().Written == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	s.Put(at(1, 5), []flowlog.Record{record(2, at(1, 5))})
	s.Put(at(1, 6), []flowlog.Record{record(3, at(1, 6))})
	if !s.Close(patience) {
		t.Fatal("not all is written")
	}
	got := files(t, dir)
	want := fmt.Sprintf("srcport start log-status\n- %d SKIPDATA\n3 %d OK\n", at(1, 5), at(1, 6))
	for _, text := range got {
		if text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
	if len(got) != 1 {
		t.Errorf("%d files, want 1", len(got))
	}
	if got := s.Status(); got.Failure != "" || got.Lost != 1 || got.Written != 2 {
		t.Errorf("%+v", got)
	}
}

// once is a stream of which the first write fails.
type once struct {
	bytes.Buffer
	failed bool
}

func (o *once) Write(p []byte) (int, error) {
	if !o.failed {
		o.failed = true
		return 0, errors.New("no space")
	}
	return o.Buffer.Write(p)
}

// TestLastIsLost: that the records of the last window are lost has a line, too.
func TestLastIsLost(t *testing.T) {
	var out once
	s := open(t, policy.FlowLog{Destination: policy.FlowLogStdout}, &out)
	s.Put(at(1, 0), []flowlog.Record{record(1, at(1, 0))})
	if !s.Close(patience) {
		t.Fatal("not all is written")
	}
	if want := fmt.Sprintf("- %d SKIPDATA\n", at(1, 0)); out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if got := s.Status(); got.Lost != 1 || got.Written != 0 {
		t.Errorf("%+v", got)
	}
}

// TestPruneGoesOn: an old file that cannot be deleted stays, newer ones go, and it is told.
func TestPruneGoesOn(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var paths []string
	for hour := range 5 {
		f, err := create(root, policy.FlowLog{Destination: dir}, time.Unix(at(hour, 0), 0),
			strings.Repeat("x", 999))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, f.name)
		f.Close()
	}
	for _, c := range []struct {
		held  int // so many of the oldest cannot be deleted
		most  int64
		want  string
		stays string
	}{{1, 3000, "busy", "[0 3 4]"}, {4, 2000, "busy, and 1 others", "[0 3 4]"},
		{0, 2000, "<nil>", "[3 4]"}} {
		err := prune(root.FS(), func(p string) error {
			if slices.Contains(paths[:c.held], p) {
				return errors.New("busy")
			}
			return root.Remove(p)
		}, c.most)
		if fmt.Sprint(err) != c.want {
			t.Errorf("%d held: %v, want %s", c.held, err, c.want)
		}
		var left []int
		for i, p := range paths {
			if _, err := root.Stat(p); err == nil {
				left = append(left, i)
			}
		}
		if fmt.Sprint(left) != c.stays {
			t.Errorf("%d held: %v are left, want %s", c.held, left, c.stays)
		}
	}
}

// TestTellsKept: that old files stay is told once, and once that they do not any more.
func TestTellsKept(t *testing.T) {
	var told []string
	s := &Sink{cfg: Config{Kept: func(why string) { told = append(told, why) }}}
	for _, err := range []error{nil, errors.New("busy"), errors.New("busy"), nil, nil} {
		s.tellKept(err)
	}
	if want := []string{"busy", ""}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
