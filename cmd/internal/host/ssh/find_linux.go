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
var servers = []string{"sshd", "dropbear", "tinysshd"}

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
	var socks []*netlink.Socket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := netlink.SocketDiagTCP(family)
		// A dump that changed while it ran lacks at most what is new.
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("ssh: list TCP sockets: %w", err)
		}
		socks = append(socks, list...)
	}
	return sessions(socks, serverSockets(), configuredPorts("/etc/ssh")), nil
}

// sessions picks, from all TCP sockets, the connections to ports on which one of
// the server's sockets (by inode) listens, or anybody on sshPort or a
// configured port. A server's socket is root's: anybody can give a process the
// name of a server, and would bar every stricter policy with a connection to it.
func sessions(socks []*netlink.Socket, serving map[uint32]bool, configured []uint16) []Session {
	ports := make(map[uint16]bool)
	for _, s := range socks {
		if s.State == tcpListen && (serving[s.INode] && s.UID == 0 || s.ID.SourcePort == sshPort ||
			slices.Contains(configured, s.ID.SourcePort)) {
			ports[s.ID.SourcePort] = true
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

func endpoint(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// serverSockets returns the inodes of all sockets that SSH servers hold open.
// What /proc does not show is not found: without CAP_SYS_PTRACE, as in a
// service's sandbox, that is everything. sshPort and configured ports are
// covered without it.
func serverSockets() map[uint32]bool {
	out := make(map[uint32]bool)
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, comm := range comms {
		name, err := os.ReadFile(comm)
		if err != nil || !slices.Contains(servers, strings.TrimSpace(string(name))) {
			continue
		}
		dir := filepath.Join(filepath.Dir(comm), "fd")
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			target, _ := os.Readlink(filepath.Join(dir, fd.Name()))
			s, ok := strings.CutPrefix(target, "socket:[")
			if !ok {
				continue
			}
			if n, err := strconv.ParseUint(strings.TrimSuffix(s, "]"), 10, 32); err == nil {
				out[uint32(n)] = true
			}
		}
	}
	return out
}

// Caller returns SSH_CONNECTION of this process or, as sudo drops it, of the
// nearest ancestor that has it; "" if none does. It is the session of whoever
// runs a command, not of a daemon: its starter may have left long ago.
func Caller() string {
	if s := os.Getenv("SSH_CONNECTION"); s != "" {
		return s
	}
	pid := os.Getppid()
	for range maxAncestors {
		if pid <= 1 {
			break
		}
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			break
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if s, ok := strings.CutPrefix(string(v), "SSH_CONNECTION="); ok {
				return s
			}
		}
		if pid = parent(dir); pid == 0 {
			break
		}
	}
	return ""
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
