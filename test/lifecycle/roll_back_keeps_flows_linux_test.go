package lifecycle

import (
	"net"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestRollBackKeepsFlows: going back is a reload as any other. Flows that only the
// unconfirmed policy permitted go on until they are revoked.
func TestRollBackKeepsFlows(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	on := harness.AddrPort(server.IPv4(), harness.Inward)
	harness.EchoOn(t, server.Host(), on)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "before", harness.Filtered)
	d.Write(strings.Replace(harness.GatePolicy(), "ingress: [",
		"ingress: ["+harness.Allow("tcp", harness.Inward)+", ", 1))
	d.Must(t, 0, "reload", "--confirm", "60s")
	dial := func() net.Conn {
		t.Helper()
		c := harness.DialTCP(t, client.Host(), harness.Anywhere, on, harness.ArrivalTimeout)
		if c == nil || !harness.Talks(c) {
			t.Fatal("no session under the unconfirmed policy")
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial()
	if out := d.Must(t, 0, "rollback"); !strings.Contains(out, "1 live flow") ||
		!strings.Contains(out, "on without a rule") {
		t.Errorf("rollback does not tell of the orphan:\n%s", out)
	}
	g.Expect(t, "rolled back", harness.Filtered)
	if !harness.Talks(c) {
		t.Error("the session ended with the roll-back")
	}
	d.Must(t, 0, "reload", "--confirm", "60s")
	if !harness.Talks(c) {
		t.Error("the session ended with the reload")
	}
	d.Must(t, 0, "rollback", "--revoke")
	if !harness.Silenced(c) {
		t.Error("rollback --revoke did not cut the session")
	}
	g.Expect(t, "rolled back and revoked", harness.Filtered)
}
