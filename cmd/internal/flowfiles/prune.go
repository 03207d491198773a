package flowfiles

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
)

// prune deletes the oldest files of flow logs until all have together at most so many bytes.
// The newest one stays. What is called otherwise is not ours and not counted.
func prune(root *os.Root, most int64) error {
	type old struct {
		path, time string
		size       int64
	}
	var files []old
	var sum int64
	err := fs.WalkDir(root.FS(), "AWSLogs", func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if m := ours.FindStringSubmatch(e.Name()); m != nil {
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // somebody has deleted it meanwhile
			} else if err != nil {
				return err
			}
			files = append(files, old{p, m[1], info.Size()})
			sum += info.Size()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	slices.SortFunc(files, func(a, b old) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.path, b.path))
	})
	for len(files) > 1 && sum > most {
		if err := root.Remove(files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		sum -= files[0].size
		// Folders that have something stay.
		for dir := path.Dir(files[0].path); dir != "." && root.Remove(dir) == nil; {
			dir = path.Dir(dir)
		}
		files = files[1:]
	}
	return nil
}
