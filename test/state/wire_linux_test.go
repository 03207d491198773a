package state

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

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
	s := harness.Segment{Flags: flags, Seq: w.seq, Payload: payload}
	if err := w.dev.Send(wire.TCP(w.local, w.peer, flags, w.seq, w.ack, payload)); err != nil {
		w.t.Fatal(err)
	}
	w.seq = s.Next()
}

// receive waits for a segment of the connection with exactly these flags, push
// aside, and these bytes, and takes note of its number.
func (w *wireTCP) receive(flags wire.Flags, payload []byte) harness.Segment {
	w.t.Helper()
	p, err := w.capture.Wait(labtest.Within(w.t, harness.ArrivalTimeout), func(p netlab.Packet) bool {
		s, ok := harness.SegmentOf(p.Bytes)
		return ok && s.Src == w.peer && s.Dst == w.local && s.Flags&^wire.PSH == flags &&
			string(s.Payload) == string(payload)
	})
	if err != nil {
		w.t.Fatalf("%s → %s: no segment with flags %#x and %q: %v",
			w.peer, w.local, flags, payload, err)
	}
	got, _ := harness.SegmentOf(p.Bytes)
	w.ack = got.Next()
	return got
}

// UnusedAddress makes the host of a device send what is for an address that nobody has
// to the other end of its link, whose stack ignores it.
func UnusedAddress(t testing.TB, dev *netlab.Device, a netip.Addr) {
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
