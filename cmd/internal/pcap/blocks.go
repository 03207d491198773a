package pcap

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"net/netip"
	"strings"
	"time"
)

// Types of blocks (draft-ietf-opsawg-pcapng §4).
const (
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6
)

// Options of blocks. Their numbers mean something else in each type of block.
const (
	optionEnd     = 0
	optionComment = 1

	optionName       = 2 // of an interface
	optionAddress4   = 4
	optionAddress6   = 5
	optionResolution = 9
	optionOffset     = 14

	optionFlags = 2 // of a packet; the lowest two bits are its direction
)

// byteOrder is the number that tells the byte order of a section.
const byteOrder = 0x1a2b3c4d

// nextSection reads the block that begins a section: the byte order and interfaces of its own.
func (r *Reader) nextSection() error {
	head, err := r.in.Peek(12)
	if err != nil {
		return ending(err, ErrCut)
	}
	switch {
	case binary.LittleEndian.Uint32(head[8:]) == byteOrder:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(head[8:]) == byteOrder:
		r.order = binary.BigEndian
	default:
		return fmt.Errorf("%w: a section of no byte order", ErrFormat)
	}
	_, body, err := r.block()
	if err != nil {
		return err
	}
	if len(body) < 16 || r.order.Uint16(body[4:]) != 1 {
		return fmt.Errorf("%w: a section of no version that is known", ErrFormat)
	}
	r.section = len(r.interfaces)
	return nil
}

// block reads the next block: its type, and what is between its two lengths.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	b, err := r.take(8)
	if err != nil {
		return 0, nil, err
	}
	kind, size := r.order.Uint32(b), r.order.Uint32(b[4:])
	if size < 12 || size%4 != 0 {
		return 0, nil, fmt.Errorf("%w: a block of %d bytes", ErrFormat, size)
	}
	if size > maxBlock {
		switch kind {
		case magicSection, blockInterface, blockOldPacket, blockSimple, blockPacket:
			return 0, nil, fmt.Errorf("%w: a block of %d bytes", ErrFormat, size)
		}
		if _, err := io.CopyN(io.Discard, r.in, int64(size)-8); err != nil {
			return 0, nil, ending(err, ErrCut)
		}
		return kind, nil, nil // one that is skipped in any case
	}
	if b, err = r.take(int(size) - 8); err != nil {
		return 0, nil, err
	}
	body = b[:len(b)-4]
	if again := r.order.Uint32(b[len(body):]); again != size {
		return 0, nil, fmt.Errorf("%w: a block of %d bytes that ends as one of %d", ErrFormat, size,
			again)
	}
	return kind, body, nil
}

// nextOfBlocks reads blocks up to a packet. Blocks of other types are skipped.
func (r *Reader) nextOfBlocks() (Packet, error) {
	for {
		head, err := r.in.Peek(4)
		if err != nil {
			if len(head) > 0 {
				return Packet{}, ending(err, ErrCut)
			}
			return Packet{}, ending(err, io.EOF)
		}
		if binary.LittleEndian.Uint32(head) == magicSection { // the same in either order
			if err := r.nextSection(); err != nil {
				return Packet{}, err
			}
			continue
		}
		kind, body, err := r.block()
		if err != nil {
			return Packet{}, err
		}
		switch kind {
		case blockInterface:
			if err := r.addInterface(body); err != nil {
				return Packet{}, err
			}
		case blockPacket, blockOldPacket:
			return r.packet(kind, body)
		case blockSimple:
			return r.simple(body)
		}
	}
}

// addInterface reads the block of a device.
func (r *Reader) addInterface(body []byte) error {
	if len(body) < 8 || len(r.interfaces) == MaxInterfaces {
		return fmt.Errorf("%w: interface %d", ErrFormat, len(r.interfaces))
	}
	n := Interface{Link: LinkType(r.order.Uint16(body)), Snap: r.order.Uint32(body[4:]),
		perSecond: 1e6}
	wrong := false
	r.options(body[8:], func(code uint16, value []byte) {
		switch {
		case code == optionName:
			n.Name = strings.TrimRight(string(value), "\x00")
		case code == optionAddress4 && len(value) == 8:
			mask := binary.BigEndian.Uint32(value[4:])
			n.Addresses = append(n.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte(value)),
				bits.LeadingZeros32(^mask)))
		case code == optionAddress6 && len(value) == 17:
			n.Addresses = append(n.Addresses, netip.PrefixFrom(netip.AddrFrom16([16]byte(value)),
				min(int(value[16]), 128)))
		case code == optionResolution && len(value) == 1:
			n.perSecond, wrong = resolution(value[0])
		case code == optionOffset && len(value) == 8:
			n.offset = int64(r.order.Uint64(value))
		}
	})
	if wrong {
		return fmt.Errorf("%w: interface %d has no unit of time that is known", ErrFormat,
			len(r.interfaces))
	}
	r.interfaces = append(r.interfaces, n)
	return nil
}

// resolution is the value of if_tsresol: units of a second by a power of ten, or of two.
func resolution(b byte) (perSecond uint64, wrong bool) {
	power := b & 0x7f
	if b&0x80 != 0 {
		return 1 << (power % 64), power > 63
	}
	perSecond = 1
	for range min(power, 19) {
		perSecond *= 10
	}
	return perSecond, power > 19
}

// options tells those that follow the fixed part of a block, as far as they are whole.
func (r *Reader) options(b []byte, tell func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, size := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == optionEnd || size > len(b)-4 {
			return
		}
		tell(code, b[4:4+size])
		b = b[min(4+padded(size), len(b)):]
	}
}

// padded is a length up to the next word.
func padded(n int) int { return (n + 3) &^ 3 }

// packet reads an enhanced packet, or one of the type that these replaced.
func (r *Reader) packet(kind uint32, body []byte) (Packet, error) {
	if len(body) < 20 {
		return Packet{}, fmt.Errorf("%w: a packet block of %d bytes", ErrFormat, len(body))
	}
	number := uint64(r.order.Uint32(body))
	if kind == blockOldPacket {
		number = uint64(r.order.Uint16(body))
	}
	number += uint64(r.section)
	if number >= uint64(len(r.interfaces)) {
		return Packet{}, fmt.Errorf("%w: a packet of interface %d, which is not there", ErrFormat,
			number)
	}
	size, length := r.order.Uint32(body[12:]), r.order.Uint32(body[16:])
	if size > maxPacket || int(size) > len(body)-20 {
		return Packet{}, fmt.Errorf("%w: a packet of %d bytes in a block of %d", ErrFormat, size,
			len(body))
	}
	p := Packet{Interface: int(number), Data: body[20 : 20+size], Length: max(length, size)}
	var ok bool
	stamp := uint64(r.order.Uint32(body[4:]))<<32 | uint64(r.order.Uint32(body[8:]))
	if p.Time, ok = r.interfaces[number].time(stamp); !ok {
		return Packet{}, fmt.Errorf("%w: a time stamp of %d units", ErrFormat, stamp)
	}
	r.options(body[min(20+padded(int(size)), len(body)):], func(code uint16, value []byte) {
		switch {
		case code == optionComment && p.Comment == "":
			p.Comment = string(value)
		case code == optionFlags && len(value) == 4:
			p.Direction = Direction(r.order.Uint32(value)&3) % (Out + 1)
		}
	})
	return p, nil
}

// time is the moment of a time stamp. It is false for one beyond all calendars.
func (n *Interface) time(stamp uint64) (time.Time, bool) {
	const farthest = math.MaxInt64 / 1_000_000_000 // seconds, in the year 2262
	sec := stamp / n.perSecond
	hi, lo := bits.Mul64(stamp%n.perSecond, 1e9)
	nano, _ := bits.Div64(hi, lo, n.perSecond)
	if sec > farthest || n.offset > farthest || n.offset < -farthest ||
		int64(sec)+n.offset > farthest {
		return time.Time{}, false
	}
	return time.Unix(int64(sec)+n.offset, int64(nano)).UTC(), true
}

// simple reads a packet of which the file says no more than its bytes.
func (r *Reader) simple(body []byte) (Packet, error) {
	if len(body) < 4 || r.section >= len(r.interfaces) {
		return Packet{}, fmt.Errorf("%w: a simple packet of %d bytes", ErrFormat, len(body))
	}
	length := r.order.Uint32(body)
	size := min(int(length), len(body)-4)
	if snap := r.interfaces[r.section].Snap; snap > 0 {
		size = min(size, int(snap))
	}
	return Packet{Interface: r.section, Data: body[4 : 4+size], Length: length}, nil
}
