package harness

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// Pings reports whether an echo request is answered. It asks again after a
// while: the kernel sends all ICMP of a CPU through one socket, whatever the
// namespace, so replies that wait in a queue elsewhere on the machine can use up
// its buffer (icmp_xmit_lock and ip_append_data in net/ipv4).
func Pings(t testing.TB, h *netlab.Host, from, to netip.Addr, wait time.Duration) bool {
	t.Helper()
	return PingsWith(t, h, &netlab.Ping{From: from, To: to}, wait)
}

// PingsWith is pings with an echo request of the caller's. Each has the next sequence
// number.
func PingsWith(t testing.TB, h *netlab.Host, p *netlab.Ping, wait time.Duration) bool {
	t.Helper()
	for deadline := time.Now().Add(wait); ; {
		p.Seq++
		_, err := h.Ping(labtest.Within(t, min(time.Until(deadline), 2*SilenceTimeout)), *p)
		if err == nil || time.Until(deadline) < SilenceTimeout {
			return err == nil
		}
	}
}
