package harness

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// Exchanges reports whether an echo server answers over TCP or UDP. from may be
// zero.
func Exchanges(t testing.TB, h *netlab.Host, network string, from, to netip.AddrPort,
	wait time.Duration) bool {
	t.Helper()
	var options []netlab.SocketOption
	if from.IsValid() {
		options = append(options, netlab.From(from))
	}
	return h.Exchange(labtest.Within(t, wait), network, to, options...) == nil
}

// Echoes serves TCP and UDP on ports of one address, which answer what they get.
func Echoes(t testing.TB, h *netlab.Host, at netip.Addr, ports ...int) {
	t.Helper()
	for _, p := range ports {
		s, err := h.ServeEcho(t.Context(), AddrPort(at, p))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	}
}
