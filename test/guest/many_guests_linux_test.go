package guest

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

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// crowd is how many guests appear.
const crowd = 200

// guestLink is the subnets of guest n: number 1 is the router, number 2 the guest.
func guestLink(n, host int) []netip.Prefix {
	six := harness.IP("fd00:7::").As16()
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
	lab := labtest.New(t, netlab.Topology{
		Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}, {Name: "guests"}}})
	fw, guests := lab.Host("fw"), lab.Host("guests")
	d := harness.Enforce(t, fw, harness.AsGuest(
		harness.PolicyOn(`"veth-*"`, []string{harness.Allow("udp", harness.GateIn)},
			[]string{harness.Allow("udp", harness.GateOut), harness.Allow("udp", harness.GateEcho)})))
	rules := harness.Ruleset(t, fw)
	permitted := harness.NewInbox(t, fw, netlab.Any(harness.GateOut))
	forbidden := harness.NewInbox(t, fw, netlab.Any(harness.GateOutNever))
	inside := harness.NewInbox(t, guests, netlab.Any(harness.GateIn))
	insideNever := harness.NewInbox(t, guests, netlab.Any(harness.GateInNever))

	// The load is between a guest that is there and the router.
	join := func(name string, n int) error { return joinGuest(fw, guests, name, n) }
	if err := join("veth-load", 0); err != nil {
		t.Fatal(err)
	}
	harness.Echoes(t, fw, guestLink(0, 1)[0].Addr(), harness.GateEcho)
	if !connectedSoon(t, guests, guestLink(0, 1)[0].Addr(), harness.GateEcho) {
		t.Fatal("the first guest reaches nothing")
	}
	load := harness.StartEchoExchange(t, guests,
		harness.AddrPort(guestLink(0, 1)[0].Addr(), harness.GateEcho), 200*time.Microsecond)

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
				at           *harness.Inbox
			}{{guests, router, harness.GateOutNever, harness.GateOut, permitted},
				{fw, guest, harness.GateInNever, harness.GateIn, inside}} {
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
		harness.Unplug(t, fw, fmt.Sprint("veth-", i))
		// Every other one comes back under its name, the rest as somebody new.
		if i%8 == 0 {
			appear(fmt.Sprint("veth-", i), i+1)
		} else {
			appear(fmt.Sprint("veth-n", i), i+1)
		}
	})
	load.Finish()
	for _, in := range []*harness.Inbox{forbidden, insideNever} {
		in.Mu.Lock()
		if len(in.Got) > 0 {
			t.Errorf("%d datagrams arrived that no rule permits", len(in.Got))
		}
		in.Mu.Unlock()
	}

	var status harness.StatusDocument
	d.Document(&status, "status")
	if n := len(status.Interfaces[0].Covered); n != crowd+1 {
		t.Errorf("status covers %d devices, want %d", n, crowd+1)
	}
	if diff := cmp.Diff(rules, harness.Ruleset(t, fw)); diff != "" {
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
		LinkAttrs: netlink.LinkAttrs{Name: name, Index: 4000 + int(lastIndex.Add(1))}, PeerName: peer,
		PeerNamespace: netlink.NsFd(guests.NetNS()),
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
			a := &netlink.Addr{IPNet: &net.IPNet{
				IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
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
func soonAndNever(t testing.TB, from *netlab.Host, to netip.Addr, never, always int,
	at *harness.Inbox) bool {
	t.Helper()
	for deadline := time.Now().Add(2 * harness.ArrivalTimeout); time.Now().Before(deadline); {
		for _, p := range []int{never, always} {
			c, err := from.Dial(labtest.Within(t, harness.ArrivalTimeout), "udp", harness.AddrPort(to, p))
			if err != nil {
				continue // no route yet
			}
			content := harness.Nonce()
			_, _ = c.Write(content)
			if p == always {
				if _, ok := at.Receives(content, 20*time.Millisecond); ok {
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
	for deadline := time.Now().Add(harness.ArrivalTimeout); time.Now().Before(deadline); {
		if harness.Exchanges(t, from, "udp", netip.AddrPort{}, harness.AddrPort(to, p),
			50*time.Millisecond) {
			return true
		}
	}
	return false
}
