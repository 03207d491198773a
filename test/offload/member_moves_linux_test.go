package offload

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestMemberMoves takes an address of a group's member away while flows with it are carried:
// they are tracked and go on, and a new one is refused.
func TestMemberMoves(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	rule := `{ protocol: udp, ports: 7000, security_groups: [machine] }`
	d := harness.Enforce(t, h.Fw, `
version: 1
security_groups:
  - { name: guest, description: The guest, ingress: [`+rule+`], egress: [] }
  - { name: machine, description: The machine behind eth0 }
interfaces:
  - { device: veth-app, mode: guest, security_groups: [guest] }
  - { device: eth0, security_groups: [machine] }
settings: { datapath: offload, `+harness.InOrder+` }
`)
	const second = "203.0.113.77/32"
	from := netip.MustParsePrefix(second).Addr()
	harness.AddAddr(t, h.Fw, "eth0", second)
	harness.Echoes(t, h.App, h.AppIPs[0], p)
	d.Becomes(t, "the second address", func(s harness.StatusDocument) bool {
		for _, in := range s.Interfaces {
			for _, c := range in.Covered {
				if strings.Contains(strings.Join(c.Addresses, " "), from.String()) {
					return true
				}
			}
		}
		return false
	})
	w := way{"from a member", h.Fw, h.App, from, h.AppIPs[0], true}
	c := w.dial(t, "udp", p, netlab.From(harness.AddrPort(from, 0)))
	if lost := asks(c, 20, harness.ArrivalTimeout); lost > 0 {
		t.Fatalf("%d of 20 were not answered", lost)
	}
	harness.AddAddr(t, h.Fw, "lo", second) // it stays the machine's, and is no member's
	before := d.Status()
	harness.RemoveAddr(t, h.Fw, "eth0", second)
	refused := func() bool {
		n := w.dial(t, "udp", p, netlab.From(harness.AddrPort(from, 0)))
		defer n.Close()
		return asks(n, 1, harness.SilenceTimeout) == 1
	}
	for deadline := time.Now().Add(harness.ArrivalTimeout); !refused(); {
		if time.Now().After(deadline) {
			t.Fatal("an address that is no member's any more opens flows")
		}
	}
	goesOn(t, "a flow whose address is no member's any more", c)
	if carried, judged := carriedSince(t, d, before); carried < 20 || judged == 0 {
		t.Errorf("%d were carried, %d judged: each flow comes back once", carried, judged)
	}
}
