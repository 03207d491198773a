package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"sgfw/cmd/internal/host/process"
)

// DeniedError says that whoever asks may not ask the daemon, and what can be known all the
// same. It is os.ErrPermission.
type DeniedError struct {
	// Path is the socket's, which is not to be seen if Hidden.
	Path   string
	Hidden bool
	// Group is the group whose members may ask, "" for none.
	Group string
	// Listening tells whether somebody listens.
	Listening process.Listening
}

// denied looks at a socket that may not be connected to.
func denied(path string) *DeniedError {
	e := &DeniedError{Path: path, Listening: process.ListeningOn(path)}
	fi, err := os.Stat(path)
	if err != nil {
		e.Hidden = errors.Is(err, fs.ErrPermission)
		return e
	}
	// A socket of root's own group is for root alone.
	if gid := groupOf(fi); gid > 0 && fi.Mode()&0o020 != 0 {
		e.Group = strconv.Itoa(gid)
		if g, err := user.LookupGroupId(e.Group); err == nil {
			e.Group = g.Name
		}
	}
	return e
}

// groupOf is the number of a file's group, -1 if it is not known.
func groupOf(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Gid)
	}
	return -1
}

// Error says who may ask, and how to.
func (e *DeniedError) Error() string {
	if e.Hidden {
		return fmt.Sprintf("permission denied: whether a daemon listens on %s only root can see "+
			"(hint: sudo)", e.Path)
	}
	who, hint := "only root", "sudo"
	if e.Group != "" {
		who += " and members of the group " + e.Group
		hint += fmt.Sprintf(", or as a member: sudo usermod -aG %s $USER, and log in anew", e.Group)
	}
	there := ""
	switch e.Listening {
	case process.ListeningSomebody:
		there = ", on which a daemon listens"
	case process.ListeningNobody:
		there = ", and no process of this network namespace listens on it: its daemon is in another " +
			"one, or has died and may have left the machine closed"
	}
	return fmt.Sprintf("permission denied: %s may use %s%s (hint: %s)", who, e.Path, there, hint)
}

// Is makes errors.Is(err, os.ErrPermission) hold.
func (e *DeniedError) Is(target error) bool { return target == os.ErrPermission }
