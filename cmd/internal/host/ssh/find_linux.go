package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sshPort is where SSH servers listen by default (RFC 4253 §4.1); a listener
// on it counts even if no process tells that it is an SSH server (it may be
// systemd, for a socket-activated one).
const sshPort = 22

// servers are the names (/proc/PID/comm) of programs that serve SSH.
var servers = []string{"sshd", "sshd-session", "sshd-auth", "dropbear", "tinysshd"}

// maxAncestors bounds the walk to the caller's SSH_CONNECTION.
const maxAncestors = 64

// TCP states of inet_diag (include/net/tcp_states.h).
const (
	tcpEstablished = 1
	tcpListen      = 10
)

// Find returns the live SSH sessions into the network namespace of the calling
// thread: every established connection to a port on which an SSH server
// listens, and the caller's own, given as the value of SSH_CONNECTION (see
// [Caller]; "" for none). Those of which no device is known, and of the machine
// with itself, are left out.
func Find(caller string) ([]Session, error) {
	pairs, err := established()
	// A value that is not one of sshd's names no session.
	if client, server, perr := ParseConnection(caller); perr == nil {
		pairs = append(pairs, Session{Client: client, Server: server})
	}
	var out []Session
	for _, s := range pairs {
		if s.Client.Addr().IsLoopback() || slices.ContainsFunc(out, func(o Session) bool {
			return o.Client == s.Client && o.Server == s.Server
		}) {
			continue
		}
		if s.Devices, s.Toward = devices(s); len(s.Devices) > 0 {
			out = append(out, s)
		}
	}
	return out, err
}

// established lists the connections to SSH servers by socket diagnostics.
func established() ([]Session, error) {
	socks, err := tcpSockets()
	if err != nil {
		return nil, err
	}
	serving, named := serverSockets()
	return sessions(socks, serving, append(named, configuredPorts("/")...)), nil
}

// tcpSockets lists the TCP sockets of the network namespace of the calling thread.
func tcpSockets() (socks []*netlink.Socket, err error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := netlink.SocketDiagTCP(family)
		// A dump that changed while it ran lacks at most what is new.
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("ssh: list TCP sockets: %w", err)
		}
		socks = append(socks, list...)
	}
	return socks, nil
}

// sessions picks, from all TCP sockets, the connections to listening ports of SSH: those
// of one of the servers' sockets (by inode), sshPort and configured ports. Of a port that
// somebody else listens on for the server, as systemd does, the server's connections
// tell. A server's socket is root's: anybody can give a process the name of a server,
// and would bar every stricter policy with a connection to it.
func sessions(socks []*netlink.Socket, serving map[uint32]bool, configured []uint16) []Session {
	ports, listening := make(map[uint16]bool), listeners(socks)
	for _, s := range socks {
		if serving[s.INode] && s.UID == 0 || s.ID.SourcePort == sshPort ||
			slices.Contains(configured, s.ID.SourcePort) {
			ports[s.ID.SourcePort] = listening[s.ID.SourcePort]
		}
	}
	var out []Session
	for _, s := range socks {
		if s.State != tcpEstablished || !ports[s.ID.SourcePort] {
			continue
		}
		out = append(out, Session{
			Client: endpoint(s.ID.Destination, s.ID.DestinationPort),
			Server: endpoint(s.ID.Source, s.ID.SourcePort),
		})
	}
	return out
}

// listeners are the ports that anybody listens on.
func listeners(socks []*netlink.Socket) map[uint16]bool {
	out := make(map[uint16]bool)
	for _, s := range socks {
		if s.State == tcpListen {
			out[s.ID.SourcePort] = true
		}
	}
	return out
}

func endpoint(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// serverSockets returns the inodes of all sockets that SSH servers hold open, and the
// ports that root's servers were told on their command lines. What /proc does not show is
// not found: without CAP_SYS_PTRACE, as in a service's sandbox, that is every socket.
func serverSockets() (serving map[uint32]bool, named []uint16) {
	serving = make(map[uint32]bool)
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, comm := range comms {
		name, err := os.ReadFile(comm)
		if err != nil || !slices.Contains(servers, strings.TrimSpace(string(name))) {
			continue
		}
		dir := filepath.Dir(comm)
		for _, n := range socketsOf(dir) {
			serving[n] = true
		}
		if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && isRoots(dir) {
			// sshd writes its arguments anew, as one text.
			named = append(named, optionPorts(strings.FieldsFunc(string(line),
				func(r rune) bool { return r == 0 || r == ' ' }))...)
		}
	}
	return serving, named
}

// isRoots reports whether the real user of a process is root. The owner of its files in
// /proc does not tell: it is root for everybody's process that is not dumpable.
func isRoots(dir string) bool {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 0 && f[0] == "0"
		}
	}
	return false
}

// socketsOf are the inodes of the sockets that a process holds open.
func socketsOf(dir string) (out []uint32) {
	dir = filepath.Join(dir, "fd")
	fds, _ := os.ReadDir(dir)
	for _, fd := range fds {
		target, _ := os.Readlink(filepath.Join(dir, fd.Name()))
		s, ok := strings.CutPrefix(target, "socket:[")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSuffix(s, "]"), 10, 32); err == nil {
			out = append(out, uint32(n))
		}
	}
	return out
}

// parent reads the parent's PID from /proc/PID/stat, where the command name
// may hold blanks and parentheses (proc_pid_stat(5)).
func parent(dir string) int {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(stat[max(bytes.LastIndexByte(stat, ')'), 0):]), " ")
	f := strings.Fields(rest)
	if !ok || len(f) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(f[1])
	return pid
}

// devices names the devices that may carry a session, and those of them that the
// client is behind.
func devices(s Session) (out, toward []string) {
	add := func(list *[]string, index int) {
		l, err := netlink.LinkByIndex(index)
		if err != nil || l.Attrs().Flags&net.FlagLoopback != 0 {
			return
		}
		if n := l.Attrs().Name; !slices.Contains(*list, n) {
			*list = append(*list, n)
		}
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, nil
	}
	server, client := s.Server.Addr().WithZone(""), s.Client.Addr().WithZone("")
	own := false
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		switch ip = ip.Unmap(); {
		case !ok:
		case ip == client:
			// The machine talks to itself, over lo.
			return nil, nil
		case ip == server:
			// A link-local address may be on several devices; each is asked.
			own = true
			add(&out, a.LinkIndex)
		}
	}
	if server.IsLinkLocalUnicast() {
		return out, out
	}
	// SSH_CONNECTION may speak of another network namespace.
	if !own {
		return out, nil
	}
	routes, err := netlink.RouteGet(client.AsSlice())
	if err != nil {
		return out, nil
	}
	for _, r := range routes {
		add(&out, r.LinkIndex)
		add(&toward, r.LinkIndex)
	}
	return out, toward
}
