package pcap

import (
	"encoding/binary"
	"fmt"
)

// LinkType is what stands before the network layer of a packet
// (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

const (
	LinkNull     LinkType = 0   // BSD loopback: a family in the byte order of the machine
	LinkEthernet LinkType = 1   //
	LinkRawBSD   LinkType = 12  // IP, as some systems number it
	LinkRawOpen  LinkType = 14  // likewise
	LinkRaw      LinkType = 101 // IP of either version
	LinkLoop     LinkType = 108 // OpenBSD loopback: a family in network byte order
	LinkCooked   LinkType = 113 // Linux "any" device
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkCooked2  LinkType = 276 // Linux "any" device, version 2, with the index of the device
)

var linkNames = map[LinkType]string{
	LinkNull: "BSD loopback", LinkEthernet: "Ethernet", LinkRawBSD: "raw IP",
	LinkRawOpen: "raw IP", LinkRaw: "raw IP", LinkLoop: "OpenBSD loopback",
	LinkCooked: "Linux cooked", LinkIPv4: "IPv4", LinkIPv6: "IPv6", LinkCooked2: "Linux cooked 2",
}

// String is the type in words, or its number.
func (t LinkType) String() string {
	if name, ok := linkNames[t]; ok {
		return name
	}
	return fmt.Sprintf("link type %d", uint16(t))
}

// Known reports whether Network can find the network layer of the type.
func (t LinkType) Known() bool { _, ok := linkNames[t]; return ok }

// Network is what a packet has behind its link layer.
type Network struct {
	// Bytes begin at the IP header, and Length is how long they truly are.
	Bytes  []byte
	Length uint32
	// Direction is said by Linux cooked packets.
	Direction Direction
	// Index is the number of the device, which version 2 of these says, else 0.
	Index uint32
}

// Types of what Ethernet and its like carry (IEEE 802).
const (
	etherIPv4      = 0x0800
	etherIPv6      = 0x86dd
	etherVLAN      = 0x8100
	etherServiceID = 0x88a8
)

// maxTags bounds the VLAN tags of a frame.
const maxTags = 8

// cookedOutgoing is the type of a cooked packet that the machine sent.
const cookedOutgoing = 4

// Network finds the network layer, which may be broken or empty. It is false for what is no
// IP, such as ARP, and for a link type that is not known.
func (t LinkType) Network(p *Packet) (n Network, ok bool) {
	b := p.Data
	at := 0 // where the network layer begins
	ether := uint16(etherIPv4)
	switch t {
	case LinkRaw, LinkRawBSD, LinkRawOpen, LinkIPv4, LinkIPv6:
	case LinkNull, LinkLoop: // the version of IP tells what the family would
		if len(b) < 5 || b[4]>>4 != 4 && b[4]>>4 != 6 {
			return n, false
		}
		at = 4
	case LinkEthernet:
		if len(b) < 14 {
			return n, false
		}
		at, ether = 14, binary.BigEndian.Uint16(b[12:])
	case LinkCooked:
		if len(b) < 16 {
			return n, false
		}
		at, ether = 16, binary.BigEndian.Uint16(b[14:])
		n.Direction = cooked(binary.BigEndian.Uint16(b))
	case LinkCooked2:
		if len(b) < 20 {
			return n, false
		}
		at, ether = 20, binary.BigEndian.Uint16(b)
		n.Index, n.Direction = binary.BigEndian.Uint32(b[4:]), cooked(uint16(b[10]))
	default:
		return n, false
	}
	for range maxTags {
		if ether != etherVLAN && ether != etherServiceID || len(b) < at+4 {
			break
		}
		ether = binary.BigEndian.Uint16(b[at+2:])
		at += 4
	}
	if ether != etherIPv4 && ether != etherIPv6 {
		return n, false
	}
	n.Bytes, n.Length = b[at:], p.Length-uint32(at)
	if end := promised(n.Bytes); end > 0 && end < n.Length {
		n.Length = end // the rest is padding of a short frame
		n.Bytes = n.Bytes[:min(len(n.Bytes), int(end))]
	}
	return n, true
}

// promised is how long an IP packet says to be, 0 if it does not.
func promised(b []byte) uint32 {
	const header6 = 40
	switch {
	case len(b) < 4:
	case b[0]>>4 == 4:
		return uint32(binary.BigEndian.Uint16(b[2:]))
	case b[0]>>4 == 6 && len(b) >= 6 && binary.BigEndian.Uint16(b[4:]) > 0:
		return header6 + uint32(binary.BigEndian.Uint16(b[4:]))
	}
	return 0
}

// cooked is the direction of a cooked packet. One for another host was overheard.
func cooked(kind uint16) Direction {
	const otherHost = 3
	switch {
	case kind == cookedOutgoing:
		return Out
	case kind < otherHost:
		return In
	}
	return Unsaid
}
