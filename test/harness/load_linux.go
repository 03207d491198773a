package harness

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// window is how many datagrams a pump has under way at most. So few small ones
// never overflow a socket's or a queue's buffer: what is missing was dropped.
const window = 32

// EchoExchange keeps numbered datagrams of one flow under way to an echo server and
// knows which came back.
type EchoExchange struct {
	t    testing.TB
	what string
	conn net.Conn
	// sent and back count datagrams.
	sent, back atomic.Int64
	over       atomic.Bool
	done       chan struct{}
}

// StartEchoExchange opens a UDP flow and begins to send, with a pause between datagrams.
// The first one has come back when it returns.
func StartEchoExchange(t testing.TB, h *netlab.Host, to netip.AddrPort,
	pause time.Duration) *EchoExchange {
	t.Helper()
	c, err := h.Dial(labtest.Within(t, ArrivalTimeout), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &EchoExchange{t: t, what: "UDP " + to.String(), conn: c, done: make(chan struct{})}
	if !Talks(c) {
		t.Fatalf("%s: the flow does not come about", p.what)
	}
	c.SetDeadline(time.Time{})
	go p.receive()
	go func() {
		for !p.over.Load() {
			if p.sent.Load()-p.back.Load() >= window {
				time.Sleep(50 * time.Microsecond)
				continue
			}
			if _, err := c.Write(binary.BigEndian.AppendUint64(nil, uint64(p.sent.Load()))); err != nil {
				t.Errorf("%s: %v", p.what, err)
				return
			}
			p.sent.Add(1)
			time.Sleep(pause)
		}
	}()
	return p
}

func (p *EchoExchange) receive() {
	defer close(p.done)
	seen := make(map[uint64]bool)
	buf := make([]byte, 64)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		if k := binary.BigEndian.Uint64(buf[:n]); !seen[k] {
			seen[k] = true
			p.back.Add(1)
		}
	}
}

// WaitForMore waits until more datagrams have gone and come.
func (p *EchoExchange) WaitForMore(more int64) {
	p.t.Helper()
	until := p.back.Load() + more
	for deadline := time.Now().Add(EnoughTime(p.t)); p.back.Load() < until; time.Sleep(
		time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Errorf("%s: stuck, %d of %d datagrams came back", p.what, p.back.Load(), p.sent.Load())
			return
		}
	}
}

// EnoughTime is patience, but little of it once the test has failed.
func EnoughTime(t testing.TB) time.Duration {
	if t.Failed() {
		return SilenceTimeout
	}
	return ArrivalTimeout
}

// Finish ends the sending, waits for what is under way and tells what was lost.
func (p *EchoExchange) Finish() {
	p.t.Helper()
	p.over.Store(true)
	for deadline := time.Now().Add(EnoughTime(p.t)); p.back.Load() < p.sent.Load() &&
		time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	// A datagram that was being written while the numbers were compared.
	time.Sleep(10 * time.Millisecond)
	p.conn.Close()
	<-p.done
	if lost := p.sent.Load() - p.back.Load(); lost > 0 {
		p.t.Errorf("%s: %d of %d datagrams were lost", p.what, lost, p.sent.Load())
	}
}

// Transfer is a TCP connection to an echo server that carries numbered blocks
// without a pause.
type Transfer struct {
	t    testing.TB
	what string
	conn net.Conn
	over atomic.Bool
	back atomic.Int64 // blocks
	done chan struct{}
}

func StartTransfer(t testing.TB, h *netlab.Host, to netip.AddrPort, pause time.Duration) *Transfer {
	t.Helper()
	c := DialTCP(t, h, netip.AddrPort{}, to, ArrivalTimeout)
	if c == nil || !Talks(c) {
		t.Fatalf("TCP %s: the connection does not come about", to)
	}
	t.Cleanup(func() { c.Close() })
	s := &Transfer{t: t, what: "TCP " + to.String(), conn: c, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		got := make([]byte, 512)
		for n := byte(0); !s.over.Load(); n++ {
			block := bytes.Repeat([]byte{n}, len(got))
			c.SetDeadline(time.Now().Add(ArrivalTimeout))
			if _, err := c.Write(block); err != nil {
				t.Errorf("%s: %v", s.what, err)
				return
			}
			if _, err := io.ReadFull(c, got); err != nil {
				t.Errorf("%s: after %d blocks: %v", s.what, s.back.Load(), err)
				return
			}
			if !bytes.Equal(block, got) {
				t.Errorf("%s: block %d came back changed", s.what, s.back.Load())
			}
			s.back.Add(1)
			time.Sleep(pause)
		}
	}()
	return s
}

// Finish ends the stream; whatever was wrong with it has been reported.
func (s *Transfer) Finish() {
	s.t.Helper()
	s.over.Store(true)
	<-s.done
	if s.back.Load() == 0 {
		s.t.Errorf("%s: carried nothing", s.what)
	}
}
