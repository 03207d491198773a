package offload

import (
	"net"
	"net/netip"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestDumpLosesNoCounts: of thousands of elements, which take many messages, each tells what
// it has counted.
func TestDumpLosesNoCounts(t *testing.T) {
	labtest.RequireRoot(t)
	for _, lo := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		t.Run(lo.String(), func(t *testing.T) {
			h := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "alone"}}}).Host("alone")
			const flows = 3000
			cfg := Config{Marks: DefaultMarks, Lifetime: MaxLifetime, Opening: MaxLifetime, Flows: 2 * flows}
			shardedTable(t, h, cfg)
			s := openSets(t, h, cfg)
			from, err := h.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(lo, 999))
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			for range 2 {
				for i := range uint16(flows) {
					to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(lo, 1000+i))
					if _, err := from.WriteTo([]byte("to nobody"), to); err != nil {
						t.Fatal(err)
					}
				}
			}
			// A table that grows meanwhile shows a part; the rest comes the next time.
			seen := make(map[uint16]uint64)
			for range 3 {
				if _, err := s.Collect(Proven, 0, func(p Path, of Seen) {
					if p.SrcPort == 999 {
						seen[p.DstPort] += of.Packets
					}
				}, nobody); err != nil {
					t.Fatal(err)
				}
			}
			lost := 0
			for i := range uint16(flows) {
				if seen[1000+i] != 2 {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("the counts of %d of %d flows are not two", lost, flows)
			}
		})
	}
}
