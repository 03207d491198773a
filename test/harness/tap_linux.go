package harness

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// Tap is a raw socket that sees the packets of one protocol which passed the
// input hook of a host, whole and whoever they are for.
type Tap struct {
	t    testing.TB
	conn *net.IPConn
}

// NewTap opens one on an address of a host, before the traffic that it is to see.
func NewTap(t testing.TB, h *netlab.Host, protocol uint8, at netip.Addr) *Tap {
	t.Helper()
	c, err := h.ListenRaw(t.Context(), protocol, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &Tap{t, c}
}

// Until returns what has passed up to and including the first packet that
// matches; it fails the test if none does. Packets start behind the IP header.
func (p *Tap) Until(what string, match func(b []byte) bool) [][]byte {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(ArrivalTimeout))
	var got [][]byte
	buf := make([]byte, 1<<16)
	for {
		n, _, err := p.conn.ReadFromIP(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.t.Fatalf("%s: did not pass", what)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		b := append([]byte(nil), buf[:n]...)
		got = append(got, b)
		if match(b) {
			return got
		}
	}
}

// Count is how many of the packets match.
func Count(packets [][]byte, match func([]byte) bool) (n int) {
	for _, b := range packets {
		if match(b) {
			n++
		}
	}
	return n
}

// Segment is a TCP segment as a test sees it.
type Segment struct {
	Src, Dst netip.AddrPort
	Flags    wire.Flags
	Seq, Ack uint32
	Payload  []byte
}

// Next is the sequence number behind the segment.
func (s Segment) Next() uint32 {
	n := s.Seq + uint32(len(s.Payload))
	if s.Flags&wire.SYN != 0 {
		n++
	}
	if s.Flags&wire.FIN != 0 {
		n++
	}
	return n
}

// SegmentOf reads a packet that has neither IP options nor extension headers, as
// the stacks of the tests send them.
func SegmentOf(packet []byte) (s Segment, ok bool) {
	var src, dst netip.Addr
	switch {
	case len(packet) >= 40 && packet[0] == 0x45 && packet[9] == wire.ProtoTCP:
		src, _ = netip.AddrFromSlice(packet[12:16])
		dst, _ = netip.AddrFromSlice(packet[16:20])
		packet = packet[20:binary.BigEndian.Uint16(packet[2:])]
	case len(packet) >= 60 && packet[0]>>4 == 6 && packet[6] == wire.ProtoTCP:
		src, _ = netip.AddrFromSlice(packet[8:24])
		dst, _ = netip.AddrFromSlice(packet[24:40])
		packet = packet[40:]
	default:
		return Segment{}, false
	}
	s = TransportOf(packet)
	s.Src = netip.AddrPortFrom(src, s.Src.Port())
	s.Dst = netip.AddrPortFrom(dst, s.Dst.Port())
	return s, true
}

// TransportOf reads what a tap on TCP sees; the addresses are not known there.
func TransportOf(b []byte) Segment {
	return Segment{
		Src:     netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(b)),
		Dst:     netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(b[2:])),
		Seq:     binary.BigEndian.Uint32(b[4:]),
		Ack:     binary.BigEndian.Uint32(b[8:]),
		Flags:   wire.Flags(b[13]),
		Payload: b[int(b[12]>>4)*4:],
	}
}

// Carrying matches what a tap sees of a TCP segment or UDP datagram that ends
// with a payload.
func Carrying(payload []byte) func([]byte) bool {
	return func(b []byte) bool {
		return len(b) >= len(payload) && string(b[len(b)-len(payload):]) == string(payload)
	}
}
