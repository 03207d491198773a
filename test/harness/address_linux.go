package harness

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// lastPort is the last one that freshPort gave.
var lastPort atomic.Uint32

// UnusedPort is a source port that belongs to no flow yet, unless 20000 came
// before, and that no socket gets by itself.
func UnusedPort() int { return 10000 + int(lastPort.Add(1)%20000) }

// IcmpOf is the number of ICMP in the family of an address.
func IcmpOf(a netip.Addr) uint8 {
	if a.Is4() {
		return wire.ProtoICMP
	}
	return wire.ProtoICMPv6
}

// BothAddresses are the addresses of one host by family, IPv4 first.
func BothAddresses(d *netlab.Device) []netip.Addr { return []netip.Addr{d.IPv4(), d.IPv6()} }

// FamilyName names the family of an address.
func FamilyName(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// ParseAddrPort parses "address:port".
func ParseAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// IP parses an address.
func IP(s string) netip.Addr { return netip.MustParseAddr(s) }

// AddrPort joins an address and a port.
func AddrPort(a netip.Addr, p int) netip.AddrPort { return netip.AddrPortFrom(a, uint16(p)) }

// BothFamilies runs a test over IPv4 and over IPv6 with the addresses of the link
// between two hosts.
func BothFamilies(t *testing.T, a, b *netlab.Device, f func(t *testing.T, a, b netip.Addr)) {
	t.Helper()
	for i, pair := range [][2]netip.Addr{{a.IPv4(), b.IPv4()}, {a.IPv6(), b.IPv6()}} {
		t.Run(fmt.Sprintf("IPv%d", 4+2*i), func(t *testing.T) { f(t, pair[0], pair[1]) })
	}
}

// Anywhere lets the kernel choose where a connection comes from.
var Anywhere netip.AddrPort

// Neighbouring is the address whose last byte, as it is written, is n: 0x11 is .11
// and ::11.
func Neighbouring(a netip.Addr, n byte) netip.Addr {
	b := a.AsSlice()
	if a.Is4() {
		n = n>>4*10 + n&15
	}
	b[len(b)-1] = n
	a, _ = netip.AddrFromSlice(b)
	return a
}

// AddressPairs are the addresses of two devices that face each other: a pair of IPv4,
// then a pair of IPv6.
func AddressPairs(a, b *netlab.Device) [][2]netip.Addr {
	return [][2]netip.Addr{{a.IPv4(), b.IPv4()}, {a.IPv6(), b.IPv6()}}
}
