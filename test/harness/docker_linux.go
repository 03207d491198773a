package harness

import (
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// Publish has a host rewrite the destination of what comes in for a TCP port, as
// a container engine does for `-p PORT:INNER`.
func Publish(t testing.TB, h *netlab.Host, outer, inner uint16, to netip.Addr) {
	t.Helper()
	publish(t, h, unix.IPPROTO_TCP, outer, inner, to)
}

// PublishUDP is Publish for a UDP port.
func PublishUDP(t testing.TB, h *netlab.Host, outer, inner uint16, to netip.Addr) {
	t.Helper()
	publish(t, h, unix.IPPROTO_UDP, outer, inner, to)
}

func publish(t testing.TB, h *netlab.Host, protocol byte, outer, inner uint16, to netip.Addr) {
	t.Helper()
	c := Nft(t, h)
	family, proto := nftables.TableFamilyIPv4, uint32(unix.NFPROTO_IPV4)
	if to.Is6() {
		family, proto = nftables.TableFamilyIPv6, unix.NFPROTO_IPV6
	}
	table := c.AddTable(&nftables.Table{Name: "publish", Family: family})
	chain := c.AddChain(&nftables.Chain{
		Name: "prerouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(outer)},
		&expr.Immediate{Register: 1, Data: to.AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(inner)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: proto, RegAddrMin: 1, RegProtoMin: 2},
	}})
	if err := c.Flush(); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// Masquerade hides what a host forwards out through a device behind its own
// address, as a container engine does.
func Masquerade(t testing.TB, h *netlab.Host, device string) {
	t.Helper()
	c := Nft(t, h)
	table := c.AddTable(&nftables.Table{Name: "masquerade", Family: nftables.TableFamilyIPv4})
	chain := c.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, device)
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Masq{},
	}})
	if err := c.Flush(); err != nil {
		t.Fatalf("masquerade: %v", err)
	}
}

// DockerHost is an engine's host fw with the container "shop" behind docker0, and
// clients in the office and elsewhere behind eth0. The container answers through
// the host.
func DockerHost() netlab.Topology {
	prefix := netip.MustParsePrefix
	return netlab.Topology{
		Hosts: []netlab.HostSpec{
			{Name: "fw", Forward: true},
			{Name: "shop", Routes: netlab.DefaultRoutes(IP("172.17.0.1"), IP("2001:db8:17::1"))},
			{Name: "client"},
		},
		Links: []netlab.LinkSpec{
			{A: netlab.End{Host: "shop", Dev: "eth0",
				Addrs: []netip.Prefix{prefix("172.17.0.2/16"), prefix("2001:db8:17::2/64")}},
				B: netlab.End{Host: "fw", Dev: "docker0",
					Addrs: []netip.Prefix{prefix("172.17.0.1/16"), prefix("2001:db8:17::1/64")}}},
			{A: netlab.End{Host: "client", Dev: "eth0", Addrs: []netip.Prefix{
				prefix("198.51.100.10/24"), prefix("203.0.113.10/24"), prefix("2001:db8:d::10/64")}},
				B: netlab.End{Host: "fw", Dev: "eth0", Addrs: []netip.Prefix{
					prefix("198.51.100.1/24"), prefix("203.0.113.1/24"), prefix("2001:db8:d::1/64")}}},
		},
	}
}
