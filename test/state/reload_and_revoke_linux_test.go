package state

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestReloadAndRevoke cuts with the reload what it orphans.
func TestReloadAndRevoke(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	with := strings.Replace(harness.GatePolicy(), "ingress: [",
		"ingress: ["+harness.Allow("tcp", harness.Inward)+", ", 1)
	d := harness.Enforce(t, server.Host(), with)
	g.Expect(t, "enforced", harness.Filtered)
	s := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(server.IPv6(), harness.Inward))
	d.Write(harness.GatePolicy())
	if out := d.Must(t, 0, "reload", "--revoke"); !strings.Contains(out,
		"orphans: 1 live flow without a rule cut") {
		t.Errorf("it does not say what it cut:\n%s", out)
	}
	if !s.Cut() {
		t.Error("the session goes on")
	}
	g.Expect(t, "reloaded", harness.Filtered)
	d.Must(t, 2, "reload", "--revoke", "--confirm", "5s")
}
