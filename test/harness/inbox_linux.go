package harness

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// Bound binds a socket to a device, as DHCP clients do.
func Bound(dev *netlab.Device) netlab.SocketOption {
	return netlab.Control(func(fd int) error { return unix.BindToDevice(fd, dev.Name()) })
}

func Nonce() []byte {
	b := make([]byte, 8)
	rand.Read(b)
	return []byte(hex.EncodeToString(b))
}

// Inbox is a UDP socket that remembers what arrived. With echo it answers
// each datagram with the same bytes.
type Inbox struct {
	Conn net.PacketConn
	Mu   sync.Mutex
	Got  map[string]netip.AddrPort
	news chan struct{}
}

func NewInbox(t testing.TB, h *netlab.Host, at netip.AddrPort,
	options ...netlab.SocketOption) *Inbox {
	t.Helper()
	c, err := h.ListenPacket(t.Context(), "udp", at, append(options, netlab.ReuseAddr())...)
	if err != nil {
		t.Fatal(err)
	}
	in := &Inbox{Conn: c, Got: make(map[string]netip.AddrPort), news: make(chan struct{}, 1)}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			in.Mu.Lock()
			in.Got[string(buf[:n])] = from.(*net.UDPAddr).AddrPort()
			in.Mu.Unlock()
			select {
			case in.news <- struct{}{}:
			default:
			}
		}
	}()
	return in
}

// Has reports whether the datagram has arrived.
func (in *Inbox) Has(payload []byte) (from netip.AddrPort, ok bool) {
	in.Mu.Lock()
	defer in.Mu.Unlock()
	from, ok = in.Got[string(payload)]
	return from, ok
}

// hasPrefix reports whether any datagram that begins so has arrived.
func (in *Inbox) hasPrefix(prefix string) bool {
	in.Mu.Lock()
	defer in.Mu.Unlock()
	for content := range in.Got {
		if strings.HasPrefix(content, prefix) {
			return true
		}
	}
	return false
}

// Receives waits for the datagram.
func (in *Inbox) Receives(payload []byte, wait time.Duration) (from netip.AddrPort, ok bool) {
	deadline := time.After(wait)
	for {
		if from, ok = in.Has(payload); ok {
			return from, true
		}
		select {
		case <-in.news:
		case <-deadline:
			return in.Has(payload)
		}
	}
}

// Send sends a datagram with fresh content from the socket and returns it.
func (in *Inbox) Send(t testing.TB, to netip.AddrPort) []byte {
	t.Helper()
	b := Nonce()
	if _, err := in.Conn.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		// A dropped packet on the output hook is EPERM for its sender.
		t.Logf("sending to %s: %v", to, err)
	}
	return b
}
