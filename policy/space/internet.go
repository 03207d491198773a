package space

import (
	"net/netip"
	"sync"
)

// Addresses of the registries of IANA for special purposes that are not globally reachable
// (RFC 6890 and its updates), and multicast.
var special = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
}

var internet = sync.OnceValue(func() Peers {
	var out []netip.Prefix
	for _, s := range special {
		out = append(out, netip.MustParsePrefix(s))
	}
	// Of IPv6, 2000::/3 is all that is given to anybody.
	return PeersOf(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")).
		Minus(PeersOf(out...))
})

// Internet returns the addresses that machines of the public internet can have. What is
// private, local, multicast or for documentation is not there.
func Internet() Peers { return internet() }
