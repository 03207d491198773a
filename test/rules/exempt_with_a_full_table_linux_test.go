package rules

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestExemptWithAFullTable: a table without room stops what rules admit, and not
// what is exempt, which takes none (T30).
func TestExemptWithAFullTable(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	clock := harness.AddrPort(harness.IP("169.254.169.123"), 123)
	harness.EchoOn(t, client.Host(), clock, harness.AddrPort(client.IPv4(), harness.GateOut))
	harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), harness.GateEcho))
	harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.GateEcho)},
			[]string{harness.Allow("udp", harness.GateOut)}, "max_flows: 16", "exempt: [time]"))
	asks := func(to netip.AddrPort) func(time.Duration) bool {
		return func(w time.Duration) bool {
			return harness.Exchanges(t, server.Host(), "udp", netip.AddrPort{}, to, w)
		}
	}
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Attempt{
			What: "a rule's service, room", Try: asks(harness.AddrPort(client.IPv4(), harness.GateOut))}),
		harness.Passes(harness.Attempt{What: "the time, room", Try: asks(clock)})})
	full := false
	for range 200 {
		c := harness.DialTCP(t, client.Host(), netip.AddrPort{},
			harness.AddrPort(server.IPv4(), harness.GateEcho), 2*harness.SilenceTimeout)
		if c == nil {
			full = true
			break
		}
		defer func(c net.Conn) { c.Close() }(c)
		if !harness.Talks(c) {
			t.Fatal("a connection does not talk")
		}
	}
	if !full {
		t.Fatal("the table took 200 connections")
	}
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Attempt{What: "the time, no room", Try: asks(clock)}),
		harness.Drops(harness.Attempt{
			What: "a rule's service, no room",
			Try:  asks(harness.AddrPort(client.IPv4(), harness.GateOut))})})
}
