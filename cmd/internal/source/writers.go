package source

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
// place: everybody sooner than a user, and this process's own user last.
// A link is as safe as both ends of it. What cannot be looked at is passed over.
func Writers(path string) Writer {
	var others, own Writer
	path, err := filepath.Abs(path)
	if err != nil {
		return Writer{}
	}
	ends := []string{path}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		ends = []string{target, path} // what is found at both is named by its own name
	}
	for _, end := range ends {
		// Whoever can rename in a directory above puts another one in its place.
		for p := end; p != filepath.Dir(p); p = filepath.Dir(p) {
			fi, err := os.Stat(p)
			if err != nil {
				continue
			}
			if anybodys(fi) {
				return Writer{Everybody, p}
			}
			st, ok := fi.Sys().(*syscall.Stat_t)
			if !ok {
				continue
			}
			switch uid := int(st.Uid); {
			case foreign(uid):
				others = cmp.Or(others, Writer{user(uid), p})
			case uid != 0 && uid == os.Geteuid():
				own = cmp.Or(own, Writer{user(uid), p})
			}
		}
	}
	return cmp.Or(others, own)
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
// directory only the owner of a file can replace it.
func anybodys(fi fs.FileInfo) bool {
	return fi.Mode().Perm()&0o002 != 0 && fi.Mode()&fs.ModeSticky == 0
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
