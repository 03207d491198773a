package packet_test

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// BenchmarkParse shows the header walk alone, one scenario a packet shape.
func BenchmarkParse(b *testing.B) {
	for _, s := range []struct {
		name string
		raw  []byte
	}{
		{"tcp4-40B", tcp4},
		{"tcp4-1500B", full4},
		{"tcp4-syn-options", syn4},
		{"udp4", udp4},
		{"icmp4-echo", ping4},
		{"icmp4-error", tooBig4},
		{"tcp6", tcp6},
		{"tcp6-3-extensions", chain6},
		{"udp6", udp6},
		{"icmp6-error", tooBig6},
	} {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			var p packet.Packet
			f := packet.Frame{Bytes: s.raw}
			for b.Loop() {
				if p.Parse(f) != packet.NoFault {
					b.Fatal("fault")
				}
			}
		})
	}
}

// BenchmarkParseMixed shows what branch prediction cannot learn from one shape.
func BenchmarkParseMixed(b *testing.B) {
	b.ReportAllocs()
	shapes := [...][]byte{tcp4, tcp6, full4, udp4, tcp4, tcp4, udp6, full4, ping4, tcp4, tcp6, full4,
		tcp4, udp4, syn4, tcp4}
	order := make([]uint8, 4096)
	x := uint32(1)
	for i := range order {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		order[i] = uint8(x % uint32(len(shapes)))
	}
	var p packet.Packet
	i := 0
	for b.Loop() {
		if p.Parse(packet.Frame{Bytes: shapes[order[i%len(order)]]}) != packet.NoFault {
			b.Fatal("fault")
		}
		i++
	}
}

// BenchmarkTuple shows the way from a parsed packet to its flow, in place as
// every packet takes it, and by value.
func BenchmarkTuple(b *testing.B) {
	var p packet.Packet
	if p.Parse(packet.Frame{Bytes: tcp4}) != packet.NoFault {
		b.Fatal("fault")
	}
	var t conntrack.Tuple
	b.Run("fill", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.FillTuple(&t, 1, conntrack.Ingress)
		}
	})
	b.Run("value", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t = p.Tuple(1, conntrack.Ingress)
		}
	})
	if t.LocalPort != 443 {
		b.Fatal(t)
	}
}
