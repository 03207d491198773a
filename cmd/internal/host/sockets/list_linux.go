package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// States of inet_diag (include/net/tcp_states.h). Those of connections that are about to
// end, or have not begun, tell nothing.
const (
	established = 1
	synSent     = 2
	finWait1    = 4
	finWait2    = 5
	closed      = 7 // of UDP: not connected
	closeWait   = 8
	listening   = 10
)

// Lister lists sockets time and again, and remembers which processes have them. The zero
// value is ready. It is for one goroutine.
type Lister struct {
	names map[uint32]string // by inode; "" is a socket that no process was found for
}

// List returns the sockets of the network namespace of the calling thread that listen or are
// connected. Names of processes need CAP_SYS_PTRACE for those of other users.
func (l *Lister) List() ([]Socket, error) {
	out, inodes, err := list()
	if err != nil {
		return nil, err
	}
	l.learn(inodes)
	for i := range out {
		out[i].Process = l.names[inodes[i]]
	}
	return out, nil
}

// Unnamed is [Lister.List] without processes, which take a walk through all of them.
func Unnamed() ([]Socket, error) {
	out, _, err := list()
	return out, err
}

// list returns sockets with their inodes.
func list() (out []Socket, inodes []uint32, err error) {
	for _, d := range []struct {
		protocol uint8
		list     func(uint8) ([]*netlink.Socket, error)
	}{{unix.IPPROTO_TCP, netlink.SocketDiagTCP}, {unix.IPPROTO_UDP, netlink.SocketDiagUDP}} {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			list, err := d.list(family)
			// A dump that changed while it ran lacks at most what is new.
			if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
				return nil, nil, fmt.Errorf("list sockets: %w", err)
			}
			for _, s := range list {
				if found, ok := socketOf(d.protocol, s); ok {
					out, inodes = append(out, found), append(inodes, s.INode)
				}
			}
		}
	}
	return out, inodes, nil
}

func socketOf(protocol uint8, s *netlink.Socket) (Socket, bool) {
	out := Socket{Protocol: protocol, Local: end(s.ID.Source, s.ID.SourcePort),
		Device: s.ID.Interface}
	switch s.State {
	case listening:
	case closed:
		if protocol != unix.IPPROTO_UDP || s.ID.SourcePort == 0 {
			return out, false
		}
	case established, synSent, finWait1, finWait2, closeWait:
		out.Remote = end(s.ID.Destination, s.ID.DestinationPort)
		switch s.State {
		case established, finWait1: // the FIN of the latter is still under way
			out.Phase = PhaseOpen
		case finWait2, closeWait:
			out.Phase, out.Ended = PhaseHalfClosed, s.State == finWait2
		}
	default:
		return out, false
	}
	return out, true
}

func end(ip []byte, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// learn finds the processes of sockets that are new, and forgets those of sockets that are
// gone. It walks through the descriptors of all processes, if there is a new one.
func (l *Lister) learn(inodes []uint32) {
	names := make(map[uint32]string, len(inodes))
	missing := 0
	for _, i := range inodes {
		name, known := l.names[i]
		if i != 0 && !known {
			missing++
		}
		names[i] = name
	}
	l.names = names
	if missing == 0 {
		return
	}
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		dir := filepath.Join("/proc", p.Name())
		descriptors, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, d := range descriptors {
			target, _ := os.Readlink(filepath.Join(dir, "fd", d.Name()))
			text, socket := strings.CutPrefix(target, "socket:[")
			n, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 32)
			if name, wanted := names[uint32(n)]; !socket || err != nil || !wanted || name != "" {
				continue
			}
			comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
			names[uint32(n)] = strings.TrimSpace(string(comm))
		}
	}
}
