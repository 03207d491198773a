package pcap

import (
	"errors"
	"net/netip"
	"time"
)

// Direction is whether a packet came in through its device or went out, as far as a
// capture says so.
type Direction uint8

const (
	Unsaid Direction = iota
	In
	Out
)

// Packet is one packet of a capture.
type Packet struct {
	// Time is when it was captured, to the nanosecond if the file is that fine. It is zero if
	// the file does not say (simple packets of pcapng).
	Time time.Time
	// Interface counts the devices of a capture from 0, see [Reader.Interface].
	Interface int
	// Data is what was captured, from its link layer on. It may be shorter than the packet,
	// and is valid until the next one is read.
	Data []byte
	// Length is the packet's true length on its link in bytes, at least that of Data.
	Length uint32
	// Direction is said by the flags of a packet of pcapng.
	Direction Direction
	// Comment is that of a packet of pcapng, "" for none; of several, the first.
	Comment string
}

// Interface is one device that packets were captured at.
type Interface struct {
	// Name is "" if the file does not say: files of pcap never do.
	Name string
	// Link is the link-layer type of its packets.
	Link LinkType
	// Snap is how many bytes of a packet were captured at most, 0 for no bound.
	Snap uint32
	// Addresses are the device's own.
	Addresses []netip.Prefix

	// perSecond is how many units of a time stamp a second has, and offset the seconds that are
	// to be added to each.
	perSecond uint64
	offset    int64
}

// ErrFormat is matched by errors about files that are no captures, or broken ones.
var ErrFormat = errors.New("not a capture that can be read")

// ErrCut is matched by the error of a file that ends within a packet, as one does whose
// writer was killed. What was read before is whole.
var ErrCut = errors.New("the capture ends within a packet")

const (
	// maxPacket bounds the bytes of a packet, as Wireshark and libpcap do.
	maxPacket = 262144
	// maxBlock bounds a block of pcapng that is read: a packet and its options.
	maxBlock = maxPacket + 131072
	// MaxInterfaces is how many devices a file has at most that a [Reader] reads.
	MaxInterfaces = 4096
)
