package harness

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// RawInbox is a raw socket of one protocol that remembers what arrived.
type RawInbox struct {
	conn *net.IPConn
	mu   sync.Mutex
	got  [][]byte
	news chan struct{}
}

func NewRawInbox(t testing.TB, h *netlab.Host, protocol uint8, at netip.Addr) *RawInbox {
	t.Helper()
	c, err := h.ListenRaw(t.Context(), protocol, at)
	if err != nil {
		t.Fatal(err)
	}
	in := &RawInbox{conn: c, news: make(chan struct{}, 1)}
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

// Has reports whether a message with the content has arrived.
func (in *RawInbox) Has(content []byte) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range in.got {
		if bytes.Contains(b, content) {
			return true
		}
	}
	return false
}

// Receives waits for a message with the content, not at all if wait is 0.
func (in *RawInbox) Receives(content []byte, wait time.Duration) bool {
	deadline := time.After(wait)
	for !in.Has(content) {
		select {
		case <-in.news:
		case <-deadline:
			return in.Has(content)
		}
	}
	return true
}

// Write sends what follows the IP headers of a packet that package wire built,
// through the host's own stack and its output hook.
func (in *RawInbox) Write(t testing.TB, packet []byte, to netip.Addr) {
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
