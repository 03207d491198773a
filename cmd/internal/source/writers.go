package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sgfw/policy"
)

// Everybody is what [Writers] calls all users.
const Everybody = "everybody"

// Writers says who besides root can change what a file says, or
// put another one in its place: Everybody, a user such as "user 1000", or "" for nobody.
// A link is as safe as both ends of it. What cannot be looked at is passed over.
func Writers(path string) (who string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	ends := []string{path}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		ends = append(ends, target)
	}
	for _, end := range ends {
		for _, p := range []string{end, filepath.Dir(end)} {
			fi, err := os.Stat(p)
			if err != nil {
				continue
			}
			if anybodys(fi) {
				return Everybody
			}
			if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && who == "" {
				who = user(int(st.Uid))
			}
		}
		// Whoever can rename a directory above puts another one in its place.
		for dir := filepath.Dir(end); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if fi, err := os.Stat(dir); err == nil && anybodys(fi) {
				return Everybody
			}
		}
	}
	return who
}

func user(uid int) string { return fmt.Sprintf("user %d", uid) }

// anybodys reports whether everybody can write to a file or directory. In a sticky
// directory only the owner of a file can replace it.
func anybodys(fi fs.FileInfo) bool {
	return fi.Mode().Perm()&0o002 != 0 && fi.Mode()&fs.ModeSticky == 0
}

// Untrusted warns of a policy file that others can write, as [Writers] says; name is what
// messages call the file. It is nil for nobody, and for this process's own user.
func Untrusted(name, writers string) policy.Problems {
	if writers == "" || writers == user(os.Geteuid()) {
		return nil
	}
	hint := "chown root " + name
	if writers == Everybody {
		hint = "chmod o-w " + name + ", or its directory"
	}
	return policy.Problems{{
		Pos: policy.Pos{File: name}, Severity: policy.SeverityWarning, Hint: hint,
		Message: writers + " can change this file, and so what is enforced after the next reload",
	}}
}
