package lifecycle

import (
	"strings"
	"syscall"
	"testing"

	"sgfw/test/harness"
)

// TestOrderedStopLosesNothing stops the daemon while many packets wait for their
// verdict: each of them gets it. The next start loses nothing either, as far as
// the rules allow the packets of both directions by themselves.
func TestOrderedStopLosesNothing(t *testing.T) {
	client, server, g := harness.NewPair(t)
	for _, a := range harness.BothAddresses(server) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateEcho))
	}
	// Answers to what was asked before the start belong to no flow.
	answers := strings.NewReplacer("ports: 1,",
		"ports: 32768-65535,").Replace(harness.Allow("udp", 1) + ", " + harness.Allow("tcp", 1))
	d := harness.Prepare(t, server.Host(),
		strings.Replace(harness.GatePolicy(), "egress: [", "egress: ["+answers+", ", 1))
	g.Expect(t, "before the start", harness.Open)
	var pumps []*harness.EchoExchange
	var streams []*harness.Transfer
	for _, a := range harness.BothAddresses(server) {
		for range 4 {
			pumps = append(pumps, harness.StartEchoExchange(t, client.Host(),
				harness.AddrPort(a, harness.GateEcho), 0))
		}
		streams = append(streams, harness.StartTransfer(t, client.Host(),
			harness.AddrPort(a, harness.GateEcho), 0))
	}
	onward := func() {
		t.Helper()
		for _, p := range pumps {
			p.WaitForMore(100)
		}
	}
	for _, ending := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
		d.Start()
		onward()
		g.Expect(t, "enforced", harness.Filtered)
		if err := d.End(ending); err != nil {
			t.Errorf("%v: %v", ending, err)
		}
		onward()
		g.Expect(t, "stopped", harness.Open)
	}
	for _, p := range pumps {
		p.Finish()
	}
	for _, s := range streams {
		s.Finish()
	}
}
