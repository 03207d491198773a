package state

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestDatagramOpensItsOwnFlow asks from a port that everybody may send to. The question
// could be the answer of a visitor, and is none: it opens a flow of its own, which is
// tracked, because not all ports are open to what comes back (T2). So its answers pass
// after the rule for visitors is gone, and a visitor's datagrams do not (T15).
func TestDatagramOpensItsOwnFlow(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T2", "T15")
	lab := labtest.New(t, netlab.Pair())
	peer, host := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := harness.PolicyWith([]string{
		`{ protocol: udp, ports: 1024-65535, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`},
		[]string{toEverybody}, asAWS)
	shut := harness.PolicyWith(nil, []string{toEverybody}, asAWS)
	d := harness.Enforce(t, host.Host(), opened)
	harness.BothFamilies(t, peer, host, func(t *testing.T, near, far netip.Addr) {
		d.Reload(opened)
		resolver := harness.NewInbox(t, peer.Host(), harness.AddrPort(near, 53))
		visitor := harness.NewInbox(t, peer.Host(), harness.AddrPort(near, 40001))
		asks := harness.NewInbox(t, host.Host(), harness.AddrPort(far, 40000))
		serves := harness.NewInbox(t, host.Host(), harness.AddrPort(far, 40002))
		passes := func(what string, from, to *harness.Inbox, at netip.AddrPort) {
			t.Helper()
			if _, ok := to.Receives(from.Send(t, at), harness.ArrivalTimeout); !ok {
				t.Errorf("%s did not arrive", what)
			}
		}
		passes("the question", asks, resolver, harness.AddrPort(near, 53))
		passes("a visitor's datagram", visitor, serves, harness.AddrPort(far, 40002))
		passes("what it is answered", serves, visitor, harness.AddrPort(near, 40001))
		d.Tracks(t, "udp", harness.AddrPort(far, 40000), harness.AddrPort(near, 53), true, "return-rule")

		d.Reload(shut)
		lost := visitor.Send(t, harness.AddrPort(far, 40002))
		passes("the answer", resolver, asks, harness.AddrPort(far, 40000))
		passes("another question", asks, resolver, harness.AddrPort(near, 53))
		passes("its answer", resolver, asks, harness.AddrPort(far, 40000))
		passes("what the visitor is sent", serves, visitor, harness.AddrPort(near, 40001))
		again := visitor.Send(t, harness.AddrPort(far, 40002))
		for _, b := range [][]byte{lost, again} {
			if _, ok := serves.Receives(b, harness.SilenceTimeout); ok {
				t.Error("a visitor's datagram arrived without its rule")
			}
		}
	})
}
