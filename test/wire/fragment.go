package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	// flagDF and flagMF are bits of the IPv4 word that holds the offset.
	flagDF         = 0x4000
	flagMF         = 0x2000
	fragmentHeader = 8 // bytes, of IPv6
	// fragmentUnit is what offsets count in, in bytes.
	fragmentUnit = 8
)

// Piece is one fragment by what it covers.
type Piece struct {
	// Offset in bytes into what is fragmented, a multiple of 8.
	Offset int
	// Data is the fragment's content.
	Data []byte
	// Last is true for the fragment without the "more fragments" bit.
	Last bool
}

// Fragments cuts a packet into fragments of at most mtu bytes with their headers,
// as a sender does (RFC 791 §3.2, RFC 8200 §4.5). The packet's own DF bit is
// cleared. A packet that fits becomes one atomic fragment.
func Fragments(packet []byte, mtu int, id uint32) [][]byte {
	head, body := split(packet)
	room := mtu - head
	if packet[0]>>4 == 6 {
		room -= fragmentHeader
	}
	if room -= room % fragmentUnit; room <= 0 {
		panic(fmt.Sprintf("wire: no fragment fits an MTU of %d", mtu))
	}
	var pieces []Piece
	for at := 0; at < len(body) || at == 0; at += room {
		end := min(at+room, len(body))
		pieces = append(pieces, Piece{Offset: at, Data: body[at:end], Last: end == len(body)})
	}
	return Assemble(packet, id, pieces...)
}

// Cut returns the piece of a packet's fragmentable part from offset on, of size
// bytes, or to the end if size is negative. It is the last piece if it reaches
// the end. The caller may change Data, which is a copy.
func Cut(packet []byte, offset, size int) Piece {
	_, body := split(packet)
	end := offset + size
	if size < 0 {
		end = len(body)
	}
	return Piece{Offset: offset, Data: slices.Clone(body[offset:end]), Last: end == len(body)}
}

// Assemble builds one fragment of the packet for each piece, in the given order:
// out of order, overlapping, tiny, twice or with holes, as a test likes.
func Assemble(packet []byte, id uint32, pieces ...Piece) [][]byte {
	fragments := make([][]byte, len(pieces))
	for i, p := range pieces {
		if p.Offset%fragmentUnit != 0 || p.Offset/fragmentUnit > 0x1fff {
			panic(fmt.Sprintf("wire: no fragment starts at %d", p.Offset))
		}
		if packet[0]>>4 == 4 {
			fragments[i] = fragment4(packet, uint16(id), p)
		} else {
			fragments[i] = fragment6(packet, id, p)
		}
	}
	return fragments
}

// fragment4 keeps all options in every fragment, where a router would copy only
// some: receivers look at those of the first.
func fragment4(packet []byte, id uint16, p Piece) []byte {
	head, _ := repeated(packet)
	b := slices.Concat(packet[:head], p.Data)
	put(b, 2, uint16(len(b)))
	put(b, 4, id)
	word := uint16(p.Offset / fragmentUnit)
	if !p.Last {
		word |= flagMF
	}
	put(b, 6, word)
	return Resum(b)
}

func fragment6(packet []byte, id uint32, p Piece) []byte {
	head, at := repeated(packet)
	h := make([]byte, fragmentHeader)
	h[0] = packet[at]
	word := uint16(p.Offset)
	if !p.Last {
		word |= 1
	}
	put(h, 2, word)
	binary.BigEndian.PutUint32(h[4:], id)
	b := slices.Concat(packet[:head], h, p.Data)
	b[at] = ProtoFragment
	put(b, 4, uint16(len(b)-ip6Header))
	return b
}

// split returns the length of the part that every fragment repeats and what is
// fragmented.
func split(packet []byte) (head int, body []byte) {
	head, _ = repeated(packet)
	return head, packet[head:]
}

// repeated returns the length of the part that every fragment repeats, for IPv6
// the header with hop-by-hop options and routing headers (RFC 8200 §4.5), and the
// offset of the byte in it that names what follows.
func repeated(packet []byte) (head, next int) {
	if packet[0]>>4 == 4 {
		return int(packet[0]&0xf) * 4, 9
	}
	head, next = ip6Header, 6
	for packet[next] == ProtoHopByHop || packet[next] == ProtoRouting {
		head, next = head+int(packet[head+1])*8+8, head
	}
	return head, next
}
