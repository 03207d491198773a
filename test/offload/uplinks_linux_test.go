package offload

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// uplinks is a machine with two of them, near, and one at the other end of both, far: what far
// sends comes over eth1, what near sends goes over eth0.
func uplinks(t *testing.T) (far, near *netlab.Host, farIPs, nearIPs []netip.Addr) {
	t.Helper()
	farIPs = []netip.Addr{harness.IP("203.0.113.10"), harness.IP("2001:db8:f::10")}
	nearIPs = []netip.Addr{harness.IP("198.51.100.10"), harness.IP("2001:db8:e::10")}
	top := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "far"}, {Name: "near"}}}
	prefixes := func(link, host int) []netip.Prefix {
		return []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/24", link, host)),
			netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::%d/64", link, host))}
	}
	for i := range 2 {
		dev := fmt.Sprint("eth", i)
		top.Links = append(top.Links, netlab.LinkSpec{
			A: netlab.End{Host: "far", Dev: dev, Addrs: prefixes(i, 1)},
			B: netlab.End{Host: "near", Dev: dev, Addrs: prefixes(i, 2)}})
	}
	for f := range farIPs {
		bits := farIPs[f].BitLen()
		top.Hosts[0].Routes = append(top.Hosts[0].Routes, netlab.Route{
			Dst: netip.PrefixFrom(nearIPs[f], bits), Via: prefixes(1, 2)[f].Addr()})
		top.Hosts[1].Routes = append(top.Hosts[1].Routes, netlab.Route{
			Dst: netip.PrefixFrom(farIPs[f], bits), Via: prefixes(0, 1)[f].Addr()})
	}
	lab := labtest.New(t, top)
	far, near = lab.Host("far"), lab.Host("near")
	for f := range farIPs {
		harness.AddAddr(t, far, "lo", netip.PrefixFrom(farIPs[f], farIPs[f].BitLen()).String())
		harness.AddAddr(t, near, "lo", netip.PrefixFrom(nearIPs[f], nearIPs[f].BitLen()).String())
	}
	return far, near, farIPs, nearIPs
}

// TestUplinks has questions come in through one device and answers leave through another one.
// Where both share a scope the flow is one, the kernel carries at least one direction of it, and
// its counters have each packet. It goes on without a rule, and revoked it is cut at both. Where
// they share none, nothing is answered.
func TestUplinks(t *testing.T) {
	t.Parallel()
	const p, closed = 8000, 8001
	far, near, farIPs, nearIPs := uplinks(t)
	text := func(port int, scope string) string {
		return fmt.Sprintf(`version: 1
security_groups:
  - { name: asked, description: What comes in, ingress: [%s], egress: [] }
  - { name: asks, description: What goes out, ingress: [], egress: [%s] }
interfaces:
  - { device: eth0, security_groups: [asks]%[3]s }
  - { device: eth1, security_groups: [asked]%[3]s }
settings: { datapath: offload, %[4]s }
`, strings.Join(both(port), ", "), harness.Allow("udp", closed), scope, harness.InOrder)
	}
	d := harness.Enforce(t, near, text(p, ", scope: uplinks"))
	type talk struct {
		net.Conn
		network string
	}
	var live []talk
	for f := range farIPs {
		w := way{name: harness.FamilyName(farIPs[f]), from: far, to: near, src: farIPs[f],
			dst: nearIPs[f], inward: true}
		harness.Echoes(t, near, w.dst, p, closed)
		for _, network := range []string{"tcp", "udp"} {
			watch, before := newWitness(t, near), d.Status()
			watch.counts("asked", askedAt(p)...)
			watch.counts("answers", answersOf(p)...)
			c := w.dial(t, network, p, netlab.From(netip.AddrPortFrom(w.src, 0)))
			for range 10 {
				if err := exchanged(c, network); err != nil {
					t.Fatalf("%s, %s: %v", w.name, network, err)
				}
			}
			carried, judged := carriedSince(t, d, before)
			if carried < 50 { // of one direction: the other one was first seen at the other device
				t.Errorf("%s, %s: %d were carried, %d judged", w.name, network, carried, judged)
			}
			agrees(t, w, w.listed(t, d, network, c), watch.tallies())
			live = append(live, talk{c, network})
			watch.remove()
		}
		if lost := asks(w.dial(t, "udp", closed, netlab.From(netip.AddrPortFrom(w.src, 0))), 1,
			harness.SilenceTimeout); lost != 1 {
			t.Errorf("%s: what eth0 may ask for is asked at eth1", w.name)
		}
	}
	d.Reload(text(closed+1, ", scope: uplinks"))
	for _, c := range live {
		if err := exchanged(c, c.network); err != nil {
			t.Errorf("%s from %s, without a rule: %v", c.network, c.LocalAddr(), err)
		}
	}
	d.Revoke(t, len(live), 0, "--interface", "eth0", "--port", fmt.Sprint(p))
	var asking sync.WaitGroup
	for _, c := range live {
		asking.Go(func() {
			if lost := asks(c, 1, harness.SilenceTimeout); lost != 1 {
				t.Errorf("%s from %s is answered after the revocation", c.network, c.LocalAddr())
			}
		})
	}
	asking.Wait()
	d.Reload(text(p, ""))
	for f := range farIPs {
		w := way{name: harness.FamilyName(farIPs[f]), from: far, to: near, dst: nearIPs[f]}
		c := w.dial(t, "udp", p, netlab.From(netip.AddrPortFrom(farIPs[f], 0)))
		asking.Go(func() {
			if lost := asks(c, 2, harness.SilenceTimeout); lost != 2 {
				t.Errorf("%s: an answer without a scope", w.name)
			}
		})
	}
	asking.Wait()
}
