package nft

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// udp opens a UDP socket in the namespace.
func (l *lab) udp(address string) *net.UDPConn {
	l.t.Helper()
	var conn *net.UDPConn
	l.do(func() error {
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			})
		}}
		pc, err := lc.ListenPacket(l.t.Context(), "udp", address)
		if err == nil {
			conn = pc.(*net.UDPConn)
		}
		return err
	})
	l.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// send is UDP from a socket; the kernel's refusal (EPERM: dropped on output) is
// no failure, what arrives is what counts.
func send(t *testing.T, c *net.UDPConn, to string, payload []byte) {
	t.Helper()
	_, err := c.WriteToUDPAddrPort(payload, netip.MustParseAddrPort(to))
	if err != nil && !errors.Is(err, unix.EPERM) {
		t.Fatalf("send to %s: %v", to, err)
	}
}

// Waits for packets in the namespaces, which take microseconds.
const (
	arrives = 3 * time.Second        // for what must come
	silence = 120 * time.Millisecond // for what must not
)

// waitFor is how long to wait for what is expected to pass or not to.
func waitFor(passes bool) time.Duration {
	if passes {
		return arrives
	}
	return silence
}

// gets waits for a datagram with this payload.
func gets(c *net.UDPConn, payload string, wait time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 65536)
	for {
		n, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return false
		}
		if string(b[:n]) == payload {
			return true
		}
	}
}

// packetSocket sends raw frames of one device.
type packetSocket struct {
	t  testing.TB
	fd int
	to unix.SockaddrLinklayer
}

func (l *lab) packetSocket(device string) *packetSocket {
	l.t.Helper()
	p := &packetSocket{t: l.t, to: unix.SockaddrLinklayer{Ifindex: l.index(device)}}
	l.do(func() (err error) {
		p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	l.t.Cleanup(func() { _ = unix.Close(p.fd) })
	return p
}

func (p *packetSocket) send(frame []byte) {
	p.t.Helper()
	if err := unix.Sendto(p.fd, frame, 0, &p.to); err != nil {
		p.t.Fatalf("send frame: %v", err)
	}
}

// flood sends from peer to the host's eth0 without a pause, over IPv4 and IPv6,
// from before until after f, and tells how many datagrams arrived.
func flood(t *testing.T, host, peer *lab, f func()) (leaked, sent int) {
	t.Helper()
	conns := map[string]*net.UDPConn{"10.7.0.1:7777": nil, "[fd07::1]:7777": nil}
	var arrived atomic.Int64
	for to := range conns {
		in := host.udp(to)
		go func() {
			b := make([]byte, 2048)
			for {
				if _, _, err := in.ReadFromUDPAddrPort(b); err != nil {
					return
				}
				arrived.Add(1)
			}
		}()
		conns[to] = peer.udp(":0")
	}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			for to, out := range conns {
				_, _ = out.WriteToUDPAddrPort([]byte("leak"), netip.MustParseAddrPort(to))
			}
		}
	}()
	f()
	close(stop)
	sent = 2 * <-done
	time.Sleep(silence)
	return int(arrived.Load()), sent
}
