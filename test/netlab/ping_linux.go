package netlab

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/wire"
)

// Ping is one ICMP or ICMPv6 echo request. The zero value of each field but To
// leaves the choice to the lab.
type Ping struct {
	To netip.Addr
	// From is the source address.
	From netip.Addr
	// ID is the identifier; 0 is one that no other ping of this process has used
	// lately.
	ID  uint16
	Seq uint16
	// Payload follows the header of eight bytes.
	Payload []byte
}

// ICMPError is the error message that a ping met instead of its reply.
type ICMPError struct {
	From       netip.Addr
	Type, Code uint8
	// Rest is the second word of the header: the MTU of "packet too big", in
	// its low half of "fragmentation needed".
	Rest uint32
}

// Error implements error.
func (e *ICMPError) Error() string {
	return fmt.Sprintf("icmp error from %v: type %d code %d", e.From, e.Type, e.Code)
}

var lastPingID atomic.Uint32

// Ping sends an echo request from the host and waits for its reply until ctx
// ends. It returns the round-trip time, or an [*ICMPError] if an error that
// quotes the request came first. ctx should have a deadline.
func (h *Host) Ping(ctx context.Context, p Ping) (time.Duration, error) {
	local, proto := netip.IPv4Unspecified(), uint8(unix.IPPROTO_ICMP)
	if p.To.Is6() {
		local, proto = netip.IPv6Unspecified(), unix.IPPROTO_ICMPV6
	}
	if p.From.IsValid() {
		local = p.From
	}
	if p.ID == 0 {
		p.ID = uint16(lastPingID.Add(1)%0xffff) + 1
	}
	conn, err := h.ListenRaw(ctx, proto, local)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()

	to := h.scope(p.To)
	start := time.Now()
	if _, err := conn.WriteToIP(echoMessage(p),
		&net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}); err != nil {
		return 0, pingError(ctx, h, p, err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromIP(buf)
		if err != nil {
			return 0, pingError(ctx, h, p, err)
		}
		// Zones come from a table of the whole process, see Host.scope.
		source, _ := netip.AddrFromSlice(from.IP)
		answer, err := p.answeredBy(source.Unmap(), buf[:n])
		if answer {
			return time.Since(start), err
		}
	}
}

// echoMessage is the ICMP message of p. The kernel computes the checksum of ICMPv6.
func echoMessage(p Ping) []byte {
	b := make([]byte, 8, 8+len(p.Payload))
	b[0] = wire.ICMPEcho
	if p.To.Is6() {
		b[0] = wire.ICMPv6Echo
	}
	binary.BigEndian.PutUint16(b[4:], p.ID)
	binary.BigEndian.PutUint16(b[6:], p.Seq)
	b = append(b, p.Payload...)
	if p.To.Is4() {
		binary.BigEndian.PutUint16(b[2:], wire.Checksum(b))
	}
	return b
}

// answeredBy tells whether an ICMP message is the reply to p, or an error about it.
func (p Ping) answeredBy(from netip.Addr, m []byte) (bool, error) {
	if len(m) < 8 {
		return false, nil
	}
	reply, quoted := m[0] == wire.ICMPEchoReply, 20
	isError := m[0] == 3 || m[0] == 11 || m[0] == 12 // RFC 792
	if p.To.Is6() {
		reply, quoted = m[0] == wire.ICMPv6EchoReply, 40
		isError = m[0] < 128 // RFC 4443 §2.1
	}
	switch {
	case reply:
		return bytes.Equal(m[4:8], echoMessage(p)[4:8]), nil
	case isError && len(m) >= 8+quoted+8:
		quote := m[8:]
		if p.To.Is4() {
			quoted = int(quote[0]&0xf) * 4
		}
		if len(quote) < quoted+8 || quote[quoted] != echoMessage(p)[0] ||
			!bytes.Equal(quote[quoted+4:quoted+8], echoMessage(p)[4:8]) {
			return false, nil
		}
		return true, &ICMPError{From: from, Type: m[0], Code: m[1], Rest: binary.BigEndian.Uint32(m[4:])}
	}
	return false, nil
}

// pingError prefers the end of the context, which is what closed the wait.
func pingError(ctx context.Context, h *Host, p Ping, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("netlab: host %s: ping %v: %w", h.name, p.To, err)
}
