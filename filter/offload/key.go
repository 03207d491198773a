package offload

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// A key is a path as the registers of a rule have it: numbers of devices in host order, the
// rest as in the packet, each part padded to four bytes.
//
//	in u32 | out u32 | source | destination | protocol | source port be16 | destination port be16
const (
	offIn      = 0
	offOut     = 4
	offAddress = 8
	wordLen    = 4
)

// addressLen is the length of an address.
func (f Family) addressLen() int { return [...]int{4, 16}[f] }

// offProto is where the protocol stands in a key, behind which the ports follow.
func (f Family) offProto() int { return offAddress + 2*f.addressLen() }

// keyLen is the length of a key.
func (f Family) keyLen() int { return f.offProto() + 3*wordLen }

// familyOf is that of a path.
func familyOf(p *Path) Family {
	if p.Src.Is4() {
		return IPv4
	}
	return IPv6
}

// key returns the key of a path.
func key(p *Path) []byte {
	f := familyOf(p)
	b := make([]byte, f.keyLen())
	binary.NativeEndian.PutUint32(b[offIn:], p.In)
	binary.NativeEndian.PutUint32(b[offOut:], p.Out)
	n := f.addressLen()
	copy(b[offAddress:], p.Src.AsSlice())
	copy(b[offAddress+n:], p.Dst.AsSlice())
	at := f.offProto()
	b[at] = p.Proto
	binary.BigEndian.PutUint16(b[at+wordLen:], p.SrcPort)
	binary.BigEndian.PutUint16(b[at+2*wordLen:], p.DstPort)
	return b
}

// parseKey is the inverse of key.
func parseKey(f Family, b []byte) (p Path, err error) {
	if len(b) != f.keyLen() {
		return p, fmt.Errorf("key of %d bytes, not %d", len(b), f.keyLen())
	}
	p.In, p.Out = binary.NativeEndian.Uint32(b[offIn:]), binary.NativeEndian.Uint32(b[offOut:])
	n := f.addressLen()
	p.Src, p.Dst = address(b[offAddress:offAddress+n]), address(b[offAddress+n:offAddress+2*n])
	at := f.offProto()
	p.Proto = b[at]
	p.SrcPort = binary.BigEndian.Uint16(b[at+wordLen:])
	p.DstPort = binary.BigEndian.Uint16(b[at+2*wordLen:])
	return p, nil
}

func address(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b) // of either length
	return a
}
