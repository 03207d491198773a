package test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// crowd is how many guests appear.
const crowd = 200

// guestLink is the subnets of guest n: number 1 is the router, number 2 the guest.
func guestLink(n, host int) []netip.Prefix {
	six := ip("fd00:7::").As16()
	binary.BigEndian.PutUint16(six[6:], uint16(n))
	six[15] = byte(host)
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 7, byte(n), byte(host)}), 24),
		netip.PrefixFrom(netip.AddrFrom16(six), 64),
	}
}

// TestCrowdOfGuests has many guests appear behind a router under load, all
// covered by one pattern. From its first packet on none of them can do what its
// group does not permit, and soon each can do what it does; the load does not
// lose a datagram. Then a quarter of them vanish and others come in their place.
func TestCrowdOfGuests(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}, {Name: "guests"}}})
	fw, guests := lab.Host("fw"), lab.Host("guests")
	d := enforce(t, fw, asGuest(policyOn(`"veth-*"`, []string{allow("udp", gateIn)}, []string{allow("udp", gateOut), allow("udp", gateEcho)})))
	rules := ruleset(t, fw)
	permitted := newInbox(t, fw, netlab.Any(gateOut))
	forbidden := newInbox(t, fw, netlab.Any(gateOutNever))
	inside := newInbox(t, guests, netlab.Any(gateIn))
	insideNever := newInbox(t, guests, netlab.Any(gateInNever))

	// The load is between a guest that is there and the router.
	join := func(name string, n int) error { return joinGuest(fw, guests, name, n) }
	if err := join("veth-load", 0); err != nil {
		t.Fatal(err)
	}
	echoes(t, fw, guestLink(0, 1)[0].Addr(), gateEcho)
	if !connectedSoon(t, guests, guestLink(0, 1)[0].Addr(), gateEcho) {
		t.Fatal("the first guest reaches nothing")
	}
	load := startPump(t, guests, port(guestLink(0, 1)[0].Addr(), gateEcho), 200*time.Microsecond)

	appear := func(name string, n int) {
		if err := join(name, n); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i := range 2 {
			router, guest := guestLink(n, 1)[i].Addr(), guestLink(n, 2)[i].Addr()
			for _, way := range []struct {
				from         *netlab.Host
				to           netip.Addr
				never, ports int
				at           *inbox
			}{{guests, router, gateOutNever, gateOut, permitted}, {fw, guest, gateInNever, gateIn, inside}} {
				if !soonAndNever(t, way.from, way.to, way.never, way.ports, way.at) {
					t.Errorf("%s: nothing permitted reaches %s", name, way.to)
				}
			}
		}
	}
	// Many at a time: what each waits for is mostly its own link.
	inTurns := func(f func(i int)) {
		var wg sync.WaitGroup
		next := make(chan int)
		for range 40 {
			wg.Go(func() {
				for i := range next {
					f(i)
				}
			})
		}
		for i := range crowd {
			next <- i
		}
		close(next)
		wg.Wait()
	}
	inTurns(func(i int) { appear(fmt.Sprint("veth-", i), i+1) })
	inTurns(func(i int) {
		if i%4 != 0 {
			return
		}
		unplug(t, fw, fmt.Sprint("veth-", i))
		// Every other one comes back under its name, the rest as somebody new.
		if i%8 == 0 {
			appear(fmt.Sprint("veth-", i), i+1)
		} else {
			appear(fmt.Sprint("veth-n", i), i+1)
		}
	})
	load.finish()
	for _, in := range []*inbox{forbidden, insideNever} {
		in.mu.Lock()
		if len(in.got) > 0 {
			t.Errorf("%d datagrams arrived that no rule permits", len(in.got))
		}
		in.mu.Unlock()
	}

	var status statusDocument
	d.document(&status, "status")
	if n := len(status.Interfaces[0].Covered); n != crowd+1 {
		t.Errorf("status covers %d devices, want %d", n, crowd+1)
	}
	if diff := cmp.Diff(rules, ruleset(t, fw)); diff != "" {
		t.Errorf("the rules changed with the devices, before (-) and after (+):\n%s", diff)
	}
}

// lastIndex numbers the router's ends. Were both ends of a pair to get the same
// number, the kernel would delay the news of their carrier (see netlab).
var lastIndex atomic.Int32

// joinGuest makes a guest's link with its addresses.
func joinGuest(fw, guests *netlab.Host, name string, n int) error {
	peer := fmt.Sprint("g", n)
	if err := fw.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, Index: 4000 + int(lastIndex.Add(1))}, PeerName: peer, PeerNamespace: netlink.NsFd(guests.NetNS()),
	}); err != nil {
		return err
	}
	for _, end := range []struct {
		h    *netlab.Host
		dev  string
		host int
	}{{guests, peer, 2}, {fw, name, 1}} {
		l, err := end.h.Netlink().LinkByName(end.dev)
		if err != nil {
			return err
		}
		for _, p := range guestLink(n, end.host) {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
			if p.Addr().Is6() {
				a.Flags = unix.IFA_F_NODAD
			}
			if err := end.h.Netlink().AddrAdd(l, a); err != nil {
				return err
			}
		}
		if err := end.h.Netlink().LinkSetUp(l); err != nil {
			return err
		}
	}
	return nil
}

// soonAndNever sends to a port that no rule permits and to one that a rule does,
// until the latter arrives.
func soonAndNever(t testing.TB, from *netlab.Host, to netip.Addr, never, always int, at *inbox) bool {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); {
		for _, p := range []int{never, always} {
			c, err := from.Dial(labtest.Within(t, patience), "udp", port(to, p))
			if err != nil {
				continue // no route yet
			}
			content := nonce()
			_, _ = c.Write(content)
			if p == always {
				if _, ok := at.receives(content, 20*time.Millisecond); ok {
					c.Close()
					return true
				}
			}
			c.Close()
		}
	}
	return false
}

// connectedSoon waits until an echo server answers.
func connectedSoon(t testing.TB, from *netlab.Host, to netip.Addr, p int) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if exchanges(t, from, "udp", netip.AddrPort{}, port(to, p), 50*time.Millisecond) {
			return true
		}
	}
	return false
}
