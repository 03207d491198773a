package flowfiles

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// prune deletes the oldest files of flow logs until all have together at most so many bytes.
// The newest one stays. What is called otherwise is not ours and not counted. What cannot be
// read or deleted is left, and the next ones are deleted; the error has the first reason.
func prune(folder fs.FS, remove func(string) error, most int64) error {
	type old struct {
		path, time string
		size       int64
	}
	var files []old
	var sum int64
	var why error
	failures := 0
	fail := func(err error) {
		if errors.Is(err, fs.ErrNotExist) {
			return // somebody has deleted it meanwhile
		}
		if failures++; why == nil {
			why = err
		}
	}
	_ = fs.WalkDir(folder, "AWSLogs", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			fail(err)
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		if m := ours.FindStringSubmatch(e.Name()); m != nil {
			info, err := e.Info()
			if err != nil {
				fail(err)
				return nil
			}
			files = append(files, old{p, m[1], info.Size()})
			sum += info.Size()
		}
		return nil
	})
	slices.SortFunc(files, func(a, b old) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.path, b.path))
	})
	for ; len(files) > 1 && sum > most; files = files[1:] {
		if err := remove(files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			fail(err)
			continue
		}
		sum -= files[0].size
		// Folders that have something stay.
		for dir := path.Dir(files[0].path); dir != "." && remove(dir) == nil; {
			dir = path.Dir(dir)
		}
	}
	if failures > 1 {
		return fmt.Errorf("%w, and %d others", why, failures-1)
	}
	return why
}
