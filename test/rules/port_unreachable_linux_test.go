package rules

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestPortUnreachable: the error about a datagram of a live flow passes, in to
// the one who asked and out from the one who has no such port (T24). Without the
// relation nobody learns of it.
func TestPortUnreachable(t *testing.T) {
	t.Parallel()
	in, out := []string{harness.Allow("udp", harness.Inward)},
		[]string{harness.Allow("udp", harness.Inward)}
	for _, c := range []struct {
		what      string
		protected string
		related   string
		apart     string
	}{
		{"asked", "client", harness.PolicyWith(nil, out),
			harness.PolicyWith(nil, out, "icmp_errors: rules")},
		{"answered", "server", harness.PolicyWith(in, nil),
			harness.PolicyWith(in, nil, "icmp_errors: rules")},
	} {
		t.Run(c.what, func(t *testing.T) {
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, lab.Host(c.protected), c.related)
			for _, a := range harness.BothAddresses(server) {
				d.Reload(c.related)
				if !refused(t, client, harness.AddrPort(a, harness.Inward), harness.ArrivalTimeout) {
					t.Fatalf("%s: nothing was heard of a port without a listener", harness.FamilyName(a))
				}
				if refused(t, client, harness.AddrPort(a, harness.Outward), harness.SilenceTimeout) {
					t.Errorf("%s: a datagram to a port without a rule was answered", harness.FamilyName(a))
				}
				d.Reload(c.apart)
				if refused(t, client, harness.AddrPort(a, harness.Inward), harness.SilenceTimeout) {
					t.Errorf("%s: with icmp_errors: rules an error passed without a rule", harness.FamilyName(a))
				}
			}
		})
	}
}

// refused reports whether a datagram to a port brings an error that says so.
func refused(t testing.TB, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write(harness.Nonce()); err != nil {
		return false
	}
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, syscall.ECONNREFUSED) && !(errors.As(err, &timeout) && timeout.Timeout()) {
		t.Errorf("%v: %v, want a refusal or a timeout", to, err)
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
