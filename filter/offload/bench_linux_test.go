package offload

import (
	"net/netip"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// BenchmarkCarried sends datagrams over lo that are carried, beside those that no rule sees:
// what a look-up costs with one set and with several.
func BenchmarkCarried(b *testing.B) {
	labtest.RequireRoot(b)
	for _, c := range []struct {
		name  string
		flows uint32
	}{{"no rules", 0}, {"1 shard", 1}, {"16 shards", 16 * perShard}} {
		b.Run(c.name, func(b *testing.B) {
			h := labtest.New(b, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "alone"}}}).Host("alone")
			if c.flows > 0 {
				shardedTable(b, h, Config{Marks: DefaultMarks, Lifetime: MaxLifetime,
					Opening: MaxLifetime, Flows: c.flows})
			}
			lo := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			to, err := h.ListenPacket(b.Context(), "udp", netip.AddrPortFrom(lo, 53))
			if err != nil {
				b.Fatal(err)
			}
			defer to.Close()
			from, err := h.Dial(b.Context(), "udp", netip.AddrPortFrom(lo, 53))
			if err != nil {
				b.Fatal(err)
			}
			defer from.Close()
			content := make([]byte, 64)
			for b.Loop() {
				if _, err := from.Write(content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
