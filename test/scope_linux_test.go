package test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// The addresses of two machines that know each other by two ways, one for each
// direction.
var (
	farSelf  = []netip.Addr{ip("203.0.113.10"), ip("2001:db8:f::10")}
	nearSelf = []netip.Addr{ip("198.51.100.10"), ip("2001:db8:e::10")}
)

// roundabout is far and near with three links. What far sends to near goes over
// eth1, what near sends to far over eth0.
func roundabout(t *testing.T) (far, near *netlab.Host) {
	t.Helper()
	net := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "far"}, {Name: "near"}}}
	for i := range 3 {
		dev := fmt.Sprint("eth", i)
		net.Links = append(net.Links, netlab.LinkSpec{
			A: netlab.End{Host: "far", Dev: dev, Addrs: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.%d.1/24", i)), netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::1/64", i))}},
			B: netlab.End{Host: "near", Dev: dev, Addrs: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.%d.2/24", i)), netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::2/64", i))}},
		})
	}
	for family := range 2 {
		bits := nearSelf[family].BitLen()
		net.Hosts[0].Routes = append(net.Hosts[0].Routes, netlab.Route{Dst: netip.PrefixFrom(nearSelf[family], bits), Via: []netip.Addr{ip("10.0.1.2"), ip("2001:db8:1::2")}[family]})
		net.Hosts[1].Routes = append(net.Hosts[1].Routes, netlab.Route{Dst: netip.PrefixFrom(farSelf[family], bits), Via: []netip.Addr{ip("10.0.0.1"), ip("2001:db8::1")}[family]})
	}
	lab := labtest.New(t, net)
	far, near = lab.Host("far"), lab.Host("near")
	for family := range 2 {
		addAddr(t, far, "lo", netip.PrefixFrom(farSelf[family], farSelf[family].BitLen()).String())
		addAddr(t, near, "lo", netip.PrefixFrom(nearSelf[family], nearSelf[family].BitLen()).String())
	}
	return far, near
}

// roundaboutPolicy lets near be asked at eth1 and ask at eth0, each by one port.
func roundaboutPolicy(scope string) string {
	if scope != "" {
		scope = ", scope: " + scope
	}
	return fmt.Sprintf(`
version: 1
security_groups:
  - { name: asked, description: What comes in, ingress: [%[1]s], egress: [] }
  - { name: asks, description: What goes out, egress: [%[2]s] }
  - { name: closed, description: Nothing, egress: [] }
interfaces:
  - { device: eth0, security_groups: [asks]%[3]s }
  - { device: eth1, security_groups: [asked]%[3]s }
  - { device: eth2, security_groups: [closed] }
settings: { queues: { count: 1 } }
`, strings.Join(append(allowPing(), allow("tcp", 8000), allow("udp", 8000)), ", "),
		strings.Join([]string{allow("tcp", 8001), allow("udp", 8001)}, ", "), scope)
}

// TestAsymmetricRoutes: a host whose answers leave through another device than the
// questions came in through has no connections by itself, because flows belong to
// one device; with a scope it has, and only what the rules of the device allow
// where it begins (T26).
func TestAsymmetricRoutes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	for _, a := range farSelf {
		echoes(t, far, a, 8000, 8001)
	}
	for _, a := range nearSelf {
		echoes(t, near, a, 8000, 8001)
	}
	all := func(shared bool) (list []attempt) {
		for i, a := range farSelf {
			b := nearSelf[i]
			for _, network := range []string{"tcp", "udp"} {
				list = append(list,
					exchange(t, "asked at eth1", far, network, a, port(b, 8000), shared),
					exchange(t, "asked for what eth0 may ask", far, network, a, port(b, 8001), false),
					exchange(t, "asks at eth0", near, network, b, port(a, 8001), shared),
					exchange(t, "asks for what eth1 may be asked", near, network, b, port(a, 8000), false))
			}
			list = append(list, ping(t, "asked at eth1", far, a, b, shared), ping(t, "asks at eth0", near, b, a, false))
		}
		return list
	}
	d := enforce(t, near, roundaboutPolicy(""))
	run(t, all(false))
	d.reload(roundaboutPolicy("uplinks"))
	run(t, all(true))
	d.reload(roundaboutPolicy(""))
	run(t, all(false))
}

// TestScopeOfTwoDevices: packets of a flow pass through every device of its scope
// and no other, and both devices answer for it in listings and revocations.
func TestScopeOfTwoDevices(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	d := enforce(t, near, roundaboutPolicy("up links"))
	for i, a := range farSelf {
		b := nearSelf[i]
		service, asker := newInbox(t, near, port(b, 8000)), newInbox(t, far, port(a, 40000))
		through := func(dev string, pass bool) shot {
			s := datagram(t, "through "+dev, asker, service, port(b, 8000), pass)
			s.send = func() []byte {
				content := nonce()
				if err := far.Device(dev).Send(wire.UDP(port(a, 40000), port(b, 8000), content)); err != nil {
					t.Error(err)
				}
				return content
			}
			return s
		}
		volley(t, []shot{through("eth0", false), through("eth2", false), through("eth1", true)})
		volley(t, []shot{through("eth2", false), through("eth0", true), through("eth1", true)})
		if _, ok := asker.receives(service.send(t, port(a, 40000)), patience); !ok {
			t.Errorf("%s: no answer through the other device", family(a))
		}

		for _, selector := range []string{"eth0", "eth1", "scope:up links"} {
			var doc struct {
				Flows []struct{ Interface, Scope, Local string }
			}
			d.document(&doc, "flows", "--interface", selector, "--port", "8000", "--address", a.String())
			if len(doc.Flows) != 1 || doc.Flows[0].Interface != "" || doc.Flows[0].Scope != "up links" {
				t.Errorf("%s: flows of %s: %+v", family(a), selector, doc)
			}
		}
		if out, _ := d.sgfw("flows", "--interface", "eth2"); strings.Contains(out, "udp") {
			t.Errorf("%s: eth2 has flows:\n%s", family(a), out)
		}
		if out, _ := d.sgfw("flows", "--address", a.String()); !strings.Contains(out, "scope:up links") {
			t.Errorf("%s: the table does not name the scope:\n%s", family(a), out)
		}
		// The flow is one: cut at one of its devices it is cut at both.
		if out, code := d.sgfw("flows", "revoke", "--interface", "eth0", "--address", a.String()); code != 0 || !strings.Contains(out, "1 flow revoked") {
			t.Errorf("%s: revoke: exit %d\n%s", family(a), code, out)
		}
		if _, ok := asker.receives(service.send(t, port(a, 40000)), silence); ok {
			t.Errorf("%s: an answer of a flow that was revoked", family(a))
		}
		volley(t, []shot{through("eth0", false), through("eth2", false), through("eth1", true)})
	}
}

// TestScopeIsTracked: what rules for everybody would leave untracked is tracked where
// devices share it: it outlives its rule, and explain says why.
func TestScopeIsTracked(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	from, to := farSelf[0], nearSelf[0]
	echoes(t, near, to, 8000, 8001)
	wide := func(scope string) string {
		s := strings.ReplaceAll(roundaboutPolicy(scope), "egress: []", "egress: [{ protocol: -1, cidr_blocks: [0.0.0.0/0] }]")
		return strings.Replace(s, "settings: {", "settings: { tracking: aws,", 1)
	}
	d := enforce(t, near, wide(""))
	ask := func() (tracked bool, clause, detail string) {
		var doc struct {
			Tracking struct {
				Tracked        bool
				Clause, Detail string
			}
		}
		d.document(&doc, "explain", "--interface", "eth1", "--ingress", "--proto", "tcp", "--from", from.String(), "--to", port(to, 8000).String())
		return doc.Tracking.Tracked, doc.Tracking.Clause, doc.Tracking.Detail
	}
	if tracked, clause, detail := ask(); tracked || clause != "both-rules" {
		t.Errorf("without a scope: %t, %s, %s", tracked, clause, detail)
	}
	run(t, []attempt{exchange(t, "without a scope", far, "tcp", from, port(to, 8000), false)})
	d.reload(wide("uplinks"))
	if tracked, clause, detail := ask(); !tracked || clause != "scope" || !strings.HasPrefix(detail, "tracked: ") {
		t.Errorf("with a scope: %t, %s, %s", tracked, clause, detail)
	}
	c, err := far.Dial(labtest.Within(t, patience), "tcp", port(to, 8000), netlab.From(port(from, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !talks(c) {
		t.Fatal("with a scope nobody answers")
	}
	d.reload(strings.ReplaceAll(wide("uplinks"), allow("tcp", 8000), allow("tcp", 8002)))
	if !talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	run(t, []attempt{exchange(t, "without a rule", far, "tcp", from, port(to, 8000), false)})
}

// TestScopeJudgesForwardedTwice: a packet that enters through one device of a scope
// and leaves through another is judged at both, though its first judgement has just
// begun a flow in the scope of the second (D7, T26).
func TestScopeJudgesForwardedTwice(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "D7", "T26")
	lab := labtest.New(t, netlab.Router())
	client, server, attacker := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	enforce(t, lab.Host("fw"), `
version: 1
security_groups:
  - name: entrance
    description: Where clients come in
    ingress:
      - { protocol: udp, ports: 8000-8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: 47, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress: []
  - name: exit
    description: Where the server is
    egress: [{ protocol: udp, ports: 8001-8002, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
interfaces:
  - { device: eth0, security_groups: [entrance], scope: both }
  - { device: eth1, security_groups: [exit], scope: both }
`+oneQueue)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		asker := newInbox(t, client, port(c, 40000))
		to := func(p int, pass bool) shot {
			return datagram(t, fmt.Sprint("to port ", p), asker, newInbox(t, server, port(s, p)), port(s, p), pass)
		}
		in, out, refused := to(8001, true), to(8002, false), to(8000, false)
		// From an address to itself a packet and its answer look the same. The server
		// would not take it, so what is on the wire decides.
		wiretap := labtest.Capture(t, server, "eth0", netlab.CaptureOptions{})
		for range 2 {
			volley(t, []shot{refused, out, in})
			self := nonce()
			if err := client.Device("eth0").Send(wire.GRE(s, s, self)); err != nil {
				t.Fatal(err)
			}
			behind := in.send()
			holds := func(content []byte) func(netlab.Packet) bool {
				return func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, content) }
			}
			seen, err := wiretap.Until(labtest.Within(t, patience), holds(behind))
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(seen, holds(self)) {
				t.Error("from an address to itself: arrived")
			}
		}

		// What leaves through a device without rules shows that these came in.
		a := attacker.Device("eth0").IPv4()
		if c.Is6() {
			a = attacker.Device("eth0").IPv6()
		}
		volley(t, []shot{datagram(t, "in alone", asker, newInbox(t, attacker, port(a, 8000)), port(a, 8000), true)})
	})
}
