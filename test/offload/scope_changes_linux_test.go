package offload

import (
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestScopeChanges moves a device into a scope and out of it again. Between the same ends each
// place has a flow of its own, and what the kernel counted is told of the flow that it is
// about: a datagram that nobody answered makes none of them look answered.
func TestScopeChanges(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	alone := policy(both(p), both(p))
	scoped := strings.Replace(alone, "device: eth0,", "device: eth0, scope: links,", 1)
	if scoped == alone {
		t.Fatal("the policy has no device to move")
	}
	d := harness.Enforce(t, h.Fw, alone)
	for _, w := range ways(h) {
		if !w.inward || w.to != h.Fw {
			continue
		}
		c := w.dial(t, "udp", p)
		in := harness.NewInbox(t, w.to, harness.AddrPort(w.dst, p)) // answers nothing
		sends := func() {
			content := random(16)
			if _, err := c.Write(content); err != nil {
				t.Fatal(err)
			}
			if _, ok := in.Receives(content, harness.ArrivalTimeout); !ok {
				t.Fatalf("%s: a datagram did not arrive", w.name)
			}
		}
		sends()
		time.Sleep(refreshPause)
		w.listed(t, d, "udp", c) // what the kernel counted of it is told
		d.ReloadNow(scoped)
		sends()
		d.ReloadNow(alone)
		found := 0
		for _, f := range d.Flows() {
			if f.Protocol != "udp" || f.Remote != c.LocalAddr().String() {
				continue
			}
			found++
			if f.Packets.Ingress != 1 || f.Packets.Egress != 0 || f.State != "unreplied" {
				t.Errorf("%s: one datagram makes %s of a flow, with %+v", w.name, f.State, f.Packets)
			}
		}
		if found != 2 {
			t.Errorf("%s: %d flows, want one of each place", w.name, found)
		}
	}
}
