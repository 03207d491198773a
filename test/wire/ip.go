package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Protocol numbers (IANA, Protocol Numbers).
const (
	ProtoHopByHop    = 0
	ProtoICMP        = 1
	ProtoIGMP        = 2
	ProtoTCP         = 6
	ProtoUDP         = 17
	ProtoRouting     = 43
	ProtoFragment    = 44
	ProtoGRE         = 47
	ProtoESP         = 50
	ProtoICMPv6      = 58
	ProtoNone        = 59
	ProtoDestination = 60
	ProtoSCTP        = 132
)

const (
	ip4Header = 20 // bytes, without options
	ip6Header = 40
	// defaultHopLimit is what Linux sends.
	defaultHopLimit = 64
)

// Option changes how a packet is built.
type Option func(*config)

type config struct {
	hopLimit    uint8
	tos         uint8
	flow        uint32
	id          uint16
	dontFrag    bool
	ipOptions   []byte
	extensions  []extension
	tcpOptions  []byte
	window      uint16
	urgent      uint16
	badChecksum bool
	noChecksum  bool
}

// extension is an IPv6 extension header of type kind, without its first two bytes.
type extension struct {
	kind uint8
	body []byte
}

// HopLimit sets the TTL or hop limit; it is 64 otherwise.
func HopLimit(n uint8) Option { return func(c *config) { c.hopLimit = n } }

// TrafficClass sets the TOS byte or traffic class.
func TrafficClass(n uint8) Option { return func(c *config) { c.tos = n } }

// FlowLabel sets the 20 bits of the IPv6 flow label.
func FlowLabel(n uint32) Option { return func(c *config) { c.flow = n & 0xfffff } }

// ID sets the IPv4 identification, which is 0 otherwise.
func ID(n uint16) Option { return func(c *config) { c.id = n } }

// DontFragment sets the DF bit of IPv4.
func DontFragment() Option { return func(c *config) { c.dontFrag = true } }

// IPOptions puts options into the IPv4 header, filled up with zeros to a
// multiple of four bytes. At most 40 bytes.
func IPOptions(b ...byte) Option { return func(c *config) { c.ipOptions = padded(b, 4) } }

// HopByHop adds a hop-by-hop options header; see [Extension].
func HopByHop(options ...byte) Option { return Extension(ProtoHopByHop, options...) }

// DestinationOptions adds a destination options header; see [Extension].
func DestinationOptions(options ...byte) Option { return Extension(ProtoDestination, options...) }

// Routing adds a routing header; data starts with its type and segments left.
func Routing(data ...byte) Option { return Extension(ProtoRouting, data...) }

// Extension adds an IPv6 extension header behind those added before. The next
// header and length bytes are written for it; data is filled up with zeros (Pad1)
// to a multiple of eight bytes (RFC 8200 §4).
func Extension(kind uint8, data ...byte) Option {
	return func(c *config) { c.extensions = append(c.extensions, extension{kind, data}) }
}

// BadChecksum spoils the checksum of TCP, UDP, ICMP and ICMPv6. That of the IPv4
// header stays right.
func BadChecksum() Option { return func(c *config) { c.badChecksum = true } }

// NoChecksum writes 0, which UDP over IPv4 takes for "not computed".
func NoChecksum() Option { return func(c *config) { c.noChecksum = true } }

// Proto builds a packet of any protocol around a payload that is taken as it is.
func Proto(src, dst netip.Addr, protocol uint8, payload []byte, options ...Option) []byte {
	return newConfig(options).ip(src, dst, protocol, payload)
}

// GRE builds a packet with the basic GRE header of RFC 2784 for an IPv4 payload.
func GRE(src, dst netip.Addr, payload []byte, options ...Option) []byte {
	return Proto(src, dst, ProtoGRE, append([]byte{0, 0, 0x08, 0x00}, payload...), options...)
}

// Resum writes the checksum of an IPv4 header again after a test has changed
// bytes of it. It changes nothing in an IPv6 packet. It returns packet.
func Resum(packet []byte) []byte {
	if packet[0]>>4 != 4 {
		return packet
	}
	header := packet[:int(packet[0]&0xf)*4]
	put(header, 10, 0)
	put(header, 10, Checksum(header))
	return packet
}

func newConfig(options []Option) *config {
	c := &config{hopLimit: defaultHopLimit, window: defaultWindow}
	for _, o := range options {
		o(c)
	}
	return c
}

func (c *config) ip(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	if src.Is4() != dst.Is4() || !src.IsValid() {
		panic(fmt.Sprintf("wire: no packet goes from %v to %v", src, dst))
	}
	if src.Is4() {
		return c.ip4(src, dst, protocol, payload)
	}
	return c.ip6(src, dst, protocol, payload)
}

// ip4 is RFC 791 §3.1.
func (c *config) ip4(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	n := ip4Header + len(c.ipOptions)
	if n > 60 || n+len(payload) > 0xffff || len(c.extensions) > 0 {
		panic("wire: this does not fit an IPv4 packet")
	}
	b := make([]byte, n, n+len(payload))
	b[0] = 4<<4 | uint8(n/4)
	b[1] = c.tos
	put(b, 2, uint16(n+len(payload)))
	put(b, 4, c.id)
	if c.dontFrag {
		put(b, 6, flagDF)
	}
	b[8] = c.hopLimit
	b[9] = protocol
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	copy(b[20:], c.ipOptions)
	return Resum(append(b, payload...))
}

// ip6 is RFC 8200 §3.
func (c *config) ip6(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	chain, first := c.chain(protocol)
	if len(chain)+len(payload) > 0xffff || len(c.ipOptions) > 0 {
		panic("wire: this does not fit an IPv6 packet")
	}
	b := make([]byte, ip6Header, ip6Header+len(chain)+len(payload))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(c.tos)<<20|c.flow)
	put(b, 4, uint16(len(chain)+len(payload)))
	b[6] = first
	b[7] = c.hopLimit
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return slices.Concat(b, chain, payload)
}

// chain builds the extension headers and returns the type of the first header.
func (c *config) chain(protocol uint8) (chain []byte, first uint8) {
	next := protocol
	for _, e := range slices.Backward(c.extensions) {
		h := padded(append([]byte{next, 0}, e.body...), 8)
		h[1] = uint8(len(h)/8 - 1)
		chain = append(h, chain...)
		next = e.kind
	}
	return chain, next
}

// padded is a copy of b with zeros up to a multiple of n bytes.
func padded(b []byte, n int) []byte {
	return append(slices.Clone(b), make([]byte, (n-len(b)%n)%n)...)
}

func put(b []byte, at int, v uint16) { binary.BigEndian.PutUint16(b[at:], v) }
