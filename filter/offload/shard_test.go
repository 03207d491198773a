package offload

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestShards: of few flows one set is enough.
func TestShards(t *testing.T) {
	for _, c := range []struct {
		want  int
		flows uint32
	}{
		{1, 1}, {1, perShard}, {2, perShard + 1}, {4, 4 * perShard}, {16, 262144},
		{maxShards, MaxFlows},
	} {
		if got := (Config{Flows: c.flows}).Shards(); got != c.want {
			t.Errorf("%d flows: %d shards, want %d", c.flows, got, c.want)
		}
	}
}

// TestShardsHaveRoom: addresses and ports as a network has them are spread evenly enough that
// no set is full before nearly all of its kind is.
func TestShardsHaveRoom(t *testing.T) {
	cfg := Config{Flows: 1 << 17}
	server := netip.AddrFrom4([4]byte{10, 1, 0, 1})
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		path func(i int) Path
	}{
		{"a client's ports", func(i int) Path {
			return Path{Src: netip.AddrFrom4([4]byte{10, 0, byte(i >> 14), 1}), Dst: server,
				SrcPort: uint16(32768 + 2*(i&(1<<14-1))), DstPort: 443}
		}},
		{"servers that answer", func(i int) Path {
			return Path{Src: server, Dst: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}),
				SrcPort: 123, DstPort: 123}
		}},
		{"IPv6, all at random", func(int) Path {
			var a, b [16]byte
			for i := range a {
				a[i], b[i] = byte(random.Uint32()), byte(random.Uint32())
			}
			return Path{Src: netip.AddrFrom16(a), Dst: netip.AddrFrom16(b),
				SrcPort: uint16(random.Uint32()), DstPort: uint16(random.Uint32())}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := int(cfg.size(Answer))
			counts := make([]int, cfg.Shards())
			for i := range n {
				p := c.path(i)
				counts[cfg.shardOf(familyOf(&p), key(&p))]++
			}
			over := 0
			for _, have := range counts {
				over += max(0, have-int(cfg.shardSize(Answer)))
			}
			if over > n/1000 {
				t.Errorf("%d of %d find no room: %v", over, n, counts)
			}
		})
	}
}
