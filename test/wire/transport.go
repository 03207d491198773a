package wire

import (
	"encoding/binary"
	"net/netip"
)

// Flags are the control bits of TCP (RFC 9293 §3.1).
type Flags uint8

// The control bits of TCP.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

const (
	tcpHeader = 20 // bytes, without options
	udpHeader = 8
	// defaultWindow in bytes, not scaled.
	defaultWindow = 64240
)

// TCPOptions puts options behind the TCP header, filled up with zeros to a
// multiple of four bytes. At most 40 bytes.
func TCPOptions(b ...byte) Option { return func(c *config) { c.tcpOptions = padded(b, 4) } }

// Window sets the TCP window; it is 64240 otherwise.
func Window(n uint16) Option { return func(c *config) { c.window = n } }

// Urgent sets the urgent pointer of TCP.
func Urgent(n uint16) Option { return func(c *config) { c.urgent = n } }

// TCP builds a TCP segment.
func TCP(src, dst netip.AddrPort, flags Flags, seq, ack uint32, payload []byte,
	options ...Option) []byte {
	c := newConfig(options)
	n := tcpHeader + len(c.tcpOptions)
	if n > 60 {
		panic("wire: more than 40 bytes of TCP options")
	}
	b := make([]byte, n, n+len(payload))
	put(b, 0, src.Port())
	put(b, 2, dst.Port())
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], ack)
	b[12] = uint8(n/4) << 4
	b[13] = uint8(flags)
	put(b, 14, c.window)
	put(b, 18, c.urgent)
	copy(b[20:], c.tcpOptions)
	b = append(b, payload...)
	c.checksum(src.Addr(), dst.Addr(), ProtoTCP, b, 16)
	return c.ip(src.Addr(), dst.Addr(), ProtoTCP, b)
}

// UDP builds a UDP datagram.
func UDP(src, dst netip.AddrPort, payload []byte, options ...Option) []byte {
	c := newConfig(options)
	b := make([]byte, udpHeader, udpHeader+len(payload))
	put(b, 0, src.Port())
	put(b, 2, dst.Port())
	put(b, 4, uint16(udpHeader+len(payload)))
	b = append(b, payload...)
	c.checksum(src.Addr(), dst.Addr(), ProtoUDP, b, 6)
	return c.ip(src.Addr(), dst.Addr(), ProtoUDP, b)
}
