package rules

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestPathMTU: a transfer through a bottleneck needs the router's error to get
// back to the sender. By default it does, as part of the flow that it is about
// and without a rule for ICMP; with `icmp_errors: rules` only a rule lets it
// (T24, N9, row 26).
func TestPathMTU(t *testing.T) {
	parity.Proves(t, "T24", "row 26")
	const rules = "icmp_errors: rules"
	var (
		in, out = []string{harness.Allow("tcp", harness.Inward)},
			[]string{harness.Allow("tcp", harness.Inward)}
		fragNeeded  = harness.AllowICMP(3, 4, 2, 0)
		unreachable = harness.AllowICMP(3, 1, 1, -1)
	)
	for _, c := range []struct {
		what      string
		protected string
		// upload is true if the client sends, otherwise the server does.
		upload bool
		// stalls is the policy under which the transfer gets stuck, and completes
		// the one under which it then goes on.
		stalls, completes string
	}{
		{"sender that opened, by default", "client", true, harness.PolicyWith(nil, out, rules),
			harness.PolicyWith(nil, out)},
		{"sender that opened, by a rule", "client", true, harness.PolicyWith(unreachable, out, rules),
			harness.PolicyWith(fragNeeded, out, rules)},
		{"sender that was called, by default", "server", false, harness.PolicyWith(in, nil, rules),
			harness.PolicyWith(in, nil)},
		{"sender that was called, without rules any more", "server", false,
			harness.PolicyWith(in, nil, rules), harness.Closed},
		{"router that reports", "r1", true, harness.PolicyWith(in, nil, rules),
			harness.PolicyWith(in, nil)},
		{"guest of the router that reports", "r1", true,
			harness.AsGuest(harness.PolicyWith(nil, out, rules)),
			harness.AsGuest(harness.PolicyWith(nil, out), harness.IP("192.0.2.10"),
				harness.IP("2001:db8:1::10"))},
		{"guest of a router that passes the report on", "r2", false,
			harness.AsGuest(harness.PolicyOn("eth1", in, nil, rules)),
			harness.AsGuest(harness.PolicyOn("eth1", in, nil))},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, bottleneck())
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, lab.Host(c.protected), c.stalls)
			for _, a := range harness.BothAddresses(server) {
				d.Reload(c.stalls)
				conns := harness.Accepting(t, server.Host(), harness.AddrPort(a, harness.Inward))
				near := harness.DialTCP(t, client, netip.AddrPort{}, harness.AddrPort(a, harness.Inward),
					harness.ArrivalTimeout)
				if near == nil {
					t.Fatalf("%s: no session", harness.FamilyName(a))
				}
				defer near.Close()
				far := harness.Accept(t, conns)
				from, to := near, far
				if !c.upload {
					from, to = far, near
				}
				from.SetDeadline(time.Time{})
				bulk := make([]byte, 200_000)
				go from.Write(bulk)
				to.SetReadDeadline(time.Now().Add(harness.SilenceTimeout))
				n, err := io.ReadFull(to, bulk)
				if err == nil {
					t.Errorf("%s: the transfer completed, though no error may reach the sender",
						harness.FamilyName(a))
					continue
				}
				d.Reload(c.completes)
				to.SetReadDeadline(time.Now().Add(harness.ArrivalTimeout))
				if m, err := io.ReadFull(to, bulk[n:]); err != nil {
					t.Errorf("%s: %d of %d bytes arrived: %v", harness.FamilyName(a), n+m, len(bulk), err)
				}
			}
		})
	}
}
