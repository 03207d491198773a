package differential

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/parity/claims"
)

// conversationIn is the conversation that a flow has.
func conversationIn(f harness.ListedFlow) conversation {
	end := func(s string) netip.AddrPort {
		if a, err := netip.ParseAddrPort(s); err == nil {
			return a
		}
		a, _ := netip.ParseAddr(s)
		return netip.AddrPortFrom(a, 0)
	}
	c := conversation{ends: [2]netip.AddrPort{end(f.Local), end(f.Remote)}}
	slices.SortFunc(c.ends[:], netip.AddrPort.Compare)
	switch f.Protocol {
	case "tcp":
		c.protocol = naive.TCP
	case "udp":
		c.protocol = naive.UDP
	}
	return c
}

// excused reports whether the two machines may know different things of a flow.
func (x *datapathTrial) excused(f harness.ListedFlow) bool {
	k := x.known[conversationIn(f)]
	return k != nil && (k.apart || k.ended || k.reset || k.reused || k.half)
}

// sameFlow holds a flow in userspace against the one with offload: who began it, its state, its
// packets and bytes.
func (x *datapathTrial) sameFlow(t *testing.T, key string, u harness.ListedFlow,
	with map[string]harness.ListedFlow) {
	t.Helper()
	c := conversationIn(u)
	k := x.known[c]
	if k != nil && (k.apart || k.reused || k.half) {
		x.sum.apart++
		return
	}
	o, ok := with[key]
	if !ok {
		if !x.excused(u) {
			x.tellOf(t, fmt.Sprintf("offload does not have the flow %+v", u), c)
		}
		return
	}
	row := ""
	if u.State != o.State {
		if row = k.row(u.State, o.State); row == "" {
			x.tellOf(t, fmt.Sprintf("userspace has %+v, offload %+v", u, o), c)
			return
		}
		if _, ok := claims.Find(row); !ok {
			t.Errorf("docs/aws-parity.md has no row %q", row)
		}
		x.sum.states[row]++
	}
	if u.Direction != o.Direction || u.Packets != o.Packets || u.Bytes != o.Bytes ||
		u.Tracked != o.Tracked || u.Clause != o.Clause || u.Cut != o.Cut {
		x.tellOf(t, fmt.Sprintf("userspace has %+v, offload %+v", u, o), c)
		return
	}
	x.sum.flows++
	if c.protocol == naive.TCP && row == "" {
		x.sum.connections++
	}
}
