package source

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriters: a file is as safe as the directories that it is in, and as the link that
// leads to it.
func TestWriters(t *testing.T) {
	root := os.Geteuid() == 0
	for name, tc := range map[string]struct {
		file, dir, above os.FileMode
		owner            int // of the file, -1 for us
		link             bool
		want             string
	}{
		"ours":                  {0o644, 0o755, 0o755, -1, false, ""},
		"a group's":             {0o664, 0o775, 0o755, -1, false, ""},
		"0666":                  {0o666, 0o755, 0o755, -1, false, Everybody},
		"an open directory":     {0o644, 0o777, 0o755, -1, false, Everybody},
		"a sticky one":          {0o644, 0o777 | os.ModeSticky, 0o755, -1, false, ""},
		"0666 in a sticky one":  {0o666, 0o777 | os.ModeSticky, 0o755, -1, false, Everybody},
		"a directory above":     {0o644, 0o755, 0o777, -1, false, Everybody},
		"a link to it":          {0o644, 0o755, 0o777, -1, true, Everybody},
		"somebody else's":       {0o644, 0o755, 0o755, 54321, false, "user 54321"},
		"a link to somebody's":  {0o600, 0o755, 0o755, 54321, true, "user 54321"},
		"somebody's, and 0666 ": {0o666, 0o755, 0o755, 54321, false, Everybody},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.owner >= 0 && !root {
				t.Skip("needs root")
			}
			above := filepath.Join(t.TempDir(), "above")
			dir := filepath.Join(above, "dir")
			path := filepath.Join(dir, "policy.yaml")
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(os.MkdirAll(dir, 0o755))
			must(os.WriteFile(path, nil, 0o600))
			if tc.owner >= 0 {
				must(os.Chown(path, tc.owner, -1))
			}
			must(os.Chmod(path, tc.file))
			must(os.Chmod(dir, tc.dir))
			must(os.Chmod(above, tc.above))
			if tc.link {
				link := filepath.Join(t.TempDir(), "link")
				must(os.Symlink(path, link))
				path = link
			}
			want := tc.want
			if want == "" && !root {
				want = user(os.Geteuid())
			}
			if got := Writers(path); got != want {
				t.Errorf("%q can write, want %q", got, want)
			}
			if ps := Untrusted(path, Writers(path)); (len(ps) > 0) != (tc.want != "") ||
				ps.Err() != nil {
				t.Errorf("%v", ps)
			}
		})
	}
	if got := Writers(filepath.Join(t.TempDir(), "nothing")); got != "" {
		t.Errorf("of a file that is not there: %q", got)
	}
}
