package offload

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		path Path
		want []byte // behind the devices, which are in host order
	}{
		{"IPv4", Path{In: 2, Out: 0, Proto: 17,
			Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"),
			SrcPort: 0x1234, DstPort: 53}, []byte{
			192, 0, 2, 1, // source
			192, 0, 2, 2, // destination
			17, 0, 0, 0, // protocol
			0x12, 0x34, 0, 0, // source port
			0, 53, 0, 0, // destination port
		}},
		{"IPv6", Path{In: 0, Out: 7, Proto: 6,
			Src: netip.MustParseAddr("2001::1"), Dst: netip.MustParseAddr("2001::2"),
			SrcPort: 443, DstPort: 0xffff},
			[]byte{
				0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // source
				0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // destination
				6, 0, 0, 0, // protocol
				1, 0xbb, 0, 0, // source port
				0xff, 0xff, 0, 0, // destination port
			}},
	} {
		got := key(&c.path)
		if !bytes.Equal(got[offAddress:], c.want) {
			t.Errorf("%s: key %x, want %x", c.name, got[offAddress:], c.want)
		}
		if back, err := parseKey(familyOf(&c.path), got); err != nil || back != c.path {
			t.Errorf("%s: %+v, %v, want %+v", c.name, back, err, c.path)
		}
		if _, err := parseKey(familyOf(&c.path), got[1:]); err == nil {
			t.Errorf("%s: a key that is cut off is read", c.name)
		}
	}
}
