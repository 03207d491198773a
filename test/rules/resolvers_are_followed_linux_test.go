package rules

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestResolversAreFollowed: the name servers are those of resolv.conf now.
func TestResolversAreFollowed(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X2")
	lab := labtest.New(t, harness.Serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	old, next := harness.Services[0].Addresses, []string{"198.51.100.54", "2001:db8:53::54"}
	for _, a := range append(append([]string{}, old...), next...) {
		harness.EchoOn(t, client.Host(), harness.AddrPort(harness.IP(a), 53))
	}
	d := harness.Prepare(t, server.Host(), exempting("resolvers"))
	write := harness.NameServers(t, d)
	d.Start() // there is no file yet
	asks := func(a string, wait time.Duration) bool {
		return harness.Exchanges(t, server.Host(), "udp", netip.AddrPort{},
			harness.AddrPort(harness.IP(a), 53), wait)
	}
	expect := func(when string, pass, not []string) {
		t.Helper()
		var attempts []harness.Attempt
		for _, a := range pass {
			deadline := time.Now().Add(harness.ArrivalTimeout)
			for !asks(a, harness.SilenceTimeout) && time.Now().Before(deadline) {
			}
			attempts = append(attempts, harness.Passes(
				harness.Attempt{What: when + ": " + a, Try: func(w time.Duration) bool { return asks(a, w) }}))
		}
		for _, a := range not {
			attempts = append(attempts, harness.Drops(
				harness.Attempt{What: when + ": " + a, Try: func(w time.Duration) bool { return asks(a, w) }}))
		}
		harness.Run(t, attempts)
	}
	expect("no file", nil, append(append([]string{}, old...), next...))
	write(old...)
	expect("written", old, next)
	write(next...)
	expect("replaced", next, old)
	if got := d.Exemptions()["resolvers"].Addresses; strings.Join(got, " ") != strings.Join(next,
		" ") {
		t.Errorf("status has the addresses %v", got)
	}
	write("127.0.0.53", old[1])
	expect("one, and the machine itself", old[1:], append([]string{old[0]}, next...))
}
