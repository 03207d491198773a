package netlab_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// is matches packets with exactly these bytes.
func is(b []byte) func(netlab.Packet) bool {
	return func(p netlab.Packet) bool { return bytes.Equal(p.Bytes, b) }
}

// udpBetween is a datagram from one device to another in either family.
func udpBetween(to netip.Addr, from *netlab.Device, payload string, options ...wire.Option) []byte {
	src := from.IPv4()
	if to.Is6() {
		src = from.IPv6()
	}
	return wire.UDP(netip.AddrPortFrom(src, 1000), netip.AddrPortFrom(to, 2000), []byte(payload),
		options...)
}

func TestCaptureSeesWhatWasSent(t *testing.T) {
	top := netlab.Pair()
	top.Links[0].Neighbours = netlab.NeighboursStatic // the server answers: nobody listens
	lab := labtest.New(t, top)
	if err := lab.Settle(labtest.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	families(t, to, func(t *testing.T, addr netip.Addr) {
		c := labtest.Capture(t, to.Host(), "eth0", netlab.CaptureOptions{})
		first, second := udpBetween(addr, from, "first"), udpBetween(addr, from, "second")
		if err := from.Send(first); err != nil {
			t.Fatal(err)
		}
		if err := from.Send(second); err != nil {
			t.Fatal(err)
		}
		until, err := c.Until(labtest.Within(t, patience), is(second))
		if err != nil {
			t.Fatal(err)
		}
		if len(until) != 2 || !is(first)(until[0]) || until[0].Outgoing {
			t.Errorf("%d packets, the first is\n% x", len(until), until[0].Bytes)
		}
		if n := c.Count(is(first)); n != 1 {
			t.Errorf("%d times the first packet", n)
		}
		c.Reset()
		if n := len(c.Packets()); n != 0 {
			t.Errorf("%d packets after Reset", n)
		}
		if n := c.Lost(); n != 0 {
			t.Errorf("%d packets lost", n)
		}
	})
}

// TestCaptureNoticesAbsence drops on the way what must not arrive: a hop limit of
// 1 ends at the router.
func TestCaptureNoticesAbsence(t *testing.T) {
	lab := labtest.New(t, netlab.Router())
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	c := labtest.Capture(t, to.Host(), "eth0",
		netlab.CaptureOptions{Filter: func(p netlab.Packet) bool {
			return bytes.HasSuffix(p.Bytes, []byte("!"))
		}})
	families(t, to, func(t *testing.T, addr netip.Addr) {
		for _, b := range [][]byte{
			udpBetween(addr, from, "never!", wire.HopLimit(1)), udpBetween(addr, from, "filtered?"),
			udpBetween(addr, from, "sentinel!"),
		} {
			if err := from.Send(b); err != nil {
				t.Fatal(err)
			}
		}
		until, err := c.Until(labtest.Within(t, patience), func(p netlab.Packet) bool {
			return bytes.HasSuffix(p.Bytes, []byte("sentinel!"))
		})
		if err != nil || len(until) != 1 {
			t.Errorf("%d packets until the sentinel (%v), want 1", len(until), err)
		}
		c.Reset()
	})
}

func TestCaptureOutgoingLimitAndClose(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	udp := func(p netlab.Packet) bool { return p.Bytes[0]>>4 == 4 && p.Bytes[9] == wire.ProtoUDP }
	sent := labtest.Capture(t, from.Host(), "eth0", netlab.CaptureOptions{Outgoing: true, Filter: udp})
	deaf := labtest.Capture(t, from.Host(), "eth0", netlab.CaptureOptions{Filter: udp})
	few := labtest.Capture(t, to.Host(), "eth0", netlab.CaptureOptions{Limit: 2, Filter: udp})
	for _, s := range []string{"1", "2", "3"} {
		conn, err := from.Host().Dial(t.Context(), "udp", netip.AddrPortFrom(to.IPv4(), 9))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := sent.Wait(labtest.Within(t, patience),
		func(p netlab.Packet) bool { return bytes.HasSuffix(p.Bytes, []byte("3")) })
	if err != nil || !p.Outgoing {
		t.Errorf("outgoing %v, %v", p.Outgoing, err)
	}
	for deadline := time.Now().Add(patience); few.Lost() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d lost, want 1", few.Lost())
		}
	}
	if n := len(few.Packets()); n != 2 {
		t.Errorf("%d packets kept, want 2", n)
	}
	if n := len(deaf.Packets()); n != 0 {
		t.Errorf("%d outgoing packets that nobody asked for", n)
	}
	never := func(netlab.Packet) bool { return false }
	if until, err := few.Until(labtest.Within(t, 10*time.Millisecond), never); !errors.Is(err,
		context.DeadlineExceeded) || len(until) != 2 {
		t.Errorf("%v with %d packets, want the deadline and 2", err, len(until))
	}
	if err := few.Close(); err != nil {
		t.Error(err)
	}
	if _, err := few.Wait(t.Context(), never); !errors.Is(err, netlab.ErrCaptureClosed) {
		t.Errorf("%v, want closed", err)
	}
}

// TestSendPassesTheReceiversStack: a socket takes an injected datagram, so the
// frame was addressed to its host and the checksums were right.
func TestSendPassesTheReceiversStack(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	families(t, to, func(t *testing.T, addr netip.Addr) {
		l, err := to.Host().ListenPacket(t.Context(), "udp", netip.AddrPortFrom(addr, 2000))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		long := string(bytes.Repeat([]byte("long "), 600))
		send := [][]byte{udpBetween(addr, from, "bad", wire.BadChecksum()),
			udpBetween(addr, from, "good")}
		send = append(send, wire.Fragments(udpBetween(addr, from, long), 1280, 7)...)
		for _, b := range send {
			if err := from.Send(b); err != nil {
				t.Fatal(err)
			}
		}
		b := make([]byte, 1<<16)
		for _, want := range []string{"good", long} {
			if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if n, _, err := l.ReadFrom(b); err != nil || string(b[:n]) != want {
				t.Fatalf("%.20q %v, want %.20q", b[:n], err, want)
			}
		}
	})
}

func TestSendToGroups(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	c := labtest.Capture(t, to.Host(), "eth0", netlab.CaptureOptions{})
	for _, group := range []string{"224.0.0.1", "255.255.255.255", "ff02::1"} {
		b := udpBetween(netip.MustParseAddr(group), from, group)
		if err := from.Send(b); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(labtest.Within(t, patience), is(b)); err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
}

func TestSendRefuses(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	for _, b := range [][]byte{nil, {}, {0x10, 0, 0}} {
		if err := from.Send(b); !errors.Is(err, netlab.ErrNotIP) {
			t.Errorf("% x: %v", b, err)
		}
	}
	if err := from.Send(udpBetween(to.IPv4(), from, string(make([]byte, 1473)))); !errors.Is(err,
		unix.EMSGSIZE) {
		t.Errorf("one byte above the MTU: %v", err)
	}
	if err := from.Send(udpBetween(to.IPv4(), from, string(make([]byte, 1472)))); err != nil {
		t.Errorf("as long as the MTU: %v", err)
	}
}

// TestOffload sends 64 KiB over TCP: without offloads every packet fits the MTU
// and has a right checksum; with them some do not, which shows that the switch is
// what makes the difference.
func TestOffload(t *testing.T) {
	for name, offload := range map[string]netlab.Offload{
		"default": netlab.OffloadDefault, "off": netlab.OffloadOff} {
		t.Run(name, func(t *testing.T) {
			top := netlab.Pair()
			top.Links[0].Offload = offload
			lab := labtest.New(t, top)
			client, server := lab.Host("client"), lab.Host("server")
			to := netip.AddrPortFrom(server.Device("eth0").IPv4(), 80)
			l, err := server.Listen(t.Context(), "tcp", to)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			tcp := labtest.Capture(t, server, "eth0",
				netlab.CaptureOptions{Filter: func(p netlab.Packet) bool {
					return p.Bytes[0]>>4 == 4 && p.Bytes[9] == wire.ProtoTCP
				}})
			conn, err := client.Dial(labtest.Within(t, patience), "tcp", to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(make([]byte, 1<<16)); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			const fin = 0x01
			until, err := tcp.Until(labtest.Within(t, patience),
				func(p netlab.Packet) bool { return p.Bytes[33]&fin != 0 })
			if err != nil {
				t.Fatal(err)
			}
			big, wrong := 0, 0
			for _, p := range until {
				if len(p.Bytes) > 1500 {
					big++
				}
				if !tcpChecksumRight(p.Bytes) {
					wrong++
				}
			}
			if off := offload == netlab.OffloadOff; off != (big == 0) || off != (wrong == 0) {
				t.Errorf("of %d packets %d are above the MTU and %d have wrong checksums", len(until), big,
					wrong)
			}
		})
	}
}

// tcpChecksumRight checks an IPv4 packet without options.
func tcpChecksumRight(b []byte) bool {
	length := len(b) - 20
	pseudo := bytes.Join([][]byte{
		b[12:20], {0, wire.ProtoTCP, byte(length >> 8), byte(length)}, b[20:]}, nil)
	return wire.Checksum(pseudo) == 0
}

// TestSettled expects silence up to a sentinel once the lab has settled, and no
// packet but the pings when there was something to say.
func TestSettled(t *testing.T) {
	top := netlab.Pair()
	top.Links[0].Neighbours = netlab.NeighboursStatic
	lab := labtest.New(t, top)
	if err := lab.Settle(labtest.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	c := labtest.Capture(t, to.Host(), "eth0", netlab.CaptureOptions{})
	families(t, to, func(t *testing.T, addr netip.Addr) {
		if _, err := lab.Host("client").Ping(labtest.Within(t, patience),
			netlab.Ping{To: addr}); err != nil {
			t.Fatal(err)
		}
	})
	sentinel := udpBetween(to.IPv4(), from, "sentinel")
	if err := from.Send(sentinel); err != nil {
		t.Fatal(err)
	}
	until, err := c.Until(labtest.Within(t, patience), is(sentinel))
	if err != nil {
		t.Fatal(err)
	}
	if len(until) != 3 {
		t.Errorf("%d packets, want two pings and the sentinel", len(until))
		for _, p := range until {
			t.Logf("% x", p.Bytes)
		}
	}
}
