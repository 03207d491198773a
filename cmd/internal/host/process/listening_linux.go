package process

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unixSockets is the kernel's list of the unix sockets of the thread's network namespace,
// for everybody to read: Num, RefCount, Protocol, Flags, Type, St, Inode, Path
// (unix_seq_show, net/unix/af_unix.c).
const unixSockets = "/proc/thread-self/net/unix"

// acceptsConnections marks a socket that listens (SO_ACCEPTCON).
const acceptsConnections = "00010000"

// ListeningOn tells whether somebody listens on the unix socket at path. Anybody may ask.
func ListeningOn(path string) Listening {
	list, err := listeners()
	if err != nil {
		return ListeningUnknown
	}
	absolute, err := filepath.Abs(path)
	answer := ListeningNobody
	for _, bound := range list {
		switch {
		case bound == path, err == nil && bound == absolute:
			return ListeningSomebody
		case !filepath.IsAbs(bound) && filepath.Base(bound) == filepath.Base(path):
			answer = ListeningUnknown // relative to a directory that is not known
		}
	}
	return answer
}

// Sockets are the unix sockets with a name that a process listens on, in this network
// namespace and as far as /proc shows them.
func Sockets(pid int) (paths []string) {
	list, _ := listeners()
	descriptors, _ := filepath.Glob(Path(pid, "fd/*"))
	for _, d := range descriptors {
		target, err := os.Readlink(d)
		inode, ok := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		if path := list[inode]; err == nil && ok && path != "" {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// listeners are the paths of unix sockets that somebody listens on, by inode.
func listeners() (map[string]string, error) {
	f, err := os.Open(unixSockets)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make(map[string]string)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path := lines.Text()
		var column [7]string
		for i := range column {
			column[i], path, _ = strings.Cut(strings.TrimLeft(path, " "), " ")
		}
		// Abstract names begin with @.
		if column[3] == acceptsConnections && path != "" && path[0] != '@' {
			out[column[6]] = path
		}
	}
	return out, lines.Err()
}
