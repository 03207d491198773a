package sockets

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestList: listeners, both ends of a connection and a UDP socket that waits are there, each
// with its process, also when they are listed again; what is closed is not.
func TestList(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	waits, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	defer waits.Close()
	asks, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	at := func(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }
	name := strings.TrimSpace(string(comm))
	want := []Socket{
		{Protocol: unix.IPPROTO_TCP, Local: at(listener.Addr()), Process: name},
		{Protocol: unix.IPPROTO_TCP, Local: at(client.LocalAddr()), Remote: at(client.RemoteAddr()),
			Process: name, Phase: PhaseOpen},
		{Protocol: unix.IPPROTO_TCP, Local: at(server.LocalAddr()), Remote: at(server.RemoteAddr()),
			Process: name, Phase: PhaseOpen},
		{Protocol: unix.IPPROTO_UDP, Local: at(waits.LocalAddr()), Process: name},
		{Protocol: unix.IPPROTO_UDP, Local: at(asks.LocalAddr()), Remote: at(asks.RemoteAddr()),
			Process: name, Phase: PhaseOpen},
	}
	var l Lister
	for range 2 {
		list, err := l.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range want {
			if !slices.Contains(list, s) {
				t.Errorf("no %+v", s)
			}
			if s.Listens() != (s.Remote == netip.AddrPort{}) {
				t.Errorf("%+v listens: %t", s, s.Listens())
			}
		}
	}
	asks.Close()
	if list, err := l.List(); err != nil || slices.Contains(list, want[4]) {
		t.Errorf("a closed socket is there: %v", err)
	}
}
