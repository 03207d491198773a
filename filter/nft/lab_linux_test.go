package nft

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab/labtest"
)

// lab is a throw-away network namespace. It vanishes with its descriptor.
type lab struct {
	t  testing.TB
	fd int
}

// newLab makes a namespace with lo up, or skips without root.
func newLab(t testing.TB) *lab {
	t.Helper()
	labtest.RequireRoot(t)
	l := &lab{t: t}
	done := make(chan error, 1)
	go func() { done <- newNamespace(&l.fd) }()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(l.fd) })
	l.do(func() error {
		for path, value := range map[string]string{
			"ipv6/conf/%s/accept_dad":   "0",
			"ipv6/conf/%s/disable_ipv6": "0",
			// No traffic of the machine's own beside that of the tests, or at once.
			"ipv6/conf/%s/router_solicitations":               "0",
			"ipv6/conf/%s/mldv2_unsolicited_report_interval":  "1",
			"ipv4/conf/%s/igmpv3_unsolicited_report_interval": "1",
			// Forged sources come as far as the hooks.
			"ipv4/conf/%s/rp_filter":    "0",
			"ipv4/conf/%s/accept_local": "1",
		} {
			for _, s := range []string{"default", "all"} {
				if err := os.WriteFile("/proc/sys/net/"+fmt.Sprintf(path, s), []byte(value), 0); err != nil {
					return err
				}
			}
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return l
}

// newNamespace makes a network namespace and opens it. The thread stays in
// it, so the goroutine must do nothing else.
func newNamespace(fd *int) (err error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	*fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return err
}

// do runs f on a thread inside the namespace.
func (l *lab) do(f func() error) {
	l.t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(l.fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("setns: %w", err)
			return
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		l.t.Fatal(err)
	}
}

// join makes a veth pair between two namespaces and gives both ends addresses.
func join(a *lab, aName string, aAddrs []string, b *lab, bName string, bAddrs []string) {
	a.t.Helper()
	a.do(func() error {
		la := netlink.NewLinkAttrs()
		la.Name = aName
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: la, PeerName: bName, PeerNamespace: netlink.NsFd(b.fd)})
	})
	a.up(aName, aAddrs...)
	b.up(bName, bAddrs...)
	a.running(aName)
	b.running(bName)
}

// running waits until a device sends: just after it is set up, its queueing
// discipline still drops.
func (l *lab) running(device string) {
	l.t.Helper()
	l.do(func() error {
		deadline := time.Now().Add(arrives)
		for ; time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			link, err := netlink.LinkByName(device)
			if err != nil {
				return err
			}
			if link.Attrs().OperState == netlink.OperUp {
				return nil
			}
		}
		return fmt.Errorf("%s does not come up", device)
	})
}

func (l *lab) up(device string, addrs ...string) {
	l.t.Helper()
	l.do(func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return fmt.Errorf("%s: %w", device, err)
		}
		for _, s := range addrs {
			addr, err := netlink.ParseAddr(s)
			if err != nil {
				return err
			}
			if addr.IP.To4() == nil {
				addr.Flags = unix.IFA_F_NODAD
			}
			if err := netlink.AddrAdd(link, addr); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return netlink.LinkSetUp(link)
	})
}

func (l *lab) addAddress(device, address string) {
	l.t.Helper()
	l.do(func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, addr)
	})
}

// readFile reads a file of /proc as the namespace shows it, "" if there is none.
func (l *lab) readFile(path string) (text string) {
	l.t.Helper()
	l.do(func() error {
		b, err := os.ReadFile(path)
		text = string(b)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	})
	return text
}

// index is the number of a device.
func (l *lab) index(device string) (index int) {
	l.do(func() error {
		link, err := netlink.LinkByName(device)
		if err == nil {
			index = link.Attrs().Index
		}
		return err
	})
	return index
}

func (l *lab) mac(device string) (mac net.HardwareAddr) {
	l.do(func() error {
		link, err := netlink.LinkByName(device)
		if err == nil {
			mac = link.Attrs().HardwareAddr
		}
		return err
	})
	return mac
}

func (l *lab) route(dst, via string) {
	l.t.Helper()
	l.do(func() error {
		_, n, err := net.ParseCIDR(dst)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Dst: n, Gw: net.ParseIP(via)})
	})
}

func (l *lab) sysctl(path, value string) {
	l.t.Helper()
	l.do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
}

// open opens our table in the namespace; the socket closes with the test.
func (l *lab) open() *Table {
	l.t.Helper()
	table, err := Open(InNamespace(l.fd))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = table.Close() })
	return table
}

func (l *lab) apply(table *Table, p Plan) {
	l.t.Helper()
	if err := table.Apply(p); err != nil {
		l.t.Fatal(err)
	}
}

// foreign is another program's nftables socket.
func (l *lab) foreign() *nftables.Conn {
	l.t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(l.fd))
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// tables names the tables of the namespace.
func (l *lab) tables() (names []string) {
	l.t.Helper()
	tables, err := l.foreign().ListTables()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return names
}

// netlinkMessage puts a body back under a header.
func netlinkMessage(body []byte) mdnetlink.Message {
	return mdnetlink.Message{Data: append(make([]byte, nfgenmsg), body...)}
}
