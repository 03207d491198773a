package harness

import (
	"net/netip"

	"sgfw/test/netlab"
)

// TwoHosts is a pair of hosts on a link like a cable: what a capture shows is
// what a receiver gets, checksums included.
func TwoHosts() netlab.Topology {
	pair := netlab.Pair()
	pair.Links[0].Offload = netlab.OffloadOff
	return pair
}

// Neighbours is client — server on one link. The client has the addresses
// .1, .10, .11, .12 and .21 of 192.0.2.0/24 and 2001:db8::/64, the server .2.
func Neighbours() netlab.Topology {
	t := netlab.Pair()
	client := &t.Links[0].A
	for _, p := range client.Addrs {
		for _, n := range []byte{0x10, 0x11, 0x12, 0x21} {
			client.Addrs = append(client.Addrs, netip.PrefixFrom(Neighbouring(p.Addr(), n), p.Bits()))
		}
	}
	return t
}
