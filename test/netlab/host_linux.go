package netlab

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is a running host of a [Lab]. Its methods are safe for concurrent use.
type Host struct {
	name    string
	ns      namespace
	netlink *netlink.Handle
	devices map[string]*Device

	mu      sync.Mutex
	running map[*Cmd]struct{}
}

// Name is the host's name in the topology.
func (h *Host) Name() string { return h.name }

// NetNS is the descriptor of the host's network namespace, for libraries that
// open sockets in a namespace themselves. It is valid until the lab is closed.
func (h *Host) NetNS() int { return int(h.ns.file.Fd()) }

// Inode identifies the host's network namespace as the kernel shows it in
// /proc/PID/ns/net.
func (h *Host) Inode() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(h.NetNS(), &st); err != nil {
		return 0, fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	return st.Ino, nil
}

// Netlink is a rtnetlink handle inside the host, to look at or change links,
// addresses and routes while the lab runs. It is closed with the lab.
func (h *Host) Netlink() *netlink.Handle { return h.netlink }

// Do runs f on a thread of its own inside the host and returns f's error. The
// thread is thrown away after, so f may change it as it likes. Sockets that f
// opens stay in the host; goroutines that f starts do not run in it. f must not
// call a test's FailNow: Do then returns [ErrGoexit].
func (h *Host) Do(f func() error) error { return h.ns.do(f) }

// Device returns the host's device of that name. It panics if the topology has none.
func (h *Host) Device(name string) *Device {
	d, ok := h.devices[name]
	if !ok {
		panic(fmt.Sprintf("netlab: host %s has no device %q", h.name, name))
	}
	return d
}

// ReadFile reads a file as a thread inside the host sees it. What lies under
// /proc/thread-self/net and /proc/sys/net belongs to the host; /proc/net and
// /proc/self/net belong to the process's first thread and do not.
func (h *Host) ReadFile(path string) ([]byte, error) {
	var b []byte
	err := h.Do(func() (err error) {
		b, err = os.ReadFile(path)
		return err
	})
	return b, err
}

// scope replaces the zone of an IPv6 address, a device of this host, by its
// number. Package net keeps one table of device names for the whole process and
// would look the name up in the wrong namespace.
func (h *Host) scope(a netip.Addr) netip.Addr {
	if d, ok := h.devices[a.Zone()]; ok {
		return a.WithZone(strconv.Itoa(d.index))
	}
	return a
}
