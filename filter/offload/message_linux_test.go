package offload

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attr is an attribute that the kernel would send.
func attr(kind uint16, parts ...[]byte) []byte {
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	return appendAttr(nil, kind, value)
}

func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// elementBody is the body of a message with one element.
func elementBody(key []byte) []byte {
	return append(aboutSet("sgfw", "proven4"),
		attr(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_LIST_ELEMENTS, attr(unix.NLA_F_NESTED|1,
			attr(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_KEY, attr(unix.NFTA_DATA_VALUE, key)),
			attr(unix.NFTA_SET_ELEM_TIMEOUT, be64(30000)),
			attr(unix.NFTA_SET_ELEM_EXPIRATION, be64(12345)),
			attr(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_EXPR,
				attr(unix.NFTA_EXPR_NAME, []byte("counter\x00")),
				attr(unix.NLA_F_NESTED|unix.NFTA_EXPR_DATA,
					attr(attrCounterBytes, be64(1500)), attr(attrCounterPackets, be64(2))))))...)
}

func TestElements(t *testing.T) {
	key := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	var got []element
	eachElement(elementBody(key)[genHeaderLen:], func(e element) { got = append(got, e) })
	if len(got) != 1 || string(got[0].key) != string(key) || got[0].packets != 2 ||
		got[0].bytes != 1500 || got[0].expires != 12345*time.Millisecond {
		t.Errorf("read %+v", got)
	}
}

// FuzzMessages reads whatever bytes: none may panic or be read for ever.
func FuzzMessages(f *testing.F) {
	body := elementBody(make([]byte, IPv4.keyLen()))
	m := binary.NativeEndian.AppendUint32(nil, uint32(headerLen+len(body)))
	m = binary.NativeEndian.AppendUint16(m, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM)
	m = append(m, make([]byte, 10)...)
	f.Add(append(m, body...))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		_, _ = eachMessage(b, 0, func(e element) {
			if n++; n > len(b) {
				t.Fatal("more elements than bytes")
			}
			for f := range families {
				_, _ = parseKey(f, e.key)
			}
		})
	})
}
