package test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// publish has a host rewrite the destination of what comes in for a TCP port, as
// a container engine does for `-p PORT:INNER`.
func publish(t testing.TB, h *netlab.Host, outer, inner uint16, to netip.Addr) {
	t.Helper()
	c := nft(t, h)
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
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
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

// masquerade hides what a host forwards out through a device behind its own
// address, as a container engine does.
func masquerade(t testing.TB, h *netlab.Host, device string) {
	t.Helper()
	c := nft(t, h)
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

// dockerHost is an engine's host fw with the container "shop" behind docker0, and
// clients in the office and elsewhere behind eth0. The container answers through
// the host.
func dockerHost() netlab.Topology {
	prefix := netip.MustParsePrefix
	return netlab.Topology{
		Hosts: []netlab.HostSpec{
			{Name: "fw", Forward: true},
			{Name: "shop", Routes: netlab.DefaultRoutes(ip("172.17.0.1"), ip("2001:db8:17::1"))},
			{Name: "client"},
		},
		Links: []netlab.LinkSpec{
			{A: netlab.End{Host: "shop", Dev: "eth0", Addrs: []netip.Prefix{prefix("172.17.0.2/16"), prefix("2001:db8:17::2/64")}},
				B: netlab.End{Host: "fw", Dev: "docker0", Addrs: []netip.Prefix{prefix("172.17.0.1/16"), prefix("2001:db8:17::1/64")}}},
			{A: netlab.End{Host: "client", Dev: "eth0", Addrs: []netip.Prefix{
				prefix("198.51.100.10/24"), prefix("203.0.113.10/24"), prefix("2001:db8:d::10/64")}},
				B: netlab.End{Host: "fw", Dev: "eth0", Addrs: []netip.Prefix{
					prefix("198.51.100.1/24"), prefix("203.0.113.1/24"), prefix("2001:db8:d::1/64")}}},
		},
	}
}

// TestPublishedPorts runs examples/docker-host.yaml: host mode judges what is
// forwarded to a container after its destination was rewritten, by the
// container's port, and a port that is published is not therefore open (X6).
func TestPublishedPorts(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, dockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	four, six := ip("172.17.0.2"), ip("2001:db8:17::2")
	publish(t, fw, 80, 8080, four)
	publish(t, fw, 80, 8080, six)
	masquerade(t, fw, "eth0")
	echoes(t, shop, four, 22, 8080)
	echoes(t, shop, six, 22, 8080)
	office, world, world6 := ip("198.51.100.10"), ip("203.0.113.10"), ip("2001:db8:d::10")
	fwOffice, fwWorld, fwWorld6 := ip("198.51.100.1"), ip("203.0.113.1"), ip("2001:db8:d::1")
	echoes(t, fw, fwOffice, 22, 443)
	echoes(t, fw, fwWorld, 22, 443)
	echoes(t, client, world, 443)

	d := enforce(t, fw, example(t, "docker-host.yaml"))
	run(t, []attempt{
		exchange(t, "published, from anywhere", client, "tcp", world, port(fwWorld, 80), true),
		exchange(t, "published, IPv6", client, "tcp", world6, port(fwWorld6, 80), true),
		exchange(t, "published, from the office", client, "tcp", office, port(fwOffice, 80), true),
		exchange(t, "SSH of the host from the office", client, "tcp", office, port(fwOffice, 22), true),
		exchange(t, "SSH of the host from anywhere", client, "tcp", world, port(fwWorld, 22), false),
		exchange(t, "a port of the host that no rule names", client, "tcp", office, port(fwOffice, 443), false),
		exchange(t, "the container goes out", shop, "tcp", four, port(world, 443), true),
		// Between host and container nothing is managed.
		exchange(t, "host to container", fw, "tcp", ip("172.17.0.1"), port(four, 22), true),
	})

	// Another port is published; nobody wrote a rule for it.
	publish(t, fw, 2222, 22, four)
	run(t, []attempt{exchange(t, "published without a rule", client, "tcp", world, port(fwWorld, 2222), false)})
	// The rule asks for the container's port, not for the published one.
	d.reload(strings.Replace(example(t, "docker-host.yaml"), "ports: 8080", "ports: 80", 1))
	run(t, []attempt{exchange(t, "a rule for the published number", client, "tcp", world, port(fwWorld, 80), false)})

	// With the bridge as a guest, the container goes where its group lets it.
	guest := strings.Replace(example(t, "docker-host.yaml"), "\n# To restrict", `
  - device: docker0
    mode: guest
    security_groups: [containers]
# To restrict`, 1)
	guest = strings.Replace(guest, "interfaces:\n", `  - name: containers
    description: What containers may do
    ingress: [{ protocol: tcp, ports: 8080, cidr_blocks: [0.0.0.0/0] }]
    egress: []
interfaces:
`, 1)
	d.reload(guest)
	run(t, []attempt{
		exchange(t, "published, both agree", client, "tcp", world, port(fwWorld, 80), true),
		exchange(t, "published, the guest does not agree", client, "tcp", world6, port(fwWorld6, 80), false),
		exchange(t, "the container goes out, which its group does not permit", shop, "tcp", four, port(world, 443), false),
		exchange(t, "host to container, which its group does not permit", fw, "tcp", ip("172.17.0.1"), port(four, 22), false),
	})
}
