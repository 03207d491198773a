package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// transferPatience is how long nothing may come. A segment that is lost in some outages in a
// row is repeated after minutes only; until it gives up TCP waits for 924 s (tcp_retries2).
const transferPatience = 16 * time.Minute

// hashedTransfer carries random bytes both ways over one connection. Each side has the hash
// of what it sent, and the other one of what it got.
type hashedTransfer struct {
	what string
	// size is how many bytes the opener and the side that was asked send; 0 is until over.
	size [2]int64
	over *atomic.Bool
	// chunk bytes are sent at once, and then there is a pause.
	chunk int
	pause time.Duration
	// patience is how long nothing may come, 0 for transferPatience.
	patience time.Duration

	sent, got [2]hash.Hash // by who sends
	came      [2]atomic.Int64
	answered  chan error
	opener    net.Conn
}

// exchange is where transfers come from and go to: by their number, which is what the opener
// sends first, those that are accepted are known.
type exchange struct {
	t    *testing.T
	mu   sync.Mutex
	last uint64
	open map[uint64]*hashedTransfer
}

func newExchange(t *testing.T) *exchange {
	return &exchange{t: t, open: make(map[uint64]*hashedTransfer)}
}

// serve answers transfers at an address.
func (x *exchange) serve(h *netlab.Host, at netip.AddrPort) {
	x.t.Helper()
	l, err := h.Listen(x.t.Context(), "tcp", at, netlab.ReuseAddr())
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go x.answer(c)
		}
	}()
}

func (x *exchange) answer(c net.Conn) {
	defer c.Close()
	var number [8]byte
	c.SetDeadline(time.Now().Add(transferPatience))
	if _, err := io.ReadFull(c, number[:]); err != nil {
		return // the opener tells
	}
	x.mu.Lock()
	n := binary.BigEndian.Uint64(number[:])
	tr := x.open[n]
	delete(x.open, n)
	x.mu.Unlock()
	if tr != nil {
		tr.answered <- tr.carry(c, 1)
	}
}

// begin connects a transfer. from may be zero.
func (x *exchange) begin(h *netlab.Host, to netip.AddrPort, tr *hashedTransfer) error {
	for d := range tr.sent {
		tr.sent[d], tr.got[d] = sha256.New(), sha256.New()
	}
	tr.what, tr.answered = fmt.Sprintf("TCP to %s", to), make(chan error, 1)
	tr.patience = cmp.Or(tr.patience, transferPatience)
	ctx, cancel := context.WithTimeout(context.Background(), transferPatience)
	defer cancel()
	c, err := h.Dial(ctx, "tcp", to)
	if err != nil {
		return err
	}
	tr.opener = c
	x.mu.Lock()
	x.last++
	n := x.last
	x.open[n] = tr
	x.mu.Unlock()
	_, err = c.Write(binary.BigEndian.AppendUint64(nil, n))
	return err
}

// run carries a transfer that has begun to its end, and compares the hashes.
func (tr *hashedTransfer) run() error {
	err := tr.carry(tr.opener, 0)
	tr.opener.Close()
	select {
	case other := <-tr.answered:
		err = errors.Join(err, other)
	case <-time.After(tr.patience):
		err = errors.Join(err, errors.New("the other side does not come to an end"))
	}
	for d := range tr.sent {
		if want, got := tr.sent[d].Sum(nil), tr.got[d].Sum(nil); !bytes.Equal(want, got) {
			err = errors.Join(err, fmt.Errorf("direction %d: SHA-256 %x of what came, %x of what was sent",
				d, got, want))
		}
	}
	if err != nil {
		return fmt.Errorf("%s, after %d and %d bytes: %w", tr.what, tr.came[0].Load(),
			tr.came[1].Load(), err)
	}
	return nil
}

// carry sends what one side has to send, and takes what the other one sends.
func (tr *hashedTransfer) carry(c net.Conn, side int) error {
	sent := make(chan error, 1)
	go func() { sent <- tr.send(c, side) }()
	buf := make([]byte, 64<<10)
	for {
		c.SetReadDeadline(time.Now().Add(tr.patience))
		n, err := c.Read(buf)
		tr.got[1-side].Write(buf[:n])
		tr.came[1-side].Add(int64(n))
		if errors.Is(err, io.EOF) {
			return <-sent
		}
		if err != nil {
			c.Close()
			return errors.Join(err, <-sent)
		}
	}
}

func (tr *hashedTransfer) send(c net.Conn, side int) error {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], rand.Uint64())
	random, buf := rand.NewChaCha8(seed), make([]byte, tr.chunk)
	for left := tr.size[side]; left > 0 || tr.size[side] == 0 && !tr.over.Load(); {
		b := buf
		if tr.size[side] != 0 {
			b = buf[:min(int64(len(buf)), left)]
		}
		random.Read(b)
		c.SetWriteDeadline(time.Now().Add(tr.patience))
		n, err := c.Write(b)
		tr.sent[side].Write(b[:n])
		if err != nil {
			return err
		}
		left -= int64(n)
		time.Sleep(tr.pause)
	}
	return c.(*net.TCPConn).CloseWrite()
}

// forwards waits until more bytes went both ways.
func (tr *hashedTransfer) forwards(t *testing.T, when string) {
	t.Helper()
	was := [2]int64{tr.came[0].Load(), tr.came[1].Load()}
	for deadline := time.Now().Add(transferPatience); tr.came[0].Load() == was[0] ||
		tr.came[1].Load() == was[1]; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s does not go on after %v bytes", when, tr.what, was)
		}
	}
}

// udpStream sends numbered datagrams to an echo server all the time.
type udpStream struct {
	what       string
	sent, back atomic.Int64
	over       atomic.Bool
	conn       net.Conn
}

func newUDPStream(t *testing.T, h *netlab.Host, to netip.AddrPort) *udpStream {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	s := &udpStream{what: "UDP to " + to.String(), conn: c}
	t.Cleanup(s.end)
	go func() {
		for !s.over.Load() {
			_, _ = c.Write(binary.BigEndian.AppendUint64(nil, uint64(s.sent.Add(1)))) // EPERM is a drop
			time.Sleep(2 * time.Millisecond)
		}
	}()
	go func() {
		buf := make([]byte, 64)
		for !s.over.Load() {
			if n, err := c.Read(buf); err == nil && n == 8 &&
				int64(binary.BigEndian.Uint64(buf)) <= s.sent.Load() {
				s.back.Add(1)
			}
		}
	}()
	return s
}

func (s *udpStream) end() {
	s.over.Store(true)
	s.conn.Close()
}

// goesOn waits until something that is sent from now on comes back.
func (s *udpStream) goesOn(t *testing.T, when string) {
	t.Helper()
	until := s.back.Load() + 2
	for deadline := time.Now().Add(harness.EnoughTime(t)); s.back.Load() < until; time.Sleep(
		time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s: %s ended: %d of %d came back", when, s.what, s.back.Load(), s.sent.Load())
			return
		}
	}
}
