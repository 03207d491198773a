package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// quick are delays that a test can wait for. Between two steps that a test means
// as one change a busy machine may put a pause, which Quiet has to outlast.
var quick = Delays{Quiet: 200 * time.Millisecond, Most: 10 * time.Second,
	Again: 100 * time.Millisecond}

// watched follows a path and remembers what the file said each time that it
// settled, and said something new.
type watched struct {
	*testing.T
	path string
	news chan string
}

func watch(t *testing.T, path string, d Delays) *watched {
	t.Helper()
	w := &watched{T: t, path: path, news: make(chan string, 100)}
	last := w.read()
	ctx, cancel := context.WithCancel(t.Context())
	ended, begun := make(chan error), make(chan struct{}, 1)
	go func() {
		ended <- Follow(ctx, path, d, func() {
			if now := w.read(); now != last {
				last = now
				w.news <- now
			}
			// Only now: what the test writes next must not be read half done.
			select {
			case begun <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-begun
	return w
}

func (w *watched) read() string {
	b, err := os.ReadFile(w.path)
	if err != nil {
		return ""
	}
	return string(b)
}

// expect waits for the news and makes sure that there are no others behind.
func (w *watched) expect(what string, want ...string) {
	w.Helper()
	var got []string
	for len(got) < len(want) {
		select {
		case s := <-w.news:
			got = append(got, s)
		case <-time.After(10 * time.Second):
			w.Fatalf("%s: %q settled, want %q", what, got, want)
		}
	}
	select {
	case s := <-w.news:
		got = append(got, s)
	case <-time.After(2 * quick.Quiet):
	}
	if !slices.Equal(got, want) {
		w.Errorf("%s: %q settled, want %q", what, got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestInPlaceAndRename(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	write(t, path, "0")
	w := watch(t, path, quick)
	w.expect("nothing happened")

	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	for i := range 10 {
		_, err := fmt.Fprint(f, i)
		must(t, err)
		time.Sleep(quick.Quiet / 40)
	}
	must(t, f.Close())
	w.expect("written in place, in ten pieces", "0123456789")

	for i := range 2 {
		text := fmt.Sprint("renamed ", i)
		write(t, filepath.Join(dir, ".p.yaml.tmp"), text)
		must(t, os.Rename(filepath.Join(dir, ".p.yaml.tmp"), path))
		must(t, os.Chmod(path, 0o640))
		w.expect("renamed", text)
	}
	must(t, os.Rename(path, path+"~"))
	write(t, path, "backup kept")
	w.expect("saved as vi does", "backup kept")
	write(t, path, "backup kept")
	must(t, os.Chmod(path, 0o600))
	w.expect("the same again")
}

// TestConfigMap swaps the link ..data as the kubelet does.
func TestConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	swap := func(name, text string) {
		t.Helper()
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "p.yaml"), text)
		must(t, os.Symlink(name, filepath.Join(dir, "..tmp")))
		must(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	swap("..1", "one")
	must(t, os.Symlink(filepath.Join("..data", "p.yaml"), path))
	w := watch(t, path, quick)
	for i, text := range []string{"two", "three"} {
		swap(fmt.Sprintf("..%d", i+2), text)
		must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", i+1))))
		w.expect("swapped", text)
	}
	write(t, filepath.Join(dir, "..3", "p.yaml"), "in place behind the links")
	w.expect("in place", "in place behind the links")
}

func TestLinkToAnotherDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "etc"), 0o700))
	must(t, os.Mkdir(filepath.Join(dir, "srv"), 0o700))
	real, path := filepath.Join(dir, "srv", "real.yaml"), filepath.Join(dir, "etc", "p.yaml")
	write(t, real, "0")
	must(t, os.Symlink(filepath.Join("..", "srv", "real.yaml"), path))
	w := watch(t, path, quick)
	write(t, real, "1")
	w.expect("the target in place", "1")
	must(t, os.Remove(path))
	write(t, path, "2")
	w.expect("the link replaced by a file", "2")
	write(t, real, "3")
	w.expect("the old target")
}

// TestDirectoryComesBack removes the whole directory and makes it again.
func TestDirectoryComesBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("relies on inotify")
	}
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "etc")
	path := filepath.Join(dir, "p.yaml")
	must(t, os.Mkdir(dir, 0o700))
	write(t, path, "0")
	w := watch(t, path, quick)
	must(t, os.RemoveAll(dir))
	w.expect("removed", "")
	must(t, os.Mkdir(dir, 0o700))
	write(t, path, "1")
	w.expect("made again", "1")
	write(t, path, "2")
	w.expect("after that", "2")
}

// TestBusyDirectory: what others do beside the file puts off the call for a
// bounded time.
func TestBusyDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	write(t, path, "0")
	d := quick
	d.Most = 800 * time.Millisecond
	w := watch(t, path, d)
	write(t, path, "1")
	deadline := time.After(10 * time.Second)
	for i := 0; ; i++ {
		select {
		case s := <-w.news:
			if s != "1" {
				t.Errorf("%q settled", s)
			}
			return
		case <-deadline:
			t.Fatal("never told")
		case <-time.After(d.Quiet / 10):
			write(t, filepath.Join(dir, "other"), fmt.Sprint(i))
		}
	}
}
