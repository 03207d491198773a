package state

import (
	"bytes"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestErrorsAboutUntracked: an ICMP error about an untracked flow passes, though no
// rule is for it; with icmp_errors: rules, as AWS has it, it does not (T24).
func TestErrorsAboutUntracked(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	rules := []string{harness.Allow("tcp", harness.Inward)}
	d := harness.Enforce(t, server.Host(), harness.PolicyWith(rules, []string{toEverybody}, asAWS,
		harness.InOrder))
	s := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(server.IPv4(), harness.Inward))
	local, remote := harness.ParseAddrPort(s.Callee.LocalAddr().String()),
		harness.ParseAddrPort(s.Callee.RemoteAddr().String())
	d.Tracks(t, "tcp", local, remote, false, "both-rules")
	sees := harness.NewTap(t, server.Host(), uint8(wire.ProtoICMP), netip.IPv4Unspecified())
	router := harness.IP("192.0.2.99")
	about := func(peer netip.AddrPort) []byte {
		marker := harness.Nonce()
		if err := client.Send(wire.TooBig(router, 1400,
			wire.TCP(local, peer, wire.ACK, 1, 2, marker))); err != nil {
			t.Fatal(err)
		}
		return marker
	}
	holds := func(marker []byte) func([]byte) bool {
		return func(b []byte) bool { return bytes.Contains(b, marker) }
	}
	wrong := about(netip.AddrPortFrom(remote.Addr(), remote.Port()+1))
	right := about(remote)
	if passed := sees.Until("an error about the flow", holds(right)); harness.Count(passed,
		holds(wrong)) > 0 {
		t.Error("an error about an unknown flow passed")
	}
	d.Reload(harness.PolicyWith(append(rules,
		`{ protocol: icmp, from_port: 11, to_port: -1, cidr_blocks: [0.0.0.0/0] }`),
		[]string{toEverybody}, asAWS, "icmp_errors: rules"))
	right = about(remote)
	marker := harness.Nonce() // an error that a rule permits
	if err := client.Send(wire.Error(router, local.Addr(), wire.ICMPTimeExceeded, 0, 0,
		wire.TCP(local, remote, wire.ACK, 1, 2, marker))); err != nil {
		t.Fatal(err)
	}
	if passed := sees.Until("an error that a rule permits", holds(marker)); harness.Count(passed,
		holds(right)) > 0 {
		t.Error("icmp_errors: rules: an error without a rule passed")
	}
}
