package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestFragmentsToHost: the protected host is the receiver.
func TestFragmentsToHost(t *testing.T) {
	parity.Proves(t, "T25")
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("udp", harness.Inward)}, nil, harness.InOrder))
	harness.BothFamilies(t, client, server, func(t *testing.T, from, to netip.Addr) {
		sees := harness.NewTap(t, server.Host(), wire.ProtoUDP, to)
		p := fragmentPath{
			from: client, src: harness.AddrPort(from, 5000), dst: harness.AddrPort(to, harness.Inward),
			admitted: harness.NewInbox(t, server.Host(), harness.AddrPort(to, harness.Inward)),
			refused:  harness.NewInbox(t, server.Host(), harness.AddrPort(to, harness.Outward)),
			leaks: func(sentinel []byte) [][]byte {
				return sees.Until("the sentinel", harness.Carrying(sentinel))
			},
		}
		p.try(t)
		p.flood(t)
	})
}
