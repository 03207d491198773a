package netlab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// nonceLen is the length in bytes of what Exchange sends.
const nonceLen = 16

// ErrWrongEcho is returned by an exchange that got something else back.
var ErrWrongEcho = errors.New("netlab: something else came back")

// EchoServer returns what it gets on one port, over TCP and UDP.
type EchoServer struct {
	tcp  net.Listener
	udp  net.PacketConn
	stop context.CancelFunc
	work sync.WaitGroup
}

// ServeEcho starts an echo server for TCP and UDP inside the host. A server on an
// unspecified address answers UDP from whatever address routing picks, so a host
// with several addresses is better served on each.
func (h *Host) ServeEcho(ctx context.Context, at netip.AddrPort) (*EchoServer, error) {
	tcp, err := h.Listen(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	udp, err := h.ListenPacket(ctx, "udp", at)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &EchoServer{tcp: tcp, udp: udp, stop: stop}
	s.work.Go(func() { s.serveTCP(ctx) })
	s.work.Go(s.serveUDP)
	return s, nil
}

// Close ends the server and the connections that it holds.
func (s *EchoServer) Close() error {
	s.stop()
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	s.work.Wait()
	return err
}

func (s *EchoServer) serveTCP(ctx context.Context) {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return // closed
		}
		s.work.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			defer c.Close()
			_, _ = io.Copy(c, c) // the peer sees what it gets
		})
	}
}

func (s *EchoServer) serveUDP() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := s.udp.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Other errors are ICMP errors about earlier answers.
		if err == nil {
			_, _ = s.udp.WriteTo(b[:n], from)
		}
	}
}

// Exchange connects to an echo server, sends a few random bytes and waits for the
// same to come back: nil means that packets pass in both directions. ctx should
// have a deadline. A refused connection, or an ICMP error, is an error at once; a
// dropped packet is [context.DeadlineExceeded] at the deadline.
func (h *Host) Exchange(ctx context.Context, network string, to netip.AddrPort,
	options ...SocketOption) error {
	c, err := h.Dial(ctx, network, to, options...)
	if err != nil {
		return err
	}
	defer c.Close()
	return Exchange(ctx, c)
}

// Exchange is [Host.Exchange] over a connection that exists already.
func Exchange(ctx context.Context, c net.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
	nonce, got := make([]byte, nonceLen), make([]byte, nonceLen)
	_, _ = rand.Read(nonce) // never fails
	_, err := c.Write(nonce)
	if err == nil {
		_, err = io.ReadFull(c, got)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("netlab: exchange with %v: %w", c.RemoteAddr(), context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("netlab: exchange with %v: %w", c.RemoteAddr(), err)
	case !bytes.Equal(nonce, got):
		return fmt.Errorf("netlab: exchange with %v: %w", c.RemoteAddr(), ErrWrongEcho)
	}
	return nil
}
