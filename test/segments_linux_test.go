package test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// tap is a raw socket that sees the packets of one protocol which passed the
// input hook of a host, whole and whoever they are for.
type tap struct {
	t    testing.TB
	conn *net.IPConn
}

// newTap opens one on an address of a host, before the traffic that it is to see.
func newTap(t testing.TB, h *netlab.Host, protocol uint8, at netip.Addr) *tap {
	t.Helper()
	c, err := h.ListenRaw(t.Context(), protocol, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &tap{t, c}
}

// until returns what has passed up to and including the first packet that
// matches; it fails the test if none does. Packets start behind the IP header.
func (p *tap) until(what string, match func(b []byte) bool) [][]byte {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(patience))
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

// count is how many of the packets match.
func count(packets [][]byte, match func([]byte) bool) (n int) {
	for _, b := range packets {
		if match(b) {
			n++
		}
	}
	return n
}

// segment is a TCP segment as a test sees it.
type segment struct {
	src, dst netip.AddrPort
	flags    wire.Flags
	seq, ack uint32
	payload  []byte
}

// next is the sequence number behind the segment.
func (s segment) next() uint32 {
	n := s.seq + uint32(len(s.payload))
	if s.flags&wire.SYN != 0 {
		n++
	}
	if s.flags&wire.FIN != 0 {
		n++
	}
	return n
}

// segmentOf reads a packet that has neither IP options nor extension headers, as
// the stacks of the tests send them.
func segmentOf(packet []byte) (s segment, ok bool) {
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
		return segment{}, false
	}
	s = transportOf(packet)
	s.src = netip.AddrPortFrom(src, s.src.Port())
	s.dst = netip.AddrPortFrom(dst, s.dst.Port())
	return s, true
}

// transportOf reads what a tap on TCP sees; the addresses are not known there.
func transportOf(b []byte) segment {
	return segment{
		src:     netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(b)),
		dst:     netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(b[2:])),
		seq:     binary.BigEndian.Uint32(b[4:]),
		ack:     binary.BigEndian.Uint32(b[8:]),
		flags:   wire.Flags(b[13]),
		payload: b[int(b[12]>>4)*4:],
	}
}

// carrying matches what a tap sees of a TCP segment or UDP datagram that ends
// with a payload.
func carrying(payload []byte) func([]byte) bool {
	return func(b []byte) bool {
		return len(b) >= len(payload) && string(b[len(b)-len(payload):]) == string(payload)
	}
}

// wireTCP is one end of a TCP connection made by hand. Its address is that of a
// host behind a device, or of nobody there, so that no stack answers in its
// place; the other end is a real one.
type wireTCP struct {
	t           testing.TB
	dev         *netlab.Device
	capture     *netlab.Capture
	local, peer netip.AddrPort
	seq, ack    uint32
}

func newWireTCP(t testing.TB, dev *netlab.Device, local, peer netip.AddrPort) *wireTCP {
	t.Helper()
	return &wireTCP{
		t: t, dev: dev, local: local, peer: peer, seq: 0x7fffff00,
		capture: labtest.Capture(t, dev.Host(), dev.Name(), netlab.CaptureOptions{}),
	}
}

// send sends a segment with the end's numbers and moves them on.
func (w *wireTCP) send(flags wire.Flags, payload []byte) {
	w.t.Helper()
	s := segment{flags: flags, seq: w.seq, payload: payload}
	if err := w.dev.Send(wire.TCP(w.local, w.peer, flags, w.seq, w.ack, payload)); err != nil {
		w.t.Fatal(err)
	}
	w.seq = s.next()
}

// receive waits for a segment of the connection with exactly these flags, push
// aside, and these bytes, and takes note of its number.
func (w *wireTCP) receive(flags wire.Flags, payload []byte) segment {
	w.t.Helper()
	p, err := w.capture.Wait(labtest.Within(w.t, patience), func(p netlab.Packet) bool {
		s, ok := segmentOf(p.Bytes)
		return ok && s.src == w.peer && s.dst == w.local && s.flags&^wire.PSH == flags && string(s.payload) == string(payload)
	})
	if err != nil {
		w.t.Fatalf("%s → %s: no segment with flags %#x and %q: %v", w.peer, w.local, flags, payload, err)
	}
	got, _ := segmentOf(p.Bytes)
	w.ack = got.next()
	return got
}

// nobody makes the host of a device send what is for an address that nobody has
// to the other end of its link, whose stack ignores it.
func nobody(t testing.TB, dev *netlab.Device, a netip.Addr) {
	t.Helper()
	family := netlink.FAMILY_V4
	if a.Is6() {
		family = netlink.FAMILY_V6
	}
	if err := dev.Host().Netlink().NeighSet(&netlink.Neigh{
		LinkIndex: dev.Index(), Family: family, State: netlink.NUD_PERMANENT,
		IP: a.AsSlice(), HardwareAddr: dev.Peer().MAC(),
	}); err != nil {
		t.Fatal(err)
	}
}
