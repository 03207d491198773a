package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// lookUp asks the kernel who connected, or who listens (SO_PEERCRED, unix(7)).
func lookUp(c net.Conn) peer {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return peer{}
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return peer{}
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return peer{}
	}
	return peer{uid: cred.Uid, pid: int(cred.Pid), known: true}
}
