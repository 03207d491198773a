package offload

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// Messages about elements, and attributes that x/sys lacks
// (include/uapi/linux/netfilter/nf_tables.h).
const (
	msgDestroyElement = 30 // NFT_MSG_DESTROYSETELEM: as DEL, and nothing there is no error
	msgReset          = 33 // NFT_MSG_GETSETELEM_RESET: as GET, and counters begin at zero

	attrCounterBytes   = 1 // NFTA_COUNTER_BYTES
	attrCounterPackets = 2 // NFTA_COUNTER_PACKETS
)

const (
	headerLen    = 16 // struct nlmsghdr
	genHeaderLen = 4  // struct nfgenmsg
	attrLen      = 4  // struct nlattr
)

// element is one element of a set, as a message shows it. The key is a part of the message.
type element struct {
	key            []byte
	expires        time.Duration
	packets, bytes uint64
}

// eachAttr calls visit for the attributes in b, until one is broken.
func eachAttr(b []byte, visit func(kind uint16, value []byte)) {
	for len(b) >= attrLen {
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrLen || n > len(b) {
			return
		}
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		visit(kind, b[attrLen:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// eachElement calls visit for the elements in the body of a message about elements.
func eachElement(body []byte, visit func(element)) {
	eachAttr(body, func(kind uint16, list []byte) {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		eachAttr(list, func(_ uint16, b []byte) {
			if e := parseElement(b); e.key != nil {
				visit(e)
			}
		})
	})
}

func parseElement(b []byte) (e element) {
	eachAttr(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			eachAttr(v, func(kind uint16, key []byte) {
				if kind == unix.NFTA_DATA_VALUE {
					e.key = key
				}
			})
		case unix.NFTA_SET_ELEM_EXPIRATION:
			e.expires = time.Duration(number(v)) * time.Millisecond
		case unix.NFTA_SET_ELEM_EXPR:
			eachAttr(v, func(kind uint16, data []byte) {
				if kind == unix.NFTA_EXPR_DATA {
					e.counter(data)
				}
			})
		}
	})
	return e
}

// counter reads a counter, the only expression that our elements have.
func (e *element) counter(data []byte) {
	eachAttr(data, func(kind uint16, v []byte) {
		switch kind {
		case attrCounterBytes:
			e.bytes = number(v)
		case attrCounterPackets:
			e.packets = number(v)
		}
	})
}

// number is a be64, 0 for anything else.
func number(v []byte) uint64 {
	if len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// milliseconds is a time as a be64.
func milliseconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(d.Milliseconds()))
}

// appendAttr appends an attribute.
func appendAttr(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrLen+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, (4-len(value)%4)%4)...)
}

// aboutSet is the beginning of the body of a message about a set.
func aboutSet(table, set string) []byte {
	b := []byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}
	b = appendAttr(b, unix.NFTA_SET_ELEM_LIST_TABLE, append([]byte(table), 0))
	return appendAttr(b, unix.NFTA_SET_ELEM_LIST_SET, append([]byte(set), 0))
}
