package test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// total is what crossed a device in each direction.
type total struct{ packets, bytes [2]uint64 }

// TestFlowListing compares `sgfw flows` with what really crossed the link: ends,
// direction, packets and bytes of IP. What was dropped is not a flow.
func TestFlowListing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, finished())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith(
		append(allowPing(), allow("tcp", inward), allow("udp", inward)),
		[]string{allow("tcp", outward), allow("udp", outward)}))
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		echoOn(t, server.Host(), port(far, inward), port(far, inward+10))
		echoOn(t, client.Host(), port(near, outward))
		capture := labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{Outgoing: true})
		header := uint64(20)
		if near.Is6() {
			header = 40
		}
		for _, c := range []struct {
			direction string
			h         *netlab.Host
			to        netip.AddrPort
		}{{"ingress", client.Host(), port(far, inward)}, {"egress", server.Host(), port(near, outward)}} {
			ends := func(conn net.Conn) (local, remote string) {
				if c.h == server.Host() {
					return conn.LocalAddr().String(), conn.RemoteAddr().String()
				}
				return conn.RemoteAddr().String(), conn.LocalAddr().String()
			}
			udp, err := c.h.Dial(labtest.Within(t, patience), "udp", c.to)
			if err != nil {
				t.Fatal(err)
			}
			defer udp.Close()
			for size := range 4 {
				roundTrip(t, udp, 100+size)
			}
			local, remote := ends(udp)
			f := d.inState(t, "stream", "udp", local, remote)
			if want := 4*(header+8+100) + 6; f.Packets.Ingress != 4 || f.Packets.Egress != 4 || f.Bytes.Ingress != want || f.Bytes.Egress != want {
				t.Errorf("udp %s: %+v %+v, want 4 packets and %d bytes each way", c.direction, f.Packets, f.Bytes, want)
			}
			if f.Direction != c.direction || f.Interface != "eth0" || f.Expires < 170 || f.Expires > 180 {
				t.Errorf("udp: %+v, want %s on eth0 for 180 s", f, c.direction)
			}

			tcp := dialTCP(t, c.h, netip.AddrPort{}, c.to, patience)
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
			deadline := time.Now().Add(patience)
			for { // a last acknowledgement may be under way, or its verdict
				want = crossed(capture, local, remote)
				f = d.inState(t, "established", "tcp", local, remote)
				if got := (total{[2]uint64{f.Packets.Ingress, f.Packets.Egress}, [2]uint64{f.Bytes.Ingress, f.Bytes.Egress}}); got == want {
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
			if f.Direction != c.direction || f.Interface != "eth0" || f.Expires < 431_900 || f.Expires > 432_000 {
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
			if !asks(t, client.Host(), &echo, patience) {
				t.Fatal("no reply")
			}
		}
		asked, each := uint64(echo.Seq), header+8+56
		f := d.inState(t, "replied", protocol, far.String(), near.String())
		if f.Packets.Ingress != asked || f.Bytes.Ingress != asked*each || f.Packets.Egress < 3 || f.Packets.Egress > asked || f.Bytes.Egress != f.Packets.Egress*each {
			t.Errorf("ping: %+v %+v after %d requests of %d bytes", f.Packets, f.Bytes, asked, each)
		}
		if f.ICMPType == nil || *f.ICMPType != query || f.ICMPID == nil || *f.ICMPID != 0x1234 || f.Direction != "ingress" {
			t.Errorf("ping: %+v, want type %d, identifier 0x1234, ingress", f, query)
		}

		known := len(d.flows())
		if connects(t, client.Host(), netip.AddrPort{}, port(far, inward+10), silence) {
			t.Error("a port without a rule answers")
		}
		if n := len(d.flows()); n > known {
			t.Errorf("%d flows after a dropped SYN, %d before", n, known)
		}
	})
}

// roundTrip sends bytes to an echo server and reads them back.
func roundTrip(t *testing.T, c net.Conn, size int) {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience))
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
		s, ok := segmentOf(p.Bytes)
		if !ok {
			continue
		}
		way := -1
		switch {
		case s.dst.String() == local && s.src.String() == remote:
			way = 0
		case s.src.String() == local && s.dst.String() == remote:
			way = 1
		}
		if way >= 0 {
			sum.packets[way]++
			sum.bytes[way] += uint64(len(p.Bytes))
		}
	}
	return sum
}

// TestRulesAreListedOneByOne: a block with several peers is as many rules, each
// with its own count, which name their block (R8); what has no ports lists none,
// and a protocol goes by its name (R9, R10).
func TestRulesAreListedOneByOne(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R8", "R9", "R10")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	d := enforce(t, server, policyWith([]string{
		`{ protocol: 6, ports: 443, cidr_blocks: [192.0.2.11/32, 192.0.2.12/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }`,
		`{ protocol: 50, ports: 1-2, cidr_blocks: [192.0.2.10/32] }`,
		`{ protocol: -1, from_port: 80, to_port: 80, cidr_blocks: [192.0.2.21/32] }`,
	}, nil))
	for _, e := range ends(client.Device("eth0"), server.Device("eth0")) {
		from, s := e[0], e[1]
		echoes(t, server, s, 443, 80)
		run(t, []attempt{
			exchange(t, "the first peer of its family", client, "tcp", beside(from, 0x11), port(s, 443), true),
			exchange(t, "the second", client, "tcp", beside(from, 0x12), port(s, 443), s.Is4()),
			exchange(t, "a peer of another rule", client, "tcp", beside(from, 0x10), port(s, 443), false),
			exchange(t, "every protocol", client, "tcp", beside(from, 0x21), port(s, 80), s.Is4()),
			exchange(t, "nobody", client, "tcp", from, port(s, 443), false),
		})
	}
	var doc struct {
		Rules []struct {
			Index                 int
			Protocol, Ports, Peer string
			Hits                  uint64
		}
	}
	d.document(&doc, "rules")
	var got []string
	for _, r := range doc.Rules {
		got = append(got, fmt.Sprintf("%d: %s %q %s, hit %t", r.Index, r.Protocol, r.Ports, r.Peer, r.Hits > 0))
	}
	slices.Sort(got)
	want := []string{
		`0: tcp "443" 192.0.2.11/32, hit true`,
		`0: tcp "443" 192.0.2.12/32, hit true`,
		`0: tcp "443" 2001:db8::11/128, hit true`,
		`1: 50 "" 192.0.2.10/32, hit false`,
		`2: all "" 192.0.2.21/32, hit true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
