package test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestFullTable: established connections that fill the table keep their places,
// whatever knocks. What is new is dropped in both directions though a rule permits
// it, and counted for the device under AWS's names; once there is room it passes
// (T30, T31, T33).
func TestFullTable(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T30", "T31", "T33")
	const most = 12
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	near, far := server.Device("eth0").IPv4(), client.Device("eth0").IPv4()
	echoTCP(t, server, port(near, inward))
	echoOn(t, client, port(far, outward))
	d := enforce(t, server, policyWith(
		[]string{allow("tcp", inward), allow("udp", inward)}, []string{allow("udp", outward)}, fmt.Sprint("max_flows: ", most)))
	allowance := func() (exceeded, available int) {
		var doc struct {
			Interfaces []struct {
				Covered []struct {
					Name      string
					Exceeded  *int `json:"conntrack_allowance_exceeded"`
					Available *int `json:"conntrack_allowance_available"`
				}
			}
		}
		d.document(&doc, "status")
		eth0 := doc.Interfaces[0].Covered[0]
		if eth0.Name != "eth0" || eth0.Exceeded == nil || eth0.Available == nil {
			t.Fatalf("status has no allowance: %+v", doc)
		}
		return *eth0.Exceeded, *eth0.Available
	}
	if exceeded, available := allowance(); exceeded != 0 || available != most {
		t.Errorf("an empty table: exceeded %d, available %d", exceeded, available)
	}
	var sessions []net.Conn
	for range most {
		c := dialTCP(t, client, netip.AddrPort{}, port(near, inward), patience)
		if c == nil || !talks(c) {
			t.Fatalf("connection %d does not come about", len(sessions))
		}
		t.Cleanup(func() { c.Close() })
		sessions = append(sessions, c)
	}
	if exceeded, available := allowance(); exceeded != 0 || available != 0 {
		t.Errorf("a table that is just full: exceeded %d, available %d", exceeded, available)
	}

	asks := func(h *netlab.Host, network string, to netip.AddrPort) func(time.Duration) bool {
		return func(w time.Duration) bool { return exchanges(t, h, network, netip.AddrPort{}, to, w) }
	}
	run(t, []attempt{
		{"in over TCP, no room", asks(client, "tcp", port(near, inward)), false},
		{"in over UDP, no room", asks(client, "udp", port(near, inward)), false},
		{"out, no room", asks(server, "udp", port(far, outward)), false},
	})
	for i := range 500 {
		if err := client.Device("eth0").Send(wire.TCP(port(far, 10000+i), port(near, inward), wire.SYN, 1, 0, nil)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range sessions {
		if !talks(c) {
			t.Errorf("connection %d had to make room", i)
		}
	}
	if exceeded, available := allowance(); exceeded < 3 || available != 0 {
		t.Errorf("a table under siege: exceeded %d, available %d", exceeded, available)
	}
	for _, c := range sessions[:2] {
		c.(*net.TCPConn).SetLinger(0) // a RST, so its place is free at once
		c.Close()
	}
	run(t, []attempt{{"out, room again", asks(server, "udp", port(far, outward)), true}})
}

// TestNoHelpers: a control connection that announces another one, as FTP's does,
// opens nothing: what is announced needs a rule of its own (T29).
func TestNoHelpers(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T29")
	const control = 21
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	near, far := server.Device("eth0").IPv4(), client.Device("eth0").IPv4()
	echoOn(t, server, port(near, inward), port(near, inward+10))
	echoOn(t, client, port(far, outward), port(far, outward+10))
	enforce(t, server, policyWith([]string{allow("tcp", control), allow("tcp", inward)}, []string{allow("tcp", outward)}))
	conns := accepted(t, server, port(near, control))
	c := dialTCP(t, client, netip.AddrPort{}, port(near, control), patience)
	if c == nil {
		t.Fatal("no control connection")
	}
	defer c.Close()
	s := take(t, conns)
	announce := func(from, to net.Conn, format string, a netip.Addr, p int) {
		b := a.As4()
		line := fmt.Sprintf(format+"\r\n", b[0], b[1], b[2], b[3], p>>8, p&0xff)
		to.SetDeadline(time.Now().Add(patience))
		if _, err := from.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, len(line))); err != nil {
			t.Fatalf("%q did not arrive: %v", line, err)
		}
	}
	announce(c, s, "PORT %d,%d,%d,%d,%d,%d", far, outward+10)
	announce(s, c, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d)", near, inward+10)
	run(t, []attempt{
		exchange(t, "by a rule", client, "tcp", far, port(near, inward), true),
		exchange(t, "by a rule", server, "tcp", near, port(far, outward), true),
		exchange(t, "as announced by the server", client, "tcp", far, port(near, inward+10), false),
		exchange(t, "as announced by the client", server, "tcp", near, port(far, outward+10), false),
	})
}
