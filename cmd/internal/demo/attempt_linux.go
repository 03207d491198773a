package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/test/netlab"
)

// How long the demo waits for what should pass, and for what should not.
const (
	patience = 3 * time.Second
	silence  = 500 * time.Millisecond
)

// attempt is one thing to try.
type attempt struct {
	what, from, to string
	pass           bool
	query          api.Query
	try            func(ctx context.Context, s *show) bool
}

// firstPackets are attempts to begin something new, in one address family.
func firstPackets(office, world pair) []attempt {
	return []attempt{
		tcpAttempt("HTTP", world, 80, true),
		tcpAttempt("HTTPS", world, 443, true),
		tcpAttempt("SSH", office, 22, true),
		tcpAttempt("SSH", world, 22, false),
		tcpAttempt("a closed port", office, 8080, false),
		pingAttempt(office, true),
		pingAttempt(world, false),
		udpAttempt("name lookup", world, 53, true),
		udpAttempt("remote log", world, 514, false),
	}
}

func tcpAttempt(what string, p pair, port uint16, pass bool) attempt {
	to := netip.AddrPortFrom(p.server, port)
	return attempt{
		what: what, pass: pass, from: p.name,
		to: "tcp/" + strconv.Itoa(int(port)),
		query: api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp",
			From: p.client.String(), To: to.String()},
		try: func(ctx context.Context, s *show) bool {
			ctx, cancel := context.WithTimeout(ctx, wait(pass))
			defer cancel()
			c, err := dial(ctx, s.client, netip.AddrPortFrom(p.client, 0), p.server, port)
			if err != nil {
				return false
			}
			defer c.Close()
			return talks(c)
		},
	}
}

func pingAttempt(p pair, pass bool) attempt {
	proto := "icmp"
	if !p.client.Is4() {
		proto = "icmpv6"
	}
	return attempt{
		what: "ping", pass: pass, from: p.name, to: "echo",
		query: api.Query{Interface: "eth0", Direction: "ingress", Protocol: proto,
			From: p.client.String(), To: p.server.String()},
		try: func(ctx context.Context, s *show) bool {
			ctx, cancel := context.WithTimeout(ctx, wait(pass))
			defer cancel()
			_, err := s.client.Ping(ctx, netlab.Ping{From: p.client, To: p.server})
			return err == nil
		},
	}
}

// udpAttempt is a question that the server asks the client and its answer.
func udpAttempt(what string, p pair, port uint16, pass bool) attempt {
	to := netip.AddrPortFrom(p.client, port)
	return attempt{
		what: what, pass: pass, from: "server", to: "udp/" + strconv.Itoa(int(port)),
		query: api.Query{Interface: "eth0", Direction: "egress", Protocol: "udp", From: p.server.String(),
			To: to.String()},
		try: func(ctx context.Context, s *show) bool {
			c, err := s.server.Dial(ctx, "udp", to)
			if err != nil {
				return false
			}
			defer c.Close()
			return asks(c, wait(pass))
		},
	}
}

func wait(pass bool) time.Duration {
	if pass {
		return patience
	}
	return silence
}

// serve makes both hosts answer whatever reaches them: what is dropped then is
// the firewall's doing.
func (s *show) serve(ctx context.Context) error {
	return errors.Join(echo(ctx, s.server, 22, 80, 443, 8080), echo(ctx, s.client, 53, 514))
}

// echo has a host send back what comes to ports of TCP and UDP, until ctx ends.
func echo(ctx context.Context, h *netlab.Host, ports ...uint16) error {
	for _, port := range ports {
		e, err := h.ServeEcho(ctx, netlab.Any(port))
		if err != nil {
			return fmt.Errorf("answering on port %d of the %s: %w", port, h.Name(), err)
		}
		context.AfterFunc(ctx, func() { e.Close() })
	}
	return nil
}

func dial(ctx context.Context, h *netlab.Host, from netip.AddrPort, to netip.Addr,
	port uint16) (net.Conn, error) {
	return h.Dial(ctx, "tcp", netip.AddrPortFrom(to, port), netlab.From(from))
}

// talks reports whether the far side of a connection still echoes.
func talks(c net.Conn) bool { return asks(c, patience) }

func asks(c net.Conn, wait time.Duration) bool {
	question := []byte("sgfw demo")
	c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write(question); err != nil {
		return false
	}
	answer := make([]byte, len(question))
	if _, err := io.ReadFull(c, answer); err != nil {
		return false
	}
	return bytes.Equal(answer, question)
}
