package replay

import (
	"fmt"
	"io"
	"time"

	"sgfw/cmd/internal/pcap"
	"sgfw/filter/packet"
)

// Passage is one packet of a capture, as far as the file tells about it.
type Passage struct {
	// Number counts the packets of the file from 1, as Wireshark does.
	Number uint64
	// Time is when it was captured, zero if the file does not say.
	Time time.Time
	// Device is where it was captured, "" if nobody knows, and Direction whether it came in
	// through it.
	Device    string
	Direction pcap.Direction
	// Devices are all that the file has named so far, with their addresses; one that is there
	// twice has those of the last time.
	Devices []pcap.Interface
	// Frame is the packet from its IP header on.
	Frame packet.Frame
	// Note is what sgfw noted of it, nil if it was not captured by sgfw.
	Note *Note
}

// Names are the devices of packets of which the file does not say the name.
type Names struct {
	// All is the device of every packet that is not of one that is known otherwise.
	All string
	// ByIndex are those of a capture of all devices ("any"), by their numbers.
	ByIndex map[uint32]string
}

// Player reads the packets of a capture. It is for one goroutine.
type Player struct {
	file   *pcap.Reader
	names  Names
	number uint64
	links  map[pcap.LinkType]uint64 // packets of link types that are not known
	alien  uint64
}

// NewPlayer begins to read a capture. Errors match [pcap.ErrFormat].
func NewPlayer(in io.Reader, names Names) (*Player, error) {
	r, err := pcap.NewReader(in)
	if err != nil {
		return nil, err
	}
	return &Player{file: r, names: names, links: make(map[pcap.LinkType]uint64)}, nil
}

// Next reads the next packet of IP, whose bytes are valid until the one after it. The error
// is that of [pcap.Reader.Next], or about a comment of ours that is broken.
func (p *Player) Next() (Passage, error) {
	for {
		raw, err := p.file.Next()
		if err != nil {
			return Passage{}, err
		}
		p.number++
		from := p.file.Interface(raw.Interface)
		n, ok := from.Link.Network(&raw)
		if !ok {
			if from.Link.Known() {
				p.alien++
			} else {
				p.links[from.Link]++
			}
			continue
		}
		out := Passage{Number: p.number, Time: raw.Time, Device: from.Name, Devices: p.file.Interfaces(),
			Direction: raw.Direction, Frame: packet.Frame{Bytes: n.Bytes, Length: n.Length}}
		if n.Index != 0 && p.names.ByIndex[n.Index] != "" {
			out.Device = p.names.ByIndex[n.Index]
		} else if out.Device == "" {
			out.Device = p.names.All
		}
		if out.Direction == pcap.Unsaid {
			out.Direction = n.Direction
		}
		if out.Note, err = ParseNote(raw.Comment); err != nil {
			return Passage{}, fmt.Errorf("packet %d: %w", p.number, err)
		}
		if out.Note != nil {
			out.Frame.Info = out.Note.Info
		} else if n.Length > 0xffff {
			out.Frame.Info = packet.InfoGSO // an aggregate: no packet is as long
		}
		return out, nil
	}
}

// Packets is how many packets of the file were read, those that are no IP included.
func (p *Player) Packets() uint64 { return p.number }

// Alien is how many of them were no IP, such as ARP, and of which link types that are not
// known how many were.
func (p *Player) Alien() (noIP uint64, unknown map[pcap.LinkType]uint64) { return p.alien, p.links }
