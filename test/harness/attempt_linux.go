package harness

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// Exchange is an attempt to get an answer from an echo server.
func Exchange(t *testing.T, what string, h *netlab.Host, network string, from netip.Addr,
	to netip.AddrPort) Attempt {
	return Attempt{What: network + " " + to.String() + ", " + what, Try: func(w time.Duration) bool {
		return Exchanges(t, h, network, AddrPort(from, 0), to, w)
	}}
}

// Ping is an attempt to get an echo reply.
func Ping(t *testing.T, what string, h *netlab.Host, from, to netip.Addr) Attempt {
	return Attempt{What: "ping " + to.String() + ", " + what,
		Try: func(w time.Duration) bool { return Pings(t, h, from, to, w) }}
}

// Attempt is one line of a table of traffic: what is tried and whether it must
// pass.
type Attempt struct {
	What string
	Try  func(wait time.Duration) bool
	Want Verdict
}

// Run tries all attempts and reports those with the wrong outcome. Those that
// must fail run side by side, because each costs its whole wait. Once something
// did not pass that should, the rest is not waited for as patiently.
func Run(t *testing.T, attempts []Attempt) {
	t.Helper()
	var wg sync.WaitGroup
	wait := ArrivalTimeout
	if t.Failed() {
		wait = SilenceTimeout
	}
	for _, a := range attempts {
		if a.Want == 0 {
			t.Fatalf("%s: the test does not say whether this must pass", a.What)
		}
		if a.Want == Pass {
			if !a.Try(wait) {
				t.Errorf("%s: did not pass", a.What)
				wait = SilenceTimeout
			}
			continue
		}
		wg.Go(func() {
			if a.Try(SilenceTimeout) {
				t.Errorf("%s: passed", a.What)
			}
		})
	}
	wg.Wait()
}
