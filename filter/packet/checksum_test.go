package packet_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/filter/packet"
	"sgfw/test/wire"
)

// unverified is a packet whose checksum nobody has looked at.
func unverified(b []byte) packet.Frame {
	return packet.Frame{Bytes: b, Info: packet.InfoCsumNotVerified}
}

// intact parses a frame and asks for its checksum.
func intact(t *testing.T, f packet.Frame) bool {
	t.Helper()
	var p packet.Packet
	if fault := p.Parse(f); fault != packet.NoFault {
		t.Fatal(fault)
	}
	return p.Intact()
}

var ends = [2][2]netip.AddrPort{
	{netip.MustParseAddrPort("198.51.100.7:40000"), netip.MustParseAddrPort("192.0.2.1:443")},
	{netip.MustParseAddrPort("[2001:db8:1::7]:40000"), netip.MustParseAddrPort("[2001:db8::1]:443")},
}

// transports are all that has a checksum.
var transports = map[string]func(src, dst netip.AddrPort, payload []byte,
	o ...wire.Option) []byte{
	"TCP": func(src, dst netip.AddrPort, payload []byte, o ...wire.Option) []byte {
		return wire.TCP(src, dst, wire.SYN, 1, 0, payload, o...)
	},
	"UDP": wire.UDP,
	"ICMP": func(src, dst netip.AddrPort, payload []byte, o ...wire.Option) []byte {
		kind := uint8(wire.ICMPEcho)
		if src.Addr().Is6() {
			kind = wire.ICMPv6Echo
		}
		return wire.ICMP(src.Addr(), dst.Addr(), kind, 0, 7<<16, payload, o...)
	},
}

// TestIntact: a wrong checksum is seen where nobody vouches for it, in both families and
// with every length; a single bit that is wrong is enough.
func TestIntact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, build := range transports {
		for family, e := range ends {
			for size := range 70 {
				payload := make([]byte, size)
				for i := range payload {
					payload[i] = []byte{0xff, 0, byte(rng.Uint32())}[size%3]
				}
				b := build(e[0], e[1], payload)
				if !intact(t, unverified(b)) {
					t.Errorf("%s, family %d, %d bytes: a right checksum is wrong", name, family, size)
				}
				if intact(t, unverified(build(e[0], e[1], payload, wire.BadChecksum()))) {
					t.Errorf("%s, family %d, %d bytes: a wrong checksum is right", name, family, size)
				}
				if size == 0 {
					continue
				}
				b[len(b)-1-rng.IntN(size)] ^= 1 << rng.IntN(8)
				if intact(t, unverified(b)) {
					t.Errorf("%s, family %d, %d bytes: a bit of the payload is wrong, the sum is right", name,
						family, size)
				}
			}
		}
	}
}

// TestIntactWhereNothingCanBeSaid: what somebody vouches for, what is filled in later,
// what is not all here and what has no checksum counts as intact.
func TestIntactWhereNothingCanBeSaid(t *testing.T) {
	for name, build := range transports {
		for family, e := range ends {
			bad := func(n int, o ...wire.Option) []byte {
				return build(e[0], e[1], make([]byte, n), append(o, wire.BadChecksum())...)
			}
			frames := map[string]packet.Frame{
				"verified": {Bytes: bad(9)},
				"left to the device": {Bytes: bad(9), Info: packet.InfoCsumNotReady |
					packet.InfoCsumNotVerified},
				"an aggregate": {Bytes: bad(9), Info: packet.InfoGSO | packet.InfoCsumNotVerified},
				"a part of it": {Bytes: bad(900)[:512], Length: uint32(len(bad(900))),
					Info: packet.InfoCsumNotVerified},
			}
			if family == 1 {
				frames["with segments left"] = unverified(bad(9,
					wire.Extension(43, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
				frames["from a home address"] = unverified(bad(9,
					wire.Extension(60, 201, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
			}
			for what, f := range frames {
				if !intact(t, f) {
					t.Errorf("%s, family %d: %s counts as wrong", name, family, what)
				}
			}
			// An extension header by itself excuses nothing.
			if family == 1 && intact(t, unverified(bad(9, wire.Extension(0, 1, 4, 0, 0, 0, 0)))) {
				t.Errorf("%s behind a hop-by-hop header: a wrong checksum is right", name)
			}
		}
	}
	for family, e := range ends {
		none := wire.UDP(e[0], e[1], []byte("tunnel"), wire.NoChecksum())
		if !intact(t, unverified(none)) {
			t.Errorf("family %d: a datagram without a checksum counts as wrong", family)
		}
		other := wire.Proto(e[0].Addr(), e[1].Addr(), 47, []byte{0, 0, 8, 0, 1, 2, 3, 4})
		if !intact(t, unverified(other)) {
			t.Errorf("family %d: a protocol without a checksum counts as wrong", family)
		}
	}
}

// TestIntactUDPLength: the checksum of UDP covers what its own length says (RFC 768), and
// not what may come behind it in the IP packet.
func TestIntactUDPLength(t *testing.T) {
	b := wire.UDP(ends[0][0], ends[0][1], []byte("right"))
	b = append(b, "behind it"...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if !intact(t, unverified(b)) {
		t.Error("a datagram shorter than its packet counts as wrong")
	}
	b[30] ^= 1
	if intact(t, unverified(b)) {
		t.Error("a wrong checksum of a datagram shorter than its packet is right")
	}
}

// TestIntactForgets: a packet says nothing of the one before it.
func TestIntactForgets(t *testing.T) {
	var p packet.Packet
	bad := wire.UDP(ends[0][0], ends[0][1], []byte("x"), wire.BadChecksum())
	for _, f := range []packet.Frame{unverified(bad), {Bytes: bad}, unverified(bad)} {
		if fault := p.Parse(f); fault != packet.NoFault {
			t.Fatal(fault)
		}
		if got, want := p.Intact(), f.Info == 0; got != want {
			t.Errorf("info %d: intact %t", f.Info, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { p.Parse(unverified(bad)); p.Intact() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkIntact is what the first packet of a flow costs more, if nobody vouches for
// its checksum.
func BenchmarkIntact(b *testing.B) {
	var p packet.Packet
	for name, payload := range map[string]int{"SYN": 20, "512 bytes": 472} {
		p.Parse(unverified(wire.TCP(ends[0][0], ends[0][1], wire.SYN, 1, 0, make([]byte, payload))))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p.Intact()
			}
		})
	}
}
