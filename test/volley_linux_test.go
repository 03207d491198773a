package test

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// oneQueue is for policies of tests that send what must pass behind what must
// not: one queue keeps the order even between flows.
const oneQueue = `
settings: { queues: { count: 1 } }
`

// shot is one datagram: it is sent with fresh content, and has arrived when
// that content is at the receiver.
type shot struct {
	what string
	send func() []byte
	// arrived waits for the content, not at all if wait is 0.
	arrived func(content []byte, wait time.Duration) bool
	pass    bool
}

// volley sends the shots that must not arrive and behind them those that must.
// Once the latter are there, none of the former may be. The policy should have
// one queue.
func volley(t *testing.T, shots []shot) {
	t.Helper()
	contents := make([][]byte, len(shots))
	for _, pass := range []bool{false, true} {
		for i, s := range shots {
			if s.pass == pass {
				contents[i] = s.send()
			}
		}
	}
	wait, allowed := patience, 0
	if t.Failed() {
		wait = silence
	}
	for i, s := range shots {
		if !s.pass {
			continue
		}
		allowed++
		if !s.arrived(contents[i], wait) {
			t.Errorf("%s: did not arrive", s.what)
			wait = 0
		}
	}
	if allowed == 0 {
		t.Fatal("nothing in this volley tells when it is over")
	}
	for i, s := range shots {
		if !s.pass && s.arrived(contents[i], 0) {
			t.Errorf("%s: arrived", s.what)
		}
	}
}

// datagram is a shot from one UDP socket to another, which listens at to.
func datagram(t *testing.T, what string, from, at *inbox, to netip.AddrPort, pass bool) shot {
	return shot{
		what: what,
		send: func() []byte { return from.send(t, to) },
		arrived: func(content []byte, wait time.Duration) bool {
			_, ok := at.receives(content, wait)
			return ok
		},
		pass: pass,
	}
}

// raw is a shot of a packet that is built byte by byte around the content and
// put on the link as it is.
func raw(t *testing.T, what string, from *netlab.Device, at *rawInbox, build func(content []byte) []byte, pass bool) shot {
	return shot{
		what: what,
		send: func() []byte {
			content := nonce()
			if err := from.Send(build(content)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			return content
		},
		arrived: at.receives,
		pass:    pass,
	}
}

// rawInbox is a raw socket of one protocol that remembers what arrived.
type rawInbox struct {
	conn *net.IPConn
	mu   sync.Mutex
	got  [][]byte
	news chan struct{}
}

func newRawInbox(t testing.TB, h *netlab.Host, protocol uint8, at netip.Addr) *rawInbox {
	t.Helper()
	c, err := h.ListenRaw(t.Context(), protocol, at)
	if err != nil {
		t.Fatal(err)
	}
	in := &rawInbox{conn: c, news: make(chan struct{}, 1)}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, _, err := c.ReadFromIP(buf)
			if err != nil {
				return
			}
			in.mu.Lock()
			in.got = append(in.got, bytes.Clone(buf[:n]))
			in.mu.Unlock()
			select {
			case in.news <- struct{}{}:
			default:
			}
		}
	}()
	return in
}

// has reports whether a message with the content has arrived.
func (in *rawInbox) has(content []byte) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range in.got {
		if bytes.Contains(b, content) {
			return true
		}
	}
	return false
}

// receives waits for a message with the content, not at all if wait is 0.
func (in *rawInbox) receives(content []byte, wait time.Duration) bool {
	deadline := time.After(wait)
	for !in.has(content) {
		select {
		case <-in.news:
		case <-deadline:
			return in.has(content)
		}
	}
	return true
}

// write sends what follows the IP headers of a packet that package wire built,
// through the host's own stack and its output hook.
func (in *rawInbox) write(t testing.TB, packet []byte, to netip.Addr) {
	t.Helper()
	header := 40
	if to.Is4() {
		header = 20
	}
	if _, err := in.conn.WriteToIP(packet[header:], &net.IPAddr{IP: to.AsSlice()}); err != nil {
		// A dropped packet on the output hook is EPERM for its sender.
		t.Logf("sending to %s: %v", to, err)
	}
}

// exchanges reports whether an echo server answers over TCP or UDP. from may be
// zero.
func exchanges(t testing.TB, h *netlab.Host, network string, from, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	var options []netlab.SocketOption
	if from.IsValid() {
		options = append(options, netlab.From(from))
	}
	return h.Exchange(labtest.Within(t, wait), network, to, options...) == nil
}

// echoes serves TCP and UDP on ports of one address, which answer what they get.
func echoes(t testing.TB, h *netlab.Host, at netip.Addr, ports ...int) {
	t.Helper()
	for _, p := range ports {
		s, err := h.ServeEcho(t.Context(), port(at, p))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	}
}

// neighbours is client — server on one link. The client has the addresses
// .1, .10, .11, .12 and .21 of 192.0.2.0/24 and 2001:db8::/64, the server .2.
func neighbours() netlab.Topology {
	t := netlab.Pair()
	client := &t.Links[0].A
	for _, p := range client.Addrs {
		for _, n := range []byte{0x10, 0x11, 0x12, 0x21} {
			client.Addrs = append(client.Addrs, netip.PrefixFrom(beside(p.Addr(), n), p.Bits()))
		}
	}
	return t
}

// beside is the address whose last byte, as it is written, is n: 0x11 is .11
// and ::11.
func beside(a netip.Addr, n byte) netip.Addr {
	b := a.AsSlice()
	if a.Is4() {
		n = n>>4*10 + n&15
	}
	b[len(b)-1] = n
	a, _ = netip.AddrFromSlice(b)
	return a
}

// ends are the addresses of two devices that face each other: a pair of IPv4,
// then a pair of IPv6.
func ends(a, b *netlab.Device) [][2]netip.Addr {
	return [][2]netip.Addr{{a.IPv4(), b.IPv4()}, {a.IPv6(), b.IPv6()}}
}
