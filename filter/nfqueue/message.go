package nfqueue

import (
	"encoding/binary"

	"sgfw/filter"
)

// Layout of a packet message. Netlink headers are in host order, the rest is in network order.
//
//	nlmsghdr   len u32 | type u16 | flags u16 | seq u32 | port u32
//	nfgenmsg   family u8 | version u8 | queue be16
//	nlattr ... len u16 | type u16 | value, padded to 4 bytes
//
// The kernel does not pad the last attribute, the payload.
const (
	messageHeaderLen = 16
	genHeaderLen     = 4
	attrHeaderLen    = 4
	packetHeaderLen  = 7 // id be32 | hw_protocol be16 | hook u8

	messageAlign = 4
	// NLA_TYPE_MASK of include/uapi/linux/netlink.h.
	attrTypeMask = 0x3fff
)

// Message types: subsystem NFNL_SUBSYS_QUEUE (3) above enum nfqnl_msg_types.
const (
	typeError   = 2 // NLMSG_ERROR
	typePacket  = 3 << 8
	typeVerdict = 3<<8 | 1
	typeConfig  = 3<<8 | 2
)

// enum nfqnl_attr_type.
const (
	attrPacketHeader = 1
	attrVerdict      = 2
	attrMark         = 3
	attrInDev        = 5
	attrOutDev       = 6
	attrPhysOutDev   = 8
	attrPayload      = 10
	attrCapLen       = 13
	attrSkbInfo      = 14
	attrLastKnown    = 22 // NFQA_CGROUP_CLASSID
)

// Families of nfgenmsg that carry IP packets (NFPROTO_IPV4, NFPROTO_IPV6).
const (
	familyIPv4 = 2
	familyIPv6 = 10
)

// fault is why a packet message is unusable.
type fault uint8

const (
	faultNone fault = iota
	faultShort
	faultAttribute // an attribute with an impossible length
	faultNoID
	faultFamily
	faultHook
	faultNoPayload
)

// message is one packet message.
type message struct {
	ev filter.Event
	id uint32
	// queue is valid if the message has a header, id if hasID is true, whatever the fault.
	queue   uint16
	hasID   bool
	unknown uint16
	// mark is the packet's; 0 if it has none.
	mark uint32
	// outPort is the port of a bridge that the frame leaves by; 0: none.
	outPort uint32
}

// decode reads what follows the nlmsghdr. ev.Frame.Bytes is a part of b. After a broken
// attribute it continues as far as it can, because a packet whose ID is known can be dropped.
// Without the ID it would wait until the queue is closed.
func decode(b []byte, m *message) fault {
	*m = message{}
	if len(b) < genHeaderLen {
		return faultShort
	}
	family := b[0]
	m.queue = binary.BigEndian.Uint16(b[2:])
	b = b[genHeaderLen:]

	bad := faultNone
	for len(b) >= attrHeaderLen {
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrHeaderLen || n > len(b) {
			bad = faultAttribute
			break
		}
		if !m.attribute(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[attrHeaderLen:n:n]) {
			bad = faultAttribute
		}
		b = b[min(align(n), len(b)):]
	}

	// What the machine itself sends has a port in postrouting alone (nf_bridge_get_physoutif).
	m.ev.Bridged = m.outPort != 0 && m.ev.Hook == filter.HookForward

	switch {
	case bad != faultNone:
		return bad
	case !m.hasID:
		return faultNoID
	case family != familyIPv4 && family != familyIPv6:
		return faultFamily
	case m.ev.Hook > filter.HookPostrouting:
		return faultHook
	case len(m.ev.Frame.Bytes) == 0:
		return faultNoPayload
	}
	return faultNone
}

// attribute reads one attribute and reports whether its value is long enough.
func (m *message) attribute(kind uint16, v []byte) bool {
	switch kind {
	case attrPacketHeader:
		if len(v) < packetHeaderLen {
			return false
		}
		m.id, m.hasID = binary.BigEndian.Uint32(v), true
		m.ev.Hook = filter.Hook(v[6])
	case attrMark:
		return takeUint32(v, &m.mark)
	case attrInDev:
		return takeUint32(v, &m.ev.In)
	case attrOutDev:
		return takeUint32(v, &m.ev.Out)
	case attrPhysOutDev:
		return takeUint32(v, &m.outPort)
	case attrPayload:
		m.ev.Frame.Bytes = v
	case attrCapLen:
		return takeUint32(v, &m.ev.Frame.Length)
	case attrSkbInfo:
		return takeUint32(v, &m.ev.Frame.Info)
	default:
		if kind > attrLastKnown {
			m.unknown++
		}
	}
	return true
}

func takeUint32(v []byte, to *uint32) bool {
	if len(v) < 4 {
		return false
	}
	*to = binary.BigEndian.Uint32(v)
	return true
}

// align rounds a netlink length up to the next multiple of four.
func align(n int) int { return (n + messageAlign - 1) &^ (messageAlign - 1) }
