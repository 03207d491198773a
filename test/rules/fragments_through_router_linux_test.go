package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestFragmentsThroughRouter: the protected host is a router between sender and
// receiver, which cuts datagrams up again behind its hooks; or either end is a
// guest of that router.
func TestFragmentsThroughRouter(t *testing.T) {
	parity.Proves(t, "T25")
	t.Parallel()
	admitted := []string{harness.Allow("udp", harness.Inward)}
	for what, policy := range map[string]string{
		"router": harness.PolicyWith(admitted, nil, harness.InOrder),
		"from its guest": harness.AsGuest(harness.PolicyWith(nil, admitted, harness.InOrder),
			harness.IP("192.0.2.10"), harness.IP("2001:db8:1::10")),
		"to its guest": harness.AsGuest(harness.PolicyOn("eth1", admitted, nil, harness.InOrder),
			harness.IP("198.51.100.10"), harness.IP("2001:db8:2::10")),
	} {
		t.Run(what, func(t *testing.T) { fragmentsThroughRouter(t, policy) })
	}
}

func fragmentsThroughRouter(t *testing.T, policy string) {
	t.Parallel()
	router := netlab.Router()
	for i := range router.Links {
		router.Links[i].Offload = netlab.OffloadOff
	}
	lab := labtest.New(t, router)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	harness.Enforce(t, lab.Host("fw"), policy)
	harness.BothFamilies(t, client, server, func(t *testing.T, from, to netip.Addr) {
		capture := labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{})
		p := fragmentPath{
			from: client, src: harness.AddrPort(from, 5000), dst: harness.AddrPort(to, harness.Inward),
			admitted: harness.NewInbox(t, server.Host(), harness.AddrPort(to, harness.Inward)),
			refused:  harness.NewInbox(t, server.Host(), harness.AddrPort(to, harness.Outward)),
			leaks: func(sentinel []byte) (got [][]byte) {
				packets, err := capture.Until(labtest.Within(t, harness.ArrivalTimeout),
					func(p netlab.Packet) bool { return harness.Carrying(sentinel)(p.Bytes) })
				if err != nil {
					t.Error(err)
				}
				for _, p := range packets {
					got = append(got, p.Bytes)
				}
				return got
			},
		}
		p.try(t)
		p.flood(t)
	})
}
