package source

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sgfw/policy"
)

// Everybody is what [Writer.Who] calls all users.
const Everybody = "everybody"

// Writer is somebody who can change what a file says. The zero Writer is nobody.
type Writer struct {
	// Who is Everybody, a user such as "user 1000", or "".
	Who string
	// Path is the file, or the directory above it, that gives the right.
	Path string
}

// Writers says who besides root can change what a file says, or put another one in its
// place: everybody sooner than a user, and this process's own user last. It looks at the
// file, at every directory on the way to it and at every link, wherever in the path: what
// gives the right is the one of them that is closest to the file. What cannot be looked at
// is passed over.
func Writers(path string) Writer {
	var others, own Writer
	for _, step := range slices.Backward(steps(path)) {
		if step.anybodys() {
			return Writer{Everybody, step.path}
		}
		st, ok := step.info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		switch uid := int(st.Uid); {
		case foreign(uid):
			others = cmp.Or(others, Writer{user(uid), step.path})
		case uid != 0 && uid == os.Geteuid():
			own = cmp.Or(own, Writer{user(uid), step.path})
		}
	}
	return cmp.Or(others, own)
}

// maxLinks bounds the links on the way to a file, as the kernel does (path_resolution(7)).
const maxLinks = 40

// step is a directory, a link or a file at the end on the way along a path. Whoever can
// write to a directory, or owns what is in it, can lead the way elsewhere.
type step struct {
	path string // without links before its last part
	info fs.FileInfo
}

// steps are those along a path, as the kernel goes it, as far as there is one.
func steps(path string) (out []step) {
	const root = string(filepath.Separator)
	if !filepath.IsAbs(path) {
		// Not filepath.Abs: behind a link .. is the directory above its end.
		here, err := os.Getwd()
		if err != nil {
			return nil
		}
		path = here + root + path
	}
	at, links := root, 0
	look := func(p string) (fs.FileInfo, bool) {
		fi, err := os.Lstat(p)
		if err != nil {
			return nil, false
		}
		out = append(out, step{p, fi})
		return fi, true
	}
	look(root)
	ahead := parts(path)
	for len(ahead) > 0 {
		part := ahead[0]
		ahead = ahead[1:]
		if part == ".." {
			at = filepath.Dir(at) // at is no link
			continue
		}
		next := filepath.Join(at, part)
		fi, ok := look(next)
		switch {
		case !ok:
			return out
		case fi.Mode()&fs.ModeSymlink == 0:
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return out
		}
		if filepath.IsAbs(target) {
			at = root
		}
		ahead = append(parts(target), ahead...)
	}
	return out
}

// parts are the names in a path.
func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, string(filepath.Separator)),
		func(s string) bool { return s == "" || s == "." })
}

func user(uid int) string { return fmt.Sprintf("user %d", uid) }

// overflowUID is the owner of what belongs to nobody in a user namespace
// (user_namespaces(7)).
const overflowUID = 65534

// foreign reports whether a user is neither root nor the one of this process. Owners
// outside of a user namespace are those who made it, and no user in it.
func foreign(uid int) bool {
	return uid != 0 && uid != os.Geteuid() && (uid != overflowUID || mapped(uid))
}

// mapped reports whether the user namespace has the user. Without such namespaces there
// are all users.
func mapped(uid int) bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		var first, outside, n int
		if _, err := fmt.Sscan(line, &first, &outside, &n); err == nil && uid >= first && uid-first < n {
			return true
		}
	}
	return false
}

// anybodys reports whether everybody can write to a file or directory. In a sticky
// directory only the owner of a file can replace it. The mode of a link means nothing.
func (s step) anybodys() bool {
	mode := s.info.Mode()
	return mode&fs.ModeSymlink == 0 && mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0
}

// Hint is what takes the right away, "" for nobody.
func (w Writer) Hint() string {
	switch w.Who {
	case "":
		return ""
	case Everybody:
		return "chmod o-w " + w.Path
	}
	return "chown root " + w.Path + ", or keep the policy in a directory of root's"
}

// Untrusted warns of a policy file that others can write, as [Writers] says; name is what
// messages call the file. It is nil for nobody, and for this process's own user.
func Untrusted(name string, w Writer) policy.Problems {
	if w.Who == "" || w.Who == user(os.Geteuid()) {
		return nil
	}
	return policy.Problems{{
		Pos: policy.Pos{File: name}, Severity: policy.SeverityWarning, Hint: w.Hint(),
		Message: w.Who + " can change this file, and so what is enforced after the next reload",
	}}
}
