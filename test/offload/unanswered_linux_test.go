package offload

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"

	"sgfw/test/harness"
	"sgfw/test/wire"
)

// TestUnanswered sends one datagram and one SYN, as long as SYNs are, which nobody answers:
// that their flows may be carried makes them no more than that, however often the kernel is
// asked what it carried.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	// The guest is silent.
	c, silent := harness.Nft(t, h.App), nftables.ChainPolicyDrop
	table := c.AddTable(&nftables.Table{Name: "silent", Family: nftables.TableFamilyINet})
	in := c.AddChain(&nftables.Chain{Name: "input", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &silent})
	c.AddRule(&nftables.Rule{Table: table, Chain: in, Exprs: icmpv6()})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for i, src := range h.OutsideIPs {
		from := netip.AddrPortFrom(src, 5555)
		to := harness.AddrPort(h.AppIPs[i], p)
		for _, packet := range [][]byte{
			wire.UDP(from, to, random(16)),
			wire.TCP(from, to, wire.SYN, 1, 0, nil, wire.TCPOptions(make([]byte, 20)...)),
		} {
			if err := h.Outside.Device("eth0").Send(packet); err != nil {
				t.Fatal(err)
			}
		}
		d.InState(t, "unreplied", "udp", to.String(), from.String())
		d.InState(t, "syn_sent", "tcp", to.String(), from.String())
	}
	for range 4 {
		time.Sleep(time.Second) // the daemon asks the kernel of itself, too
		for _, f := range d.Flows() {
			if f.State != "unreplied" && f.State != "syn_sent" || f.Packets.Ingress != 1 ||
				f.Packets.Egress != 0 {
				t.Fatalf("nobody answered %+v", f)
			}
		}
	}
}
