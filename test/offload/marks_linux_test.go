package offload

import (
	"net/netip"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestMarkedRoute has a policy route for a mark of the sender's: its packets leave by that
// route, the one that is judged and those that are carried, the mark is their own behind our
// chains, and nobody sees bits of ours.
func TestMarkedRoute(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	const target, target6, p, mark = "203.0.113.10", "2001:db8:c::10", 7000, 1
	lab := labtest.New(t, netlab.Topology{
		Hosts: []netlab.HostSpec{
			{Name: "fw", Routes: netlab.DefaultRoutes(harness.IP("192.0.2.2"), harness.IP("2001:db8:a::2"))},
			{Name: "far"},
		},
		Links: []netlab.LinkSpec{
			{A: netlab.End{Host: "fw", Dev: "eth0",
				Addrs: []netip.Prefix{prefix("192.0.2.1/24"), prefix("2001:db8:a::1/64")}},
				B: netlab.End{Host: "far", Dev: "eth0",
					Addrs: []netip.Prefix{prefix("192.0.2.2/24"), prefix("2001:db8:a::2/64")}}},
			{A: netlab.End{Host: "fw", Dev: "eth1",
				Addrs: []netip.Prefix{prefix("198.51.100.1/24"), prefix("2001:db8:b::1/64")}},
				B: netlab.End{Host: "far", Dev: "eth1",
					Addrs: []netip.Prefix{prefix("198.51.100.2/24"), prefix("2001:db8:b::2/64")}}},
		},
	})
	fw, far := lab.Host("fw"), lab.Host("far")
	harness.AddAddr(t, far, "lo", target+"/32")
	harness.AddAddr(t, far, "lo", target6+"/128")
	const other = 100 // the table of routes for the mark
	for _, r := range []struct {
		family      int
		dst         string
		via, source string
	}{
		{netlink.FAMILY_V4, "0.0.0.0/0", "198.51.100.2", "198.51.100.1"},
		{netlink.FAMILY_V6, "::/0", "2001:db8:b::2", "2001:db8:b::1"},
	} {
		dst, err := netlink.ParseIPNet(r.dst)
		if err != nil {
			t.Fatal(err)
		}
		if err := fw.Netlink().RouteAdd(&netlink.Route{Table: other, Dst: dst, Family: r.family,
			Gw: harness.IP(r.via).AsSlice(), LinkIndex: fw.Device("eth1").Index()}); err != nil {
			t.Fatal(err)
		}
		rule := netlink.NewRule()
		rule.Family, rule.Mark, rule.Table = r.family, mark, other
		if err := fw.Netlink().RuleAdd(rule); err != nil {
			t.Fatal(err)
		}
	}
	d := harness.Enforce(t, fw, `
version: 1
security_groups:
  - { name: out, description: What may leave, egress: [`+harness.Allow("udp", p)+`, `+
		harness.Allow("tcp", p)+`] }
interfaces:
  - { device: eth0, security_groups: [out] }
  - { device: eth1, security_groups: [out] }
settings: { datapath: offload, `+harness.InOrder+` }
`)
	for i, to := range []netip.Addr{harness.IP(target), harness.IP(target6)} {
		harness.Echoes(t, far, to, p)
		for _, c := range []struct {
			mark       int
			leaves, by string
			from       netip.Addr
		}{
			{0, "eth0", "eth1", harness.BothAddresses(fw.Device("eth0"))[i]},
			{mark, "eth1", "eth0", harness.BothAddresses(fw.Device("eth1"))[i]},
		} {
			watch, before := newWitness(t, fw), d.Status()
			watch.counts("right", append(device(c.leaves), askedAt(p)...)...)
			watch.counts("wrong", append(device(c.by), askedAt(p)...)...)
			watch.counts("marked", append(bits(expr.MetaKeyMARK, mark), askedAt(p)...)...)
			watch.counts("ours", bits(expr.MetaKeyMARK, markBits)...)
			watch.counts("ranked", bits(expr.MetaKeyPRIORITY, priorityBits)...)
			const asked = 200
			for _, network := range []string{"udp", "tcp"} {
				conn, err := fw.Dial(labtest.Within(t, harness.ArrivalTimeout), network,
					harness.AddrPort(to, p), netlab.Sockopt(unix.SOL_SOCKET, unix.SO_MARK, c.mark),
					netlab.From(harness.AddrPort(c.from, 0)))
				if err != nil {
					t.Fatalf("%s, mark %d: %v", network, c.mark, err)
				}
				if network == "tcp" {
					err = echoed(conn, random(1<<20))
				} else if lost := asks(conn, asked, harness.ArrivalTimeout); lost > 0 {
					t.Errorf("mark %d, %s: %d of %d were not answered", c.mark, to, lost, asked)
				}
				if conn.Close(); err != nil {
					t.Errorf("mark %d, %s: %v", c.mark, to, err)
				}
			}
			if carried, judged := carriedSince(t, d, before); carried < 2*asked || judged > 50 {
				t.Errorf("mark %d, %s: %d were carried, %d judged", c.mark, to, carried, judged)
			}
			n := watch.tallies()
			if n["right"].packets < asked || n["wrong"].packets > 0 || n["ours"].packets > 0 ||
				n["ranked"].packets > 0 || c.mark != 0 && n["marked"] != n["right"] {
				t.Errorf("mark %d, %s: the witness has %+v", c.mark, to, n)
			}
			watch.remove()
		}
	}
}
