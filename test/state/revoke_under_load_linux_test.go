package state

import (
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestRevokeUnderLoad cuts a thousand flows while others carry traffic.
func TestRevokeUnderLoad(t *testing.T) {
	client, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "enforced", harness.Filtered)
	harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), harness.GateEcho))
	p := harness.StartEchoExchange(t, client.Host(), harness.AddrPort(server.IPv4(), harness.GateEcho),
		0)
	in := g.At[harness.AddrPort(server.IPv6(), harness.GateIn)]
	const flows = 1000
	for range flows {
		g.Shoot(t, harness.Path{Host: client.Host(), From: client.IPv6(),
			To: harness.AddrPort(server.IPv6(), harness.GateIn)})
	}
	if _, ok := in.Receives(g.Shoot(t,
		harness.Path{Host: client.Host(), From: client.IPv6(),
			To: harness.AddrPort(server.IPv6(), harness.GateIn)}), harness.ArrivalTimeout); !ok {
		t.Fatal("the flows do not come about")
	}
	var r harness.Revoked
	begun := time.Now()
	d.Document(&r, "flows", "revoke", "--to", harness.AddrPort(server.IPv6(), harness.GateIn).String())
	t.Logf("%d flows revoked in %v", r.Revoked.Count, time.Since(begun))
	if r.Revoked.Count < flows || len(r.Revoked.Flows) > flows {
		t.Errorf("%d flows revoked, %d listed, want %d or some more, and no more listed", r.Revoked.Count,
			len(r.Revoked.Flows), flows)
	}
	p.WaitForMore(100)
	p.Finish()
	g.Expect(t, "revoked", harness.Filtered)
}
