package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// SocketOption changes a socket before it is bound and connected.
type SocketOption func(*socketConfig)

type socketConfig struct {
	local   netip.AddrPort
	control []func(fd int) error
}

// From binds a dialled socket to a local address and port. The address may be
// unspecified and the port 0. The port may still be in TIME_WAIT.
func From(local netip.AddrPort) SocketOption {
	return func(c *socketConfig) {
		c.local = local
		ReuseAddr()(c)
	}
}

// ReuseAddr sets SO_REUSEADDR.
func ReuseAddr() SocketOption { return Sockopt(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }

// Sockopt sets any option of type int, such as SO_MARK or IP_TTL.
func Sockopt(level, option, value int) SocketOption {
	return Control(func(fd int) error {
		if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
			return fmt.Errorf("setsockopt %d/%d=%d: %w", level, option, value, err)
		}
		return nil
	})
}

// Control calls f with the socket's descriptor before it is bound.
func Control(f func(fd int) error) SocketOption {
	return func(c *socketConfig) { c.control = append(c.control, f) }
}

// Dial connects from the host. The network is tcp or udp with or without a
// family. The connection stays in the host whichever goroutine uses it. TCP
// sends no keep-alive probes. When the deadline of ctx ends the attempt, the error
// wraps [context.DeadlineExceeded].
func (h *Host) Dial(ctx context.Context, network string, to netip.AddrPort,
	options ...SocketOption) (net.Conn, error) {
	config := newSocketConfig(options)
	// Not a name and one address only, so that package net needs no goroutine of
	// its own: that one would be outside the host.
	dialer := net.Dialer{Control: config.apply, KeepAlive: -1}
	if local := config.local; local.IsValid() {
		local = h.scopePort(local)
		switch network {
		case "udp", "udp4", "udp6":
			dialer.LocalAddr = net.UDPAddrFromAddrPort(local)
		default:
			dialer.LocalAddr = net.TCPAddrFromAddrPort(local)
		}
	}
	var conn net.Conn
	err := h.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, network, h.scopePort(to).String())
		return err
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Package net copies the context's deadline to the socket; either fires first.
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	if err != nil {
		return nil, fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	return conn, nil
}

// Listen listens on a stream network inside the host: tcp, tcp4 or tcp6. The
// address :: takes both families. MPTCP is off.
func (h *Host) Listen(ctx context.Context, network string, at netip.AddrPort,
	options ...SocketOption) (net.Listener, error) {
	lc := net.ListenConfig{Control: newSocketConfig(options).apply, KeepAlive: -1}
	lc.SetMultipathTCP(false)
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = lc.Listen(ctx, network, h.scopePort(at).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	return l, nil
}

// ListenPacket opens a datagram socket inside the host: udp, udp4 or udp6.
func (h *Host) ListenPacket(ctx context.Context, network string, at netip.AddrPort,
	options ...SocketOption) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: newSocketConfig(options).apply}
	var c net.PacketConn
	err := h.Do(func() (err error) {
		c, err = lc.ListenPacket(ctx, network, h.scopePort(at).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	return c, nil
}

// ListenRaw opens a raw socket inside the host for one IP protocol, in the family
// of the address; an unspecified address takes every packet of that family. What
// it reads has passed the input hook and, if it came in fragments, is whole
// again: ReadFromIP gives what follows the IP headers. What it writes gets the
// host's own IP header and passes the output hook. The kernel fills in and
// checks the checksum of ICMPv6 alone.
func (h *Host) ListenRaw(ctx context.Context, protocol uint8, at netip.Addr,
	options ...SocketOption) (*net.IPConn, error) {
	network := "ip6:"
	if at.Is4() {
		network = "ip4:"
	}
	lc := net.ListenConfig{Control: newSocketConfig(options).apply}
	var c net.PacketConn
	err := h.Do(func() (err error) {
		c, err = lc.ListenPacket(ctx, network+strconv.Itoa(int(protocol)), h.scope(at).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	return c.(*net.IPConn), nil
}

// Any is port on every address of both families.
func Any(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Unspecified(), port) }

func newSocketConfig(options []SocketOption) *socketConfig {
	c := new(socketConfig)
	for _, o := range options {
		o(c)
	}
	return c
}

// apply has the signature of net.Dialer.Control.
func (c *socketConfig) apply(_, _ string, raw syscall.RawConn) error {
	var err error
	cerr := raw.Control(func(fd uintptr) {
		for _, f := range c.control {
			if err = f(int(fd)); err != nil {
				return
			}
		}
	})
	if cerr != nil {
		return cerr
	}
	return err
}

func (h *Host) scopePort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(h.scope(a.Addr()), a.Port())
}
