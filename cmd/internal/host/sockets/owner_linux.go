package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// ownersShare is how much of a second is spent on looking for processes. A walk through
	// the descriptors of many takes its time; what is asked beyond that is not known.
	ownersShare = 200 * time.Millisecond
	// maxOwners bounds what is remembered of sockets.
	maxOwners = 1024
	// Offsets in struct inet_diag_msg (linux/inet_diag.h): of the other side's port and address,
	// and of the inode.
	replyPeerPort, replyPeer, replyInode = 6, 24, 68
	// anyLive are the states of sockets that may send: all but listeners and those that are
	// over. Unconnected sockets of UDP are in state 7 (closed).
	anyLive = (1<<13 - 1) &^ (1<<0 | 1<<listening)
)

// Owners finds the processes that sent packets, in the network namespace of the thread that
// made it. It is for one goroutine.
type Owners struct {
	find  *Finder
	known map[uint32]Owner
	// began is the second in which spent was spent.
	began time.Time
	spent time.Duration
}

// NewOwners returns an Owners. Close it.
func NewOwners() (*Owners, error) {
	f, err := NewFinder()
	if err != nil {
		return nil, err
	}
	return &Owners{find: f, known: make(map[uint32]Owner)}, nil
}

// Close releases what it asks the kernel by.
func (o *Owners) Close() error { return o.find.Close() }

// Of returns the process whose socket sends from local to remote, of TCP or UDP. It is false
// where no such socket is there any more, where the process is not to be seen (those of other
// users need CAP_SYS_PTRACE), and where no time is left in this second.
func (o *Owners) Of(protocol uint8, local, remote netip.AddrPort) (Owner, bool) {
	began := time.Now()
	if began.Sub(o.began) >= time.Second {
		o.began, o.spent = began, 0
	}
	if o.spent >= ownersShare || protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP {
		return Owner{}, false
	}
	defer func() { o.spent += time.Since(began) }()
	inode, err := o.inode(protocol, local, remote)
	if err != nil || inode == 0 {
		return Owner{}, false
	}
	if owner, ok := o.known[inode]; ok {
		return owner, true
	}
	owner, ok := holderOf(inode, began.Add(ownersShare-o.spent))
	if ok {
		if len(o.known) >= maxOwners {
			clear(o.known)
		}
		o.known[inode] = owner
	}
	return owner, ok
}

// inode is that of the socket, 0 if there is none.
func (o *Owners) inode(protocol uint8, local, remote netip.AddrPort) (uint32, error) {
	families := []uint8{unix.AF_INET6}
	if local.Addr().Is4() {
		families = []uint8{unix.AF_INET, unix.AF_INET6} // those have IPv4, too
	}
	to := remote.Port()
	if protocol == unix.IPPROTO_UDP {
		to = AnyPort // one that is not connected has none
	}
	var best uint32
	for _, family := range families {
		list, err := o.find.dump(family, protocol, anyLive, local.Port(), to)
		if err != nil {
			return 0, fmt.Errorf("inet_diag: %w", err)
		}
		for _, m := range list {
			if len(m.Data) < replyLen {
				continue
			}
			size := 16
			if m.Data[0] == unix.AF_INET {
				size = 4
			}
			near, _ := netip.AddrFromSlice(m.Data[replySource:][:size])
			far, _ := netip.AddrFromSlice(m.Data[replyPeer:][:size])
			port := binary.BigEndian.Uint16(m.Data[replyPeerPort:])
			inode := binary.NativeEndian.Uint32(m.Data[replyInode:])
			near, far = near.Unmap(), far.Unmap()
			connected := far == remote.Addr() && port == remote.Port()
			switch {
			case near == local.Addr() && connected:
				return inode, nil
			case protocol == unix.IPPROTO_UDP && (near == local.Addr() || near.IsUnspecified()) &&
				port == 0:
				best = inode
			}
		}
	}
	return best, nil
}

// holderOf walks through the descriptors of all processes until one has the socket, or until
// the deadline.
func holderOf(inode uint32, deadline time.Time) (Owner, bool) {
	want := fmt.Sprintf("socket:[%d]", inode)
	proc, err := os.Open("/proc")
	if err != nil {
		return Owner{}, false
	}
	defer proc.Close()
	for time.Now().Before(deadline) {
		names, err := proc.Readdirnames(64)
		for _, name := range names {
			pid, bad := strconv.Atoi(name)
			if bad != nil {
				continue
			}
			if time.Now().After(deadline) {
				return Owner{}, false
			}
			if dir := filepath.Join("/proc", name); holds(filepath.Join(dir, "fd"), want) {
				comm, err := os.ReadFile(filepath.Join(dir, "comm"))
				return Owner{Name: strings.TrimSpace(string(comm)), PID: pid}, err == nil
			}
		}
		if err != nil || len(names) == 0 {
			return Owner{}, false
		}
	}
	return Owner{}, false
}

// holds reports whether one of the descriptors in a folder is what is wanted.
func holds(dir, want string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false
	}
	for _, name := range names {
		if target, err := os.Readlink(filepath.Join(dir, name)); err == nil && target == want {
			return true
		}
	}
	return false
}
