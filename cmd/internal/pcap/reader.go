package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Magic numbers of the formats.
const (
	magicMicro   = 0xa1b2c3d4 // pcap, time stamps in microseconds
	magicNano    = 0xa1b23c4d // pcap, in nanoseconds
	magicSection = 0x0a0d0d0a // type of the block that begins pcapng
)

// Reader reads a capture of either format. It is for one goroutine. Its memory is bounded by
// one packet and the devices that the file names.
type Reader struct {
	in         *bufio.Reader
	order      binary.ByteOrder
	interfaces []Interface
	// section is the number of the first interface of this section of pcapng.
	section int
	ng      bool
	body    []byte
}

// NewReader reads the head of a capture. Errors match [ErrFormat].
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10)}
	head, err := r.in.Peek(4)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(head))
	}
	if err != nil {
		return nil, fmt.Errorf("read a capture: %w", err)
	}
	if binary.LittleEndian.Uint32(head) == magicSection {
		r.ng = true
		return r, r.nextSection()
	}
	for _, r.order = range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch r.order.Uint32(head) {
		case magicMicro:
			return r, r.head(1e6)
		case magicNano:
			return r, r.head(1e9)
		}
	}
	return nil, fmt.Errorf("%w: it begins with %#x, neither pcap nor pcapng", ErrFormat, head)
}

// Interface is a device of the capture by its number, as far as the file was read.
func (r *Reader) Interface(n int) *Interface { return &r.interfaces[n] }

// Interfaces are the devices of the capture, as far as the file was read. They are not to be
// changed.
func (r *Reader) Interfaces() []Interface { return r.interfaces }

// Next reads the next packet. The error is io.EOF at the end, matches [ErrCut] for a file
// that ends before its time and [ErrFormat] for one that is broken.
func (r *Reader) Next() (Packet, error) {
	if r.ng {
		return r.nextOfBlocks()
	}
	return r.nextRecord()
}

// head reads the file header of pcap: magic, version, two words that nobody uses, snap
// length and link type.
func (r *Reader) head(perSecond uint64) error {
	b, err := r.take(24)
	if err != nil {
		return fmt.Errorf("%w: its header is cut short", ErrFormat)
	}
	if major := r.order.Uint16(b[4:]); major != 2 {
		return fmt.Errorf("%w: version %d of pcap", ErrFormat, major)
	}
	// The upper bits say how long a frame check sequence is.
	r.interfaces = []Interface{{Link: LinkType(r.order.Uint32(b[20:]) & 0xffff),
		Snap: r.order.Uint32(b[16:]), perSecond: perSecond}}
	return nil
}

// nextRecord reads a packet of pcap.
func (r *Reader) nextRecord() (Packet, error) {
	if _, err := r.in.Peek(1); err != nil {
		return Packet{}, ending(err, io.EOF)
	}
	b, err := r.take(16)
	if err != nil {
		return Packet{}, err
	}
	sec, part := r.order.Uint32(b), r.order.Uint32(b[4:])
	size, length := r.order.Uint32(b[8:]), r.order.Uint32(b[12:])
	n := &r.interfaces[0]
	if size > maxPacket {
		return Packet{}, fmt.Errorf("%w: a packet of %d bytes", ErrFormat, size)
	}
	if uint64(part) >= n.perSecond {
		return Packet{}, fmt.Errorf("%w: a time stamp with %d parts of a second", ErrFormat, part)
	}
	data, err := r.take(int(size))
	if err != nil {
		return Packet{}, err
	}
	return Packet{Time: time.Unix(int64(sec), int64(uint64(part)*(1e9/n.perSecond))).UTC(),
		Data: data, Length: max(length, size)}, nil
}

// take reads n bytes, which are valid until the next call.
func (r *Reader) take(n int) ([]byte, error) {
	r.body = slices.Grow(r.body[:0], n)[:n]
	if _, err := io.ReadFull(r.in, r.body); err != nil {
		return nil, ending(err, ErrCut)
	}
	return r.body, nil
}

// ending is the error of a read, with what the end of the file means there.
func ending(err, end error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return end
	}
	return fmt.Errorf("read a capture: %w", err)
}
