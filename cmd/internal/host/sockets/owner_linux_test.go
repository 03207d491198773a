package sockets

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOwners finds the process of a connection, of a datagram socket that is connected and of
// one that is not, by both families, and of nothing else.
func TestOwners(t *testing.T) {
	o, err := NewOwners()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	self := Owner{Name: strings.TrimSpace(string(comm)), PID: os.Getpid()}
	end := func(a net.Addr) netip.AddrPort {
		e := netip.MustParseAddrPort(a.String())
		return netip.AddrPortFrom(e.Addr().Unmap(), e.Port())
	}
	is := func(what string, protocol uint8, local, remote netip.AddrPort, want Owner) {
		t.Helper()
		o.spent = 0 // this machine may have many processes
		if got, ok := o.Of(protocol, local, remote); got != want || ok != (want != Owner{}) {
			t.Errorf("%s from %s to %s: %+v, %t; want %+v", what, local, remote, got, ok, want)
		}
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		local, remote := end(c.LocalAddr()), end(c.RemoteAddr())
		is("a connection", unix.IPPROTO_TCP, local, remote, self)
		other := netip.AddrPortFrom(remote.Addr(), remote.Port()+1)
		is("another connection", unix.IPPROTO_TCP, local, other, Owner{})
		is("a listener", unix.IPPROTO_TCP, remote, other, Owner{})

		u, err := net.Dial("udp", net.JoinHostPort(host, "9"))
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		is("a connected socket", unix.IPPROTO_UDP, end(u.LocalAddr()), end(u.RemoteAddr()), self)
		is("a connected socket to another", unix.IPPROTO_UDP, end(u.LocalAddr()), other, Owner{})
		w, err := net.ListenPacket("udp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		any := netip.AddrPortFrom(netip.MustParseAddr(host), end(w.LocalAddr()).Port())
		is("a socket to anybody", unix.IPPROTO_UDP, any, other, self)
		is("another protocol", unix.IPPROTO_TCP, any, other, Owner{})
	}
	if _, ok := holderOf(1, time.Now()); ok {
		t.Error("found without a moment of time")
	}
	o.spent, o.began = ownersShare, time.Now()
	if _, ok := o.Of(unix.IPPROTO_UDP, netip.AddrPort{}, netip.AddrPort{}); ok {
		t.Error("found with no time left")
	}
}
