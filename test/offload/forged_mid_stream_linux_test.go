package offload

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables/expr"

	"sgfw/test/harness"
	"sgfw/test/wire"
)

// forgedMark is what forged packets begin with.
var forgedMark = []byte("forged!!")

// carries matches packets that have content at an offset of their transport header.
func carries(offset uint32, content []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset,
			Len: uint32(len(content))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: content},
	}
}

// exchanged has an echo server send back what it gets.
func exchanged(c net.Conn, network string) error {
	if network == "tcp" {
		return echoed(c, random(256<<10))
	}
	if lost := asks(c, 20, harness.ArrivalTimeout); lost > 0 {
		return fmt.Errorf("%d of 20 were not answered", lost)
	}
	return nil
}

// TestForgedMidStream sends from outside what looks like packets in the middle of flows that the
// kernel carries, UDP and TCP, in both families, with one port or address that is another: none
// passes, none opens a flow, and no flow has one in its counters. With the very ports and
// addresses it passes, as a packet of the flow.
func TestForgedMidStream(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	d := harness.Enforce(t, h.Fw, policy(nil, both(p)))
	servers(t, h, p)
	watch := newWitness(t, h.Fw)
	watch.counts("forged", carries(8, forgedMark)...)  // UDP
	watch.counts("forged", carries(20, forgedMark)...) // TCP
	outside := h.Outside.Device("eth0")
	send := func(b []byte) {
		t.Helper()
		if err := outside.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	forged := func(network string, from, to netip.AddrPort) (packets [][]byte) {
		if network == "udp" {
			return [][]byte{wire.UDP(from, to, forgedMark)}
		}
		for _, flags := range []wire.Flags{wire.ACK | wire.PSH, wire.RST, wire.FIN | wire.ACK,
			wire.SYN | wire.ACK, wire.SYN} {
			packets = append(packets, wire.TCP(from, to, flags, 1000, 2000, forgedMark))
		}
		return packets
	}
	type subject struct {
		way
		network     string
		c           net.Conn
		here, there netip.AddrPort
		was         harness.ListedFlow
	}
	var all []subject
	for _, w := range ways(h) {
		for _, network := range []string{"udp", "tcp"} {
			if w.inward {
				continue
			}
			c, before := w.dial(t, network, p), d.Status()
			if err := exchanged(c, network); err != nil {
				t.Fatalf("%s, %s: %v", w.name, network, err)
			}
			if carried, _ := carriedSince(t, d, before); carried == 0 {
				t.Fatalf("%s, %s: nothing is carried", w.name, network)
			}
			all = append(all, subject{way: w, network: network, c: c,
				here:  netip.MustParseAddrPort(c.LocalAddr().String()),
				there: harness.AddrPort(w.dst, p)})
		}
	}
	time.Sleep(refreshPause)
	for i := range all {
		all[i].was = all[i].listed(t, d, all[i].network, all[i].c)
	}
	flows := len(d.Flows())
	for _, s := range all {
		for range 20 {
			for _, f := range [][2]netip.AddrPort{
				{harness.AddrPort(s.there.Addr(), p+1), s.here},
				{s.there, netip.AddrPortFrom(s.here.Addr(), s.here.Port()^1)},
				{netip.AddrPortFrom(s.there.Addr().Next(), p), s.here},
			} {
				for _, b := range forged(s.network, f[0], f[1]) {
					send(b)
				}
			}
		}
	}
	time.Sleep(harness.SilenceTimeout)
	if n := watch.tallies()["forged"].packets; n > 0 || len(d.Flows()) != flows {
		t.Errorf("%d forged packets passed; there are %d flows, and were %d", n, len(d.Flows()), flows)
	}
	for i, s := range all {
		is := s.listed(t, d, s.network, s.c)
		if is.State != s.was.State || is.Packets != s.was.Packets || is.Bytes != s.was.Bytes {
			t.Errorf("%s, %s: %+v before, %+v after forged packets", s.name, s.network, s.was, is)
		}
		send(forged(s.network, s.there, s.here)[0])
		for end := time.Now().Add(harness.ArrivalTimeout); watch.tallies()["forged"].packets !=
			uint64(i+1); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s, %s: a packet of the flow does not pass", s.name, s.network)
			}
		}
		if err := exchanged(s.c, s.network); err != nil {
			t.Errorf("%s, %s: afterwards: %v", s.name, s.network, err)
		}
	}
}
