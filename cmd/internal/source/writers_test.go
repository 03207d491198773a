package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriters: a file is as safe as the directories that it is in, and as the link that
// leads to it.
func TestWriters(t *testing.T) {
	root := os.Geteuid() == 0
	for name, tc := range map[string]struct {
		file, dir, above os.FileMode
		owner            int // of the file, -1 for us
		parents          int // the owner of the directory above, -1 for us
		link             bool
		want             string
		by               string // whose right it is
	}{
		"ours":              {0o644, 0o755, 0o755, -1, -1, false, "", ""},
		"a group's":         {0o664, 0o775, 0o755, -1, -1, false, "", ""},
		"0666":              {0o666, 0o755, 0o755, -1, -1, false, Everybody, "policy.yaml"},
		"an open directory": {0o644, 0o777, 0o755, -1, -1, false, Everybody, "dir"},
		"a sticky one":      {0o644, 0o777 | os.ModeSticky, 0o755, -1, -1, false, "", ""},
		"0666 in a sticky one": {0o666, 0o777 | os.ModeSticky, 0o755, -1, -1, false,
			Everybody, "policy.yaml"},
		"a directory above":     {0o644, 0o755, 0o777, -1, -1, false, Everybody, "above"},
		"a link to it":          {0o644, 0o755, 0o777, -1, -1, true, Everybody, "above"},
		"somebody else's":       {0o644, 0o755, 0o755, 54321, -1, false, "user 54321", "policy.yaml"},
		"a link to somebody's":  {0o600, 0o755, 0o755, 54321, -1, true, "user 54321", "policy.yaml"},
		"somebody's, and 0666 ": {0o666, 0o755, 0o755, 54321, -1, false, Everybody, "policy.yaml"},
		"in somebody's":         {0o644, 0o755, 0o755, -1, 54321, false, "user 54321", "above"},
		"in somebody's sticky": {0o644, 0o755, 0o755 | os.ModeSticky, -1, 54321, false,
			"user 54321", "above"},
		"a link into somebody's": {0o644, 0o755, 0o755, -1, 54321, true, "user 54321", "above"},
	} {
		t.Run(name, func(t *testing.T) {
			if max(tc.owner, tc.parents) >= 0 && !root {
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
			if tc.parents >= 0 {
				must(os.Chown(above, tc.parents, -1))
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
			got := Writers(path)
			if got.Who != want || tc.by != "" && filepath.Base(got.Path) != tc.by {
				t.Errorf("%+v can write, want %q by %s", got, tc.want, tc.by)
			}
			if ps := Untrusted(path, got); (len(ps) > 0) != (tc.want != "") || ps.Err() != nil ||
				len(ps) > 0 && !strings.Contains(ps[0].Hint, " "+got.Path) {
				t.Errorf("%v", ps)
			}
		})
	}
	if got := Writers(filepath.Join(t.TempDir(), "nothing")); got.Who != "" {
		t.Errorf("of a file that is not there: %+v", got)
	}
}

// TestWritersAlongTheWay: links in the middle of a path lead the way as those at its end
// do, and directories behind them count.
func TestWritersAlongTheWay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		open  string // everybody can write to it
		owned string // by user 54321
		want  string
		by    string
	}{
		"nobody": {},
		// etc/policy.d -> ../hop/now, hop/now -> ../srv/v1; the file is srv/v1/policy.yaml.
		"where the first link is":     {open: "etc", want: Everybody, by: "etc"},
		"where the second link is":    {open: "hop", want: Everybody, by: "hop"},
		"above where it ends":         {open: "srv", want: Everybody, by: "srv"},
		"where it ends":               {open: "srv/v1", want: Everybody, by: "srv/v1"},
		"another one beside it":       {open: "srv/v2"},
		"where a link does not lead":  {open: "other"},
		"the first link's owner":      {owned: "etc/policy.d", want: "user 54321", by: "etc/policy.d"},
		"the second link's owner":     {owned: "hop/now", want: "user 54321", by: "hop/now"},
		"the owner of a directory":    {owned: "srv", want: "user 54321", by: "srv"},
		"everybody sooner than owner": {owned: "srv/v1", open: "etc", want: Everybody, by: "etc"},
		"the closest":                 {open: "etc", owned: "etc", want: Everybody, by: "etc"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			at := func(p string) string { return filepath.Join(root, p) }
			for _, dir := range []string{"etc", "srv/v1", "srv/v2", "hop", "other"} {
				must(os.MkdirAll(at(dir), 0o755))
			}
			must(os.Symlink("../hop/now", at("etc/policy.d")))
			must(os.Symlink("../srv/v1", at("hop/now")))
			must(os.WriteFile(at("srv/v1/policy.yaml"), nil, 0o600))
			if tc.open != "" {
				must(os.Chmod(at(tc.open), 0o777))
			}
			if tc.owned != "" {
				must(os.Lchown(at(tc.owned), 54321, -1))
			}
			got := Writers(at("etc/policy.d/policy.yaml"))
			if want := (Writer{tc.want, at(tc.by)}); tc.want == "" && got.Who != "" ||
				tc.want != "" && got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
	t.Run("above the end of a link", func(t *testing.T) {
		root := t.TempDir()
		at := func(p string) string { return filepath.Join(root, p) }
		for _, dir := range []string{"etc", "srv/v1"} {
			must(os.MkdirAll(at(dir), 0o755))
		}
		must(os.Symlink("../srv/v1", at("etc/now")))
		for _, file := range []string{"etc/policy.yaml", "srv/policy.yaml"} {
			must(os.WriteFile(at(file), nil, 0o600))
		}
		must(os.Chmod(at("srv/policy.yaml"), 0o666))
		t.Chdir(root)
		for _, path := range []string{at("etc") + "/now/../policy.yaml", "etc/now/../policy.yaml"} {
			if got, want := Writers(path), (Writer{Everybody, at("srv/policy.yaml")}); got != want {
				t.Errorf("%s: %+v, want %+v", path, got, want)
			}
		}
	})
	t.Run("links in a circle", func(t *testing.T) {
		dir := t.TempDir()
		must(os.Symlink("b", filepath.Join(dir, "a")))
		must(os.Symlink("a", filepath.Join(dir, "b")))
		if got := Writers(filepath.Join(dir, "a", "policy.yaml")); got.Who != "" {
			t.Errorf("%+v", got)
		}
	})
}
