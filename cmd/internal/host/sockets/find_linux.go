package sockets

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// AnyPort is every port of the other side.
const AnyPort = 0

// Finder asks the kernel for TCP connections of the network namespace of the thread that
// made it. It is for one goroutine.
type Finder struct {
	conn *netlink.Conn
}

// NewFinder returns a Finder. Close it.
func NewFinder() (*Finder, error) {
	conn, err := netlink.Dial(unix.NETLINK_INET_DIAG, nil)
	if err != nil {
		return nil, fmt.Errorf("inet_diag: %w", err)
	}
	return &Finder{conn}, nil
}

// Close releases the socket.
func (f *Finder) Close() error { return f.conn.Close() }

// Offsets in struct inet_diag_req_v2 and struct inet_diag_msg (linux/inet_diag.h), and
// states in which a connection has ended, or is none.
const (
	requestLen    = 56
	requestStates = 4
	requestPorts  = 8
	replySource   = 8
	replyLen      = 72
	timeWait      = 6
	live          = (1<<13 - 1) &^ (1<<0 | 1<<timeWait | 1<<closed | 1<<listening)
)

// Connection reports whether a socket with a local address and port has a live connection to
// a port of anybody: the packet filter may have rewritten the other side's address. For that
// the kernel looks through all connections.
func (f *Finder) Connection(local netip.Addr, localPort, remotePort uint16) (bool, error) {
	families := []uint8{unix.AF_INET6}
	if local.Is4() {
		families = []uint8{unix.AF_INET, unix.AF_INET6} // those have IPv4, too
	}
	for _, family := range families {
		list, err := f.dump(family, unix.IPPROTO_TCP, live, localPort, remotePort)
		if err != nil {
			return false, fmt.Errorf("inet_diag: %w", err)
		}
		for _, m := range list {
			if len(m.Data) < replyLen {
				continue
			}
			source := m.Data[replySource:][:16]
			if m.Data[0] == unix.AF_INET {
				source = source[:4]
			}
			if a, _ := netip.AddrFromSlice(source); a.Unmap() == local {
				return true, nil
			}
		}
	}
	return false, nil
}

// dump lists the sockets of a family and protocol between two ports that are in some states.
func (f *Finder) dump(family, protocol uint8, states uint32, localPort, remotePort uint16) (
	[]netlink.Message, error) {
	req := make([]byte, requestLen)
	req[0], req[1] = family, protocol
	binary.NativeEndian.PutUint32(req[requestStates:], states)
	binary.BigEndian.PutUint16(req[requestPorts:], localPort)
	binary.BigEndian.PutUint16(req[requestPorts+2:], remotePort)
	return f.conn.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  unix.SOCK_DIAG_BY_FAMILY,
			Flags: netlink.Request | netlink.Dump,
		},
		Data: req,
	})
}
