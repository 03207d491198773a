package nfqueue

import (
	"encoding/binary"
	"slices"
)

// This file builds messages as the kernel writes them.

// attr is one netlink attribute, not yet padded.
type attr struct {
	kind  uint16
	value []byte
}

func attrU32(kind uint16, v uint32) attr {
	return attr{kind, binary.BigEndian.AppendUint32(nil, v)}
}

func packetHeader(id uint32, hook uint8) attr {
	v := binary.BigEndian.AppendUint32(nil, id) // packet_id
	v = append(v, 0x08, 0x00)                   // hw_protocol: IPv4
	return attr{attrPacketHeader, append(v, hook)}
}

func payload(b ...byte) attr { return attr{attrPayload, b} }

// body is what follows the nlmsghdr of a packet message. Like the kernel it does not pad the last
// attribute.
func body(family uint8, queue uint16, attrs ...attr) []byte {
	b := []byte{family, 0, byte(queue >> 8), byte(queue)}
	for _, a := range attrs {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(a.value)))
		b = binary.NativeEndian.AppendUint16(b, a.kind)
		b = append(b, a.value...)
	}
	return b
}

// netlinkMessage prepends an nlmsghdr to b.
func netlinkMessage(kind uint16, b []byte) []byte {
	m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(b)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, 0, 0) // flags
	m = append(m, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(m, b...)
}

// goodAttrs are the attributes of an ordinary packet.
func goodAttrs(id uint32, p ...byte) []attr {
	return []attr{
		packetHeader(id, 1),
		attrU32(attrInDev, 2),
		{9, []byte{0, 6, 0, 0, 0x52, 0x54, 0, 1, 2, 3, 0, 0}}, // NFQA_HWADDR
		attrU32(attrSkbInfo, 1),
		attrU32(21, 0), // NFQA_PRIORITY
		payload(p...),
	}
}

func goodPacket(queue uint16, id uint32, p ...byte) []byte {
	return netlinkMessage(typePacket, body(familyIPv4, queue, goodAttrs(id, p...)...))
}

// refusal is an NLMSG_ERROR about one of our verdicts.
func refusal(errno int32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(-errno))
	b = append(b, appendVerdict(nil, 7, 1, verdictAccept)[:messageHeaderLen]...)
	return netlinkMessage(typeError, b)
}

// answer is one verdict message, decoded independently of the code that writes it.
type answer struct {
	Queue uint16
	ID    uint32
	V     uint32
}

// parseAnswers decodes verdict messages; ok is false if there is any other message.
func parseAnswers(b []byte) (answers []answer, ok bool) {
	for len(b) > 0 {
		if len(b) < 32 || binary.NativeEndian.Uint32(b) != 32 ||
			binary.NativeEndian.Uint16(b[4:]) != 0x0301 ||
			binary.NativeEndian.Uint16(b[6:]) != 1 ||
			!slices.Equal(b[16:18], []byte{0, 0}) || // any family, version 0
			binary.NativeEndian.Uint16(b[20:]) != 12 ||
			binary.NativeEndian.Uint16(b[22:]) != 2 {
			return answers, false
		}
		answers = append(answers, answer{
			Queue: binary.BigEndian.Uint16(b[18:]),
			V:     binary.BigEndian.Uint32(b[24:]),
			ID:    binary.BigEndian.Uint32(b[28:]),
		})
		b = b[32:]
	}
	return answers, true
}
