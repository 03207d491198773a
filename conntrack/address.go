package conntrack

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address as two big-endian words, so that a comparison is two
// machine instructions and a hash needs no loop. The zero value is the IPv6
// address ::.
//
// An IPv4 address is held IPv4-mapped (::ffff:a.b.c.d). The packet parser refuses
// IPv6 packets that carry such an address, so the two families cannot be confused.
type Addr struct {
	Hi, Lo uint64
}

// mapped is the upper half of Lo in an IPv4-mapped address (RFC 4291 §2.5.5.2).
const mapped = 0xffff

// Addr4 returns the address of four bytes in network order.
func Addr4(b [4]byte) Addr {
	return Addr{Lo: mapped<<32 | uint64(binary.BigEndian.Uint32(b[:]))}
}

// Addr16 returns the address of sixteen bytes in network order.
func Addr16(b [16]byte) Addr {
	return Addr{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
}

// AddrFrom converts a valid netip.Addr; a zone is ignored.
func AddrFrom(a netip.Addr) Addr { return Addr16(a.As16()) }

// Is4 reports whether a holds an IPv4 address.
func (a Addr) Is4() bool { return a.Hi == 0 && a.Lo>>32 == mapped }

// Netip returns a as a netip.Addr, IPv4 unmapped.
func (a Addr) Netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b).Unmap()
}

// String formats a as netip.Addr does.
func (a Addr) String() string { return a.Netip().String() }
