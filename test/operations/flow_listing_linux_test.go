package operations

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// total is what crossed a device in each direction.
type total struct{ packets, bytes [2]uint64 }

// TestFlowListing compares `sgfw flows` with what really crossed the link: ends,
// direction, packets and bytes of IP. What was dropped is not a flow.
func TestFlowListing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith(
		append(harness.AllowPing(), harness.Allow("tcp", harness.Inward),
			harness.Allow("udp", harness.Inward)),
		[]string{harness.Allow("tcp", harness.Outward), harness.Allow("udp", harness.Outward)}))
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward),
			harness.AddrPort(far, harness.Inward+10))
		harness.EchoOn(t, client.Host(), harness.AddrPort(near, harness.Outward))
		capture := labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{Outgoing: true})
		header := uint64(20)
		if near.Is6() {
			header = 40
		}
		for _, c := range []struct {
			direction string
			h         *netlab.Host
			to        netip.AddrPort
		}{{"ingress", client.Host(), harness.AddrPort(far, harness.Inward)},
			{"egress", server.Host(), harness.AddrPort(near, harness.Outward)}} {
			ends := func(conn net.Conn) (local, remote string) {
				if c.h == server.Host() {
					return conn.LocalAddr().String(), conn.RemoteAddr().String()
				}
				return conn.RemoteAddr().String(), conn.LocalAddr().String()
			}
			udp, err := c.h.Dial(labtest.Within(t, harness.ArrivalTimeout), "udp", c.to)
			if err != nil {
				t.Fatal(err)
			}
			defer udp.Close()
			for size := range 4 {
				roundTrip(t, udp, 100+size)
			}
			local, remote := ends(udp)
			f := d.InState(t, "stream", "udp", local, remote)
			if want := 4*(header+8+100) + 6; f.Packets.Ingress != 4 || f.Packets.Egress != 4 ||
				f.Bytes.Ingress != want || f.Bytes.Egress != want {
				t.Errorf("udp %s: %+v %+v, want 4 packets and %d bytes each way", c.direction, f.Packets,
					f.Bytes, want)
			}
			if f.Direction != c.direction || f.Interface != "eth0" || f.Expires < 170 || f.Expires > 180 {
				t.Errorf("udp: %+v, want %s on eth0 for 180 s", f, c.direction)
			}

			tcp := harness.DialTCP(t, c.h, netip.AddrPort{}, c.to, harness.ArrivalTimeout)
			if tcp == nil {
				t.Fatal("no TCP session")
			}
			defer tcp.Close()
			// Below a segment: of larger writes the hooks see one large packet,
			// which is cut up behind them.
			for range 15 {
				roundTrip(t, tcp, 1000)
			}
			local, remote = ends(tcp)
			var want total
			deadline := time.Now().Add(harness.ArrivalTimeout)
			for { // a last acknowledgement may be under way, or its verdict
				want = crossed(capture, local, remote)
				f = d.Lives(t, 431_900, local, remote)
				if got := (total{[2]uint64{f.Packets.Ingress, f.Packets.Egress},
					[2]uint64{f.Bytes.Ingress, f.Bytes.Egress}}); got == want {
					break
				} else if time.Now().After(deadline) {
					t.Errorf("tcp %s: listed %+v, crossed the link: %+v", c.direction, got, want)
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if want.bytes[0] < 15_000 || want.bytes[1] < 15_000 {
				t.Errorf("tcp: the capture saw %+v of 15000 bytes each way", want)
			}
			if f.Direction != c.direction || f.Interface != "eth0" || f.Expires < 431_900 ||
				f.Expires > 432_000 {
				t.Errorf("tcp: %+v, want %s on eth0 for 432000 s", f, c.direction)
			}
		}

		protocol, query := "icmp", uint8(8)
		if near.Is6() {
			protocol, query = "icmpv6", 128
		}
		// A reply may be lost for reasons of the machine (see pings); then it takes
		// more requests.
		echo := netlab.Ping{To: far, ID: 0x1234, Payload: make([]byte, 56)}
		for range 3 {
			if !harness.PingsWith(t, client.Host(), &echo, harness.ArrivalTimeout) {
				t.Fatal("no reply")
			}
		}
		asked, each := uint64(echo.Seq), header+8+56
		f := d.InState(t, "replied", protocol, far.String(), near.String())
		if f.Packets.Ingress != asked || f.Bytes.Ingress != asked*each || f.Packets.Egress < 3 ||
			f.Packets.Egress > asked || f.Bytes.Egress != f.Packets.Egress*each {
			t.Errorf("ping: %+v %+v after %d requests of %d bytes", f.Packets, f.Bytes, asked, each)
		}
		if f.ICMPType == nil || *f.ICMPType != query || f.ICMPID == nil || *f.ICMPID != 0x1234 ||
			f.Direction != "ingress" {
			t.Errorf("ping: %+v, want type %d, identifier 0x1234, ingress", f, query)
		}

		known := len(d.Flows())
		if harness.Connects(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, harness.Inward+10),
			harness.SilenceTimeout) {
			t.Error("a port without a rule answers")
		}
		if n := len(d.Flows()); n > known {
			t.Errorf("%d flows after a dropped SYN, %d before", n, known)
		}
	})
}

// roundTrip sends bytes to an echo server and reads them back.
func roundTrip(t *testing.T, c net.Conn, size int) {
	t.Helper()
	c.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
	sent, got := bytes.Repeat([]byte{byte(size)}, size), make([]byte, size)
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(sent, got) {
		t.Fatalf("%d bytes did not come back: %v", size, err)
	}
}

// crossed adds up a TCP session in a capture, by direction as its local end sees it.
func crossed(c *netlab.Capture, local, remote string) (sum total) {
	for _, p := range c.Packets() {
		s, ok := harness.SegmentOf(p.Bytes)
		if !ok {
			continue
		}
		way := -1
		switch {
		case s.Dst.String() == local && s.Src.String() == remote:
			way = 0
		case s.Src.String() == local && s.Dst.String() == remote:
			way = 1
		}
		if way >= 0 {
			sum.packets[way]++
			sum.bytes[way] += uint64(len(p.Bytes))
		}
	}
	return sum
}
