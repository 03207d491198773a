package test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// How long a test waits for what must arrive, and for what must not. The second
// is only for traffic that nothing can be sent behind; see sentinel in
// datagrams.
const (
	patience = 10 * time.Second
	silence  = 400 * time.Millisecond
)

// echoTCP answers every connection to an address with what it sends. It is
// closed with the test.
func echoTCP(t testing.TB, h *netlab.Host, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := h.Listen(t.Context(), "tcp", at, netlab.ReuseAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l
}

// connects reports whether a TCP connection comes about and carries bytes both
// ways; the answer is what the far side sent back. from may be zero.
func connects(t testing.TB, h *netlab.Host, from netip.AddrPort, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	c := dialTCP(t, h, from, to, wait)
	if c == nil {
		return false
	}
	defer c.Close()
	return talks(c)
}

// dialTCP returns a connection, nil if none comes about in time.
func dialTCP(t testing.TB, h *netlab.Host, from netip.AddrPort, to netip.AddrPort, wait time.Duration) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	var options []netlab.SocketOption
	if from.IsValid() {
		options = append(options, netlab.From(from))
	}
	c, err := h.Dial(ctx, "tcp", to, options...)
	if err != nil {
		return nil
	}
	return c
}

// talks reports whether an echoing connection still carries bytes both ways.
func talks(c net.Conn) bool {
	sent := nonce()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(sent); err != nil {
		return false
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil {
		return false
	}
	return bytes.Equal(got, sent)
}

// mute is like talks for a connection that should be cut: it waits only briefly.
func mute(c net.Conn) bool {
	sent := nonce()
	c.SetDeadline(time.Now().Add(silence))
	c.Write(sent)
	_, err := io.ReadFull(c, make([]byte, len(sent)))
	return err != nil
}

func nonce() []byte {
	b := make([]byte, 8)
	rand.Read(b)
	return []byte(hex.EncodeToString(b))
}

// inbox is a UDP socket that remembers what arrived. With echo it answers
// each datagram with the same bytes.
type inbox struct {
	conn net.PacketConn
	mu   sync.Mutex
	got  map[string]netip.AddrPort
	news chan struct{}
}

func newInbox(t testing.TB, h *netlab.Host, at netip.AddrPort, options ...netlab.SocketOption) *inbox {
	t.Helper()
	c, err := h.ListenPacket(t.Context(), "udp", at, append(options, netlab.ReuseAddr())...)
	if err != nil {
		t.Fatal(err)
	}
	in := &inbox{conn: c, got: make(map[string]netip.AddrPort), news: make(chan struct{}, 1)}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			in.mu.Lock()
			in.got[string(buf[:n])] = from.(*net.UDPAddr).AddrPort()
			in.mu.Unlock()
			select {
			case in.news <- struct{}{}:
			default:
			}
		}
	}()
	return in
}

// has reports whether the datagram has arrived.
func (in *inbox) has(payload []byte) (from netip.AddrPort, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	from, ok = in.got[string(payload)]
	return from, ok
}

// hasPrefix reports whether any datagram that begins so has arrived.
func (in *inbox) hasPrefix(prefix string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for content := range in.got {
		if strings.HasPrefix(content, prefix) {
			return true
		}
	}
	return false
}

// receives waits for the datagram.
func (in *inbox) receives(payload []byte, wait time.Duration) (from netip.AddrPort, ok bool) {
	deadline := time.After(wait)
	for {
		if from, ok = in.has(payload); ok {
			return from, true
		}
		select {
		case <-in.news:
		case <-deadline:
			return in.has(payload)
		}
	}
}

// send sends a datagram with fresh content from the socket and returns it.
func (in *inbox) send(t testing.TB, to netip.AddrPort) []byte {
	t.Helper()
	b := nonce()
	if _, err := in.conn.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		// A dropped packet on the output hook is EPERM for its sender.
		t.Logf("sending to %s: %v", to, err)
	}
	return b
}

// pings reports whether an echo request is answered. It asks again after a
// while: the kernel sends all ICMP of a CPU through one socket, whatever the
// namespace, so replies that wait in a queue elsewhere on the machine can use up
// its buffer (icmp_xmit_lock and ip_append_data in net/ipv4).
func pings(t testing.TB, h *netlab.Host, from, to netip.Addr, wait time.Duration) bool {
	t.Helper()
	return asks(t, h, &netlab.Ping{From: from, To: to}, wait)
}

// asks is pings with an echo request of the caller's. Each has the next sequence
// number.
func asks(t testing.TB, h *netlab.Host, p *netlab.Ping, wait time.Duration) bool {
	t.Helper()
	for deadline := time.Now().Add(wait); ; {
		p.Seq++
		_, err := h.Ping(labtest.Within(t, min(time.Until(deadline), 2*silence)), *p)
		if err == nil || time.Until(deadline) < silence {
			return err == nil
		}
	}
}

// attempt is one line of a table of traffic: what is tried and whether it must
// pass.
type attempt struct {
	what string
	try  func(wait time.Duration) bool
	pass bool
}

// run tries all attempts and reports those with the wrong outcome. Those that
// must fail run side by side, because each costs its whole wait. Once something
// did not pass that should, the rest is not waited for as patiently.
func run(t *testing.T, attempts []attempt) {
	t.Helper()
	var wg sync.WaitGroup
	wait := patience
	if t.Failed() {
		wait = silence
	}
	for _, a := range attempts {
		if a.pass {
			if !a.try(wait) {
				t.Errorf("%s: did not pass", a.what)
				wait = silence
			}
			continue
		}
		wg.Go(func() {
			if a.try(silence) {
				t.Errorf("%s: passed", a.what)
			}
		})
	}
	wg.Wait()
}

// at parses "address:port".
func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// ip parses an address.
func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// port joins an address and a port.
func port(a netip.Addr, p int) netip.AddrPort { return netip.AddrPortFrom(a, uint16(p)) }

// both runs a test over IPv4 and over IPv6 with the addresses of the link
// between two hosts.
func both(t *testing.T, a, b *netlab.Device, f func(t *testing.T, a, b netip.Addr)) {
	t.Helper()
	for i, pair := range [][2]netip.Addr{{a.IPv4(), b.IPv4()}, {a.IPv6(), b.IPv6()}} {
		t.Run(fmt.Sprintf("IPv%d", 4+2*i), func(t *testing.T) { f(t, pair[0], pair[1]) })
	}
}
