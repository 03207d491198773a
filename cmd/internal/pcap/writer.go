package pcap

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// Writer writes pcapng: one section, time stamps in nanoseconds. It is for one goroutine,
// and buffers nothing: each call is one write.
type Writer struct {
	out        io.Writer
	buf        []byte
	interfaces int
}

// NewWriter begins a capture. By is the program that it says to be written by.
func NewWriter(out io.Writer, by string) (*Writer, error) {
	const userApplication = 4
	w := &Writer{out: out}
	w.begin(magicSection)
	w.put32(byteOrder)
	w.put16(1)
	w.put16(0)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, 1<<64-1) // the section's length is not said
	w.option(userApplication, []byte(by))
	return w, w.end()
}

// AddInterface says that packets come from a device, and returns its number. Snap is how
// many bytes of a packet are captured at most.
func (w *Writer) AddInterface(n Interface) (int, error) {
	w.begin(blockInterface)
	w.put16(uint16(n.Link))
	w.put16(0)
	w.put32(n.Snap)
	w.option(optionName, []byte(n.Name))
	for _, p := range n.Addresses {
		w.address(p)
	}
	w.option(optionResolution, []byte{9})
	w.interfaces++
	return w.interfaces - 1, w.end()
}

// address is the option for an address of a device, with its network.
func (w *Writer) address(p netip.Prefix) {
	a := p.Addr().WithZone("").Unmap()
	if a.Is4() {
		w.option(optionAddress4, append(a.AsSlice(), net.CIDRMask(p.Bits(), 32)...))
		return
	}
	w.option(optionAddress6, append(a.AsSlice(), byte(p.Bits())))
}

// Write writes a packet of an interface that was added.
func (w *Writer) Write(p *Packet) error {
	if p.Interface < 0 || p.Interface >= w.interfaces || len(p.Data) > maxPacket {
		return fmt.Errorf("write a capture: a packet of %d bytes of interface %d", len(p.Data),
			p.Interface)
	}
	stamp := uint64(p.Time.UnixNano())
	w.begin(blockPacket)
	w.put32(uint32(p.Interface))
	w.put32(uint32(stamp >> 32))
	w.put32(uint32(stamp))
	w.put32(uint32(len(p.Data)))
	w.put32(max(p.Length, uint32(len(p.Data))))
	w.buf = append(w.buf, p.Data...)
	w.pad()
	if p.Comment != "" {
		w.option(optionComment, []byte(p.Comment))
	}
	if p.Direction != Unsaid {
		w.option(optionFlags, []byte{byte(p.Direction), 0, 0, 0})
	}
	return w.end()
}

// begin begins a block, whose length end fills in.
func (w *Writer) begin(kind uint32) {
	w.buf = w.buf[:0]
	w.put32(kind)
	w.put32(0)
}

// end ends the options and the block, and writes it.
func (w *Writer) end() error {
	w.put32(optionEnd)
	size := uint32(len(w.buf) + 4)
	binary.LittleEndian.PutUint32(w.buf[4:], size)
	w.put32(size)
	if _, err := w.out.Write(w.buf); err != nil {
		return fmt.Errorf("write a capture: %w", err)
	}
	return nil
}

// option adds one. A value beyond its 16 bits of length is cut.
func (w *Writer) option(code uint16, value []byte) {
	value = value[:min(len(value), 1<<16-1)]
	w.put16(code)
	w.put16(uint16(len(value)))
	w.buf = append(w.buf, value...)
	w.pad()
}

func (w *Writer) pad() {
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

func (w *Writer) put16(n uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, n) }
func (w *Writer) put32(n uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, n) }
