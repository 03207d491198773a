package rules

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLargeDatagrams lets real stacks cut and join 4000 bytes in both directions,
// at the protected host and through a protected router, whose rules ask only
// for the request.
func TestLargeDatagrams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what      string
		topology  netlab.Topology
		protected string
	}{
		{"receiver", netlab.Pair(), "server"},
		{"sender", netlab.Pair(), "client"},
		{"router", netlab.Router(), "fw"},
	} {
		t.Run(c.what, func(t *testing.T) {
			lab := labtest.New(t, c.topology)
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			rules, none := []string{harness.Allow("udp", harness.Inward)}, []string(nil)
			if c.protected == "client" {
				rules, none = none, rules
			}
			harness.Enforce(t, lab.Host(c.protected), harness.PolicyWith(rules, none))
			for _, a := range harness.BothAddresses(server) {
				harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.Inward),
					harness.AddrPort(a, harness.Outward))
				if !echoesLarge(t, client, harness.AddrPort(a, harness.Inward), harness.ArrivalTimeout) {
					t.Fatalf("%s: 4000 bytes did not come back", harness.FamilyName(a))
				}
				if echoesLarge(t, client, harness.AddrPort(a, harness.Outward), harness.SilenceTimeout) {
					t.Errorf("%s: 4000 bytes passed without a rule", harness.FamilyName(a))
				}
			}
		})
	}
}

// echoesLarge reports whether 4000 bytes come back from a UDP echo server.
func echoesLarge(t testing.TB, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	sent, got := bytes.Repeat(harness.Nonce(), 250), make([]byte, 5000)
	if _, err := c.Write(sent); err != nil {
		return false // the output hook of a sender says no with EPERM
	}
	n, err := c.Read(got)
	return err == nil && bytes.Equal(got[:n], sent)
}
