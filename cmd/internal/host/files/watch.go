// Package files is a watcher of files: it tells when one has settled after a change,
// however it was made: written in place, replaced by a rename, or reached through a
// symbolic link that was swapped (as Kubernetes does with a ConfigMap). It watches
// directories, because a watch on a file stays with the file that was replaced.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Delays says how long a change takes to count as over. The zero value is not usable.
type Delays struct {
	// Quiet is how long nothing must happen after a change: editors and tools
	// write, rename and set modes in several steps.
	Quiet time.Duration
	// Most is how long a busy directory can put off the call.
	Most time.Duration
	// Again is the pause between two looks at which directories there are: one
	// that was removed and made again has a new watch after it.
	Again time.Duration
}

// DefaultDelays suit files that people and tools save.
var DefaultDelays = Delays{Quiet: 300 * time.Millisecond, Most: 3 * time.Second,
	Again: 5 * time.Second}

// maxLinks bounds a chain of symbolic links, as the kernel does (path_resolution(7)).
const maxLinks = 40

// Follow calls settled each time something changed in a directory that the way to
// path leads through, and then nothing for a while; also once at the begin. It is
// for settled to look whether the file says something new. Follow returns nil when
// ctx ends.
func Follow(ctx context.Context, path string, d Delays, settled func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer w.Close()
	f := follower{watcher: w, path: path}
	if _, err := f.refresh(); err != nil {
		return err
	}
	again := time.NewTicker(d.Again)
	defer again.Stop()
	// What changed before the watches were there is noticed now.
	settle := time.NewTimer(0)
	defer settle.Stop()
	var latest time.Time // when a change must be told of, zero for none
	changed := func() {
		now := time.Now()
		if latest.IsZero() {
			latest = now.Add(d.Most)
		}
		settle.Reset(min(d.Quiet, latest.Sub(now)))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
			changed()
		case err, ok := <-w.Errors:
			if !ok {
				return nil
			}
			// Lost events are changes, too.
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch %s: %w", path, err)
			}
			changed()
		case <-again.C:
			// A new directory may have come with a new file.
			if moved, err := f.refresh(); err != nil {
				return err
			} else if moved {
				changed()
			}
		case <-settle.C:
			latest = time.Time{}
			// A link that was swapped leads through other directories now.
			if _, err := f.refresh(); err != nil {
				return err
			}
			settled()
		}
	}
}

// follower keeps watches on the directories of one path.
type follower struct {
	watcher *fsnotify.Watcher
	path    string
}

// refresh watches the directories that there are now and reports whether they
// are others than before. One that is gone has lost its watch already.
func (f *follower) refresh() (moved bool, err error) {
	have, want := f.watcher.WatchList(), directories(f.path)
	for _, dir := range want {
		if slices.Contains(have, dir) {
			continue
		}
		if err := f.watcher.Add(dir); errors.Is(err, fs.ErrNotExist) {
			continue // it went between the look and the watch
		} else if err != nil {
			return moved, fmt.Errorf("watch %s: %w", dir, err)
		}
		moved = true
	}
	for _, dir := range have {
		if !slices.Contains(want, dir) {
			// It may have gone by itself meanwhile.
			_ = f.watcher.Remove(dir)
		}
	}
	return moved, nil
}

// directories lists the real directories in which the path, the links that it
// leads through and the file at its end have their names.
func directories(path string) []string {
	var out []string
	add := func(dir string) string {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil && !slices.Contains(out, real) {
			out = append(out, real)
		}
		return real
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	for range maxLinks {
		// A directory on the way may be a link itself: its name is a place to watch.
		for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if fi, err := os.Lstat(dir); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
				add(filepath.Dir(dir))
			}
		}
		add(filepath.Dir(path))
		target, err := os.Readlink(path)
		if err != nil {
			break // the file itself, or nothing
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return out
}
