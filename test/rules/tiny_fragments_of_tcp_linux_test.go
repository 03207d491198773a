package rules

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestTinyFragmentsOfTCP: the first eight bytes of a TCP header have the ports and
// not the flags (RFC 1858 §3). Whatever the kernel makes of it, no SYN arrives at
// a port without a rule, and none through a header that is rewritten later.
func TestTinyFragmentsOfTCP(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil, harness.InOrder))
	harness.BothFamilies(t, client, server, func(t *testing.T, from, to netip.Addr) {
		sees := harness.NewTap(t, server.Host(), wire.ProtoTCP, to)
		var (
			source   = harness.AddrPort(from, 5000)
			markers  = map[string][]byte{}
			sequence uint32
		)
		syn := func(what string, p int) []byte {
			if markers[what] == nil {
				markers[what] = harness.Nonce()
			}
			sequence += 1000
			return wire.TCP(source, harness.AddrPort(to, p), wire.SYN, sequence, 0,
				bytes.Repeat(markers[what], 8))
		}
		send := func(packets ...[]byte) {
			for _, b := range packets {
				if err := client.Send(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		refused := syn("tiny first fragment", harness.Outward)
		send(wire.Assemble(refused, 1, wire.Cut(refused, 0, 8), wire.Cut(refused, 8, -1))...)
		refused = syn("tiny first fragment last", harness.Outward)
		send(wire.Assemble(refused, 2, wire.Cut(refused, 8, -1), wire.Cut(refused, 0, 8))...)
		refused = syn("split behind the flags", harness.Outward)
		send(wire.Assemble(refused, 3, wire.Cut(refused, 0, 16), wire.Cut(refused, 16, -1))...)

		// RFC 1858 §4: harmless flags first, then SYN eight bytes in.
		refused = syn("flags rewritten", harness.Outward)
		harmless := wire.TCP(source, harness.AddrPort(to, harness.Outward), wire.ACK, sequence, 1,
			bytes.Repeat(markers["flags rewritten"], 8))
		send(slices.Concat(wire.Assemble(harmless, 4, wire.Cut(harmless, 0, 40)),
			wire.Assemble(refused, 4, wire.Cut(refused, 8, -1)))...)
		// Ports of a rule first, then others under them.
		admitted := syn("ports rewritten", harness.Inward)
		refused = syn("ports rewritten", harness.Outward)
		send(slices.Concat(wire.Assemble(admitted, 5, wire.Cut(admitted, 0, 40)),
			wire.Assemble(refused, 5, wire.Cut(refused, 0, 48), wire.Cut(refused, 48, -1)))...)
		admitted = syn("nothing but the rest", harness.Inward)
		send(wire.Assemble(admitted, 6, wire.Cut(admitted, 8, -1))...)

		whole := syn("whole", harness.Inward)
		send(whole)
		passed := sees.Until("a SYN in one piece", harness.Carrying(markers["whole"]))
		for what, marker := range markers {
			if n := harness.Count(passed, func(b []byte) bool { return bytes.Contains(b, marker) }); n > 0 &&
				what != "whole" {
				t.Errorf("%s: %d packets passed", what, n)
			}
		}
		split := syn("split", harness.Inward)
		send(wire.Assemble(split, 7, wire.Cut(split, 0, 24), wire.Cut(split, 24, -1))...)
		sees.Until("a SYN in two fragments", harness.Carrying(markers["split"]))
	})
}
