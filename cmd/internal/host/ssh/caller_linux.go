package ssh

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Caller returns the session of whoever runs a command, as SSH_CONNECTION has it: that
// of this process or, as sudo drops it, of the nearest ancestor that has it. Where none
// has, it is the session that the process tree hangs on: the connection from outside
// that the nearest ancestor holds, whatever serves it on whatever port. It is "" if there
// is none, or if SSH_CONNECTION is there and empty. It is not for a daemon: its starter
// may have left long ago.
func Caller() string {
	if s, ok := os.LookupEnv("SSH_CONNECTION"); ok {
		return s
	}
	for dir := range ancestors() {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			break
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if s, ok := strings.CutPrefix(string(v), "SSH_CONNECTION="); ok {
				return s
			}
		}
	}
	return inherited()
}

// ancestors are the directories in /proc of the parent, its parent and so on, but for the
// first process.
func ancestors() iter.Seq[string] {
	return func(yield func(string) bool) {
		for pid, n := os.Getppid(), 0; pid > 1 && n < maxAncestors; n++ {
			dir := filepath.Join("/proc", strconv.Itoa(pid))
			if !yield(dir) {
				return
			}
			pid = parent(dir)
		}
	}
}

// inherited is the connection that the process tree hangs on, "" for none that is known.
// One that this machine has opened, as an agent's to its controller, is none.
func inherited() string {
	socks, err := tcpSockets()
	if err != nil {
		return ""
	}
	listening := listeners(socks)
	inbound := make(map[uint32]Session)
	for _, s := range socks {
		if s.State != tcpEstablished || s.INode == 0 || !listening[s.ID.SourcePort] {
			continue
		}
		session := Session{Client: endpoint(s.ID.Destination, s.ID.DestinationPort),
			Server: endpoint(s.ID.Source, s.ID.SourcePort)}
		if !session.Client.Addr().IsLoopback() {
			inbound[s.INode] = session
		}
	}
	for dir := range ancestors() {
		for _, inode := range socketsOf(dir) {
			if s, ok := inbound[inode]; ok {
				return fmt.Sprintf("%s %d %s %d", s.Client.Addr(), s.Client.Port(), s.Server.Addr(),
					s.Server.Port())
			}
		}
	}
	return ""
}
