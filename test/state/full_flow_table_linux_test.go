package state

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
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
	harness.EchoTCP(t, server, harness.AddrPort(near, harness.Inward))
	harness.EchoOn(t, client, harness.AddrPort(far, harness.Outward))
	d := harness.Enforce(t, server, harness.PolicyWith(
		[]string{harness.Allow("tcp", harness.Inward), harness.Allow("udp", harness.Inward)},
		[]string{harness.Allow("udp", harness.Outward)}, fmt.Sprint("max_flows: ", most)))
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
		d.Document(&doc, "status")
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
		c := harness.DialTCP(t, client, netip.AddrPort{}, harness.AddrPort(near, harness.Inward),
			harness.ArrivalTimeout)
		if c == nil || !harness.Talks(c) {
			t.Fatalf("connection %d does not come about", len(sessions))
		}
		t.Cleanup(func() { c.Close() })
		sessions = append(sessions, c)
	}
	for _, c := range sessions { // with offload from when its data was counted
		d.InState(t, "established", "tcp", c.RemoteAddr().String(), c.LocalAddr().String())
	}
	if exceeded, available := allowance(); exceeded != 0 || available != 0 {
		t.Errorf("a table that is just full: exceeded %d, available %d", exceeded, available)
	}

	asks := func(h *netlab.Host, network string, to netip.AddrPort) func(time.Duration) bool {
		return func(w time.Duration) bool {
			return harness.Exchanges(t, h, network, netip.AddrPort{}, to, w)
		}
	}
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Attempt{
			What: "in over TCP, no room", Try: asks(client, "tcp", harness.AddrPort(near, harness.Inward))}),
		harness.Drops(harness.Attempt{
			What: "in over UDP, no room", Try: asks(client, "udp", harness.AddrPort(near, harness.Inward))}),
		harness.Drops(harness.Attempt{
			What: "out, no room", Try: asks(server, "udp", harness.AddrPort(far, harness.Outward))}),
	})
	for i := range 500 {
		if err := client.Device("eth0").Send(
			wire.TCP(harness.AddrPort(far, 10000+i), harness.AddrPort(near, harness.Inward), wire.SYN, 1, 0,
				nil)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range sessions {
		if !harness.Talks(c) {
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
	for _, c := range sessions[:2] { // the datagram must not overtake it
		d.InState(t, "close", "tcp", c.RemoteAddr().String(), c.LocalAddr().String())
	}
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Attempt{
			What: "out, room again", Try: asks(server, "udp", harness.AddrPort(far, harness.Outward))})})
}
