package filter

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
)

// A router with two guests, app behind veth-a (index 5) and db behind veth-b
// (index 6), and an uplink that is not managed (index 2).
var (
	appAddr    = [4]byte{10, 0, 1, 10}
	dbAddr     = [4]byte{10, 0, 2, 10}
	gateway    = [4]byte{10, 0, 1, 1}
	guestLinks = []member.Link{
		{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		{Name: "veth-a", Index: 5, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.1")}},
		{Name: "veth-b", Index: 6, Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.1")}},
	}
)

func groupRule(port int, group string) policy.Rule {
	return policy.Rule{Protocol: policy.TCP, From: port, To: port,
		Peer: policy.Peer{Kind: policy.PeerGroup, Name: group}}
}

func guest(device, address, group string) policy.Interface {
	return policy.Interface{Device: device, Mode: policy.ModeGuest, Groups: []string{group},
		Timeouts: policy.DefaultTimeouts,
		Addresses: []netip.Addr{netip.MustParseAddr(address),
			netip.MustParseAddr("2001:db8::" + device[len(device)-1:])}, SourceDestCheck: true}
}

// guestPolicy: the app may ask the db and everyone for port 443; the db may ask
// nobody; everyone may ask the app for port 80.
func guestPolicy() *policy.Policy {
	return &policy.Policy{
		Groups: []policy.Group{
			{Name: "app", Ingress: []policy.Rule{tcpRule(80, "0.0.0.0/0")},
				Egress: []policy.Rule{groupRule(5432, "db"), tcpRule(5433, "0.0.0.0/0"),
					tcpRule(443, "0.0.0.0/0")}},
			{Name: "db", Ingress: []policy.Rule{groupRule(5432, "app")}},
		},
		Interfaces: []policy.Interface{
			guest("veth-a", "10.0.1.10", "app"), guest("veth-b", "10.0.2.10", "db")},
		Settings: policy.DefaultSettings,
	}
}

func newGuestBench(t *testing.T, p *policy.Policy) *bench {
	t.Helper()
	b := newBench(t, p)
	b.Publish(b.compiler.Compile(p,
		member.Resolve(p, member.Facts{Links: guestLinks})).WithLinks(guestLinks))
	return b
}

// TestGuest: what comes in through a guest's device is its egress, what goes out
// its ingress, in all three hooks (X6).
func TestGuest(t *testing.T) {
	b := newGuestBench(t, guestPolicy())
	syn := func(src, dst [4]byte, port uint16) []byte {
		return tcp4(src, dst, 40000, port, 1, 0, conntrack.SYN)
	}
	synAck := func(src, dst [4]byte, port uint16) []byte {
		return tcp4(src, dst, port, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	}

	expect(t, "guest to host, permitted", b.cross(HookInput, 5, 0, syn(appAddr, gateway, 443)),
		ReasonRule)
	expect(t, "the host's answer", b.cross(HookOutput, 0, 5, synAck(gateway, appAddr, 443)),
		ReasonFlow)
	expect(t, "guest to host, another port", b.cross(HookInput, 5, 0, syn(appAddr, gateway, 22)),
		ReasonNoRule)
	expect(t, "host to guest, permitted", b.cross(HookOutput, 0, 5, syn(gateway, appAddr, 80)),
		ReasonRule)
	expect(t, "the guest's answer", b.cross(HookInput, 5, 0, synAck(appAddr, gateway, 80)), ReasonFlow)
	expect(t, "host to guest, another port", b.cross(HookOutput, 0, 5, syn(gateway, appAddr, 443)),
		ReasonNoRule)

	expect(t, "outside to guest, permitted", b.cross(HookForward, 2, 5, syn(client, appAddr, 80)),
		ReasonRule)
	expect(t, "its answer", b.cross(HookForward, 5, 2, synAck(appAddr, client, 80)), ReasonFlow)
	expect(t, "guest to outside, permitted", b.cross(HookForward, 5, 2, syn(appAddr, client, 443)),
		ReasonRule)
	expect(t, "its answer", b.cross(HookForward, 2, 5, synAck(client, appAddr, 443)), ReasonFlow)
	expect(t, "outside to guest, another port", b.cross(HookForward, 2, 5, syn(client, appAddr, 443)),
		ReasonNoRule)
	expect(t, "guest to outside, no rule", b.cross(HookForward, 6, 2, syn(dbAddr, client, 443)),
		ReasonNoRule)
}

// TestBridged: what a bridge hands from port to port crosses no device, whatever it is;
// what is routed from the bridge back to it crosses it twice (K27).
func TestBridged(t *testing.T) {
	b := newGuestBench(t, guestPolicy())
	w := b.NewWorker()
	decide := func(frame []byte, bridged bool) Reason {
		w.Begin()
		defer w.End()
		w.Decide(&Event{Frame: packet.Frame{Bytes: frame, Length: uint32(len(frame))}, In: 5, Out: 5,
			Hook: HookForward, Bridged: bridged})
		return w.Last().Reason
	}
	for name, frame := range map[string][]byte{
		"a port that no rule names": tcp4(appAddr, dbAddr, 40000, 22, 1, 0, conntrack.SYN),
		"a foreign source":          tcp4(client, dbAddr, 40000, 5432, 1, 0, conntrack.SYN),
		"nothing that can be read":  {0x45, 0},
	} {
		if r := decide(frame, true); r != ReasonBridged || !r.Accepts() {
			t.Errorf("%s, bridged: %v", name, r)
		}
		if r := decide(frame, false); r.Accepts() {
			t.Errorf("%s, routed: %v", name, r)
		}
	}
	if b.Flows().Len() != 0 {
		t.Errorf("%d flows of what was bridged or dropped", b.Flows().Len())
	}
}

// TestGuestToGuest: traffic between two guests is judged at the sender and then
// at the receiver, and the sender's flow stays when the receiver refuses (D7).
func TestGuestToGuest(t *testing.T) {
	b := newGuestBench(t, guestPolicy())
	forward := func(port uint16) Verdict {
		return b.cross(HookForward, 5, 6, tcp4(appAddr, dbAddr, 40000, port, 1, 0, conntrack.SYN))
	}
	rs := b.Ruleset()
	scope := func(device string) conntrack.Scope { return rs.Device(device).Scope }

	v := forward(5432)
	if v.Reason != ReasonRule || v.Direction != conntrack.Ingress || v.Scope != scope("veth-b") {
		t.Errorf("both allow: %+v", v)
	}
	if n := b.Flows().Len(); n != 2 {
		t.Errorf("%d flows, want one at each guest", n)
	}
	expect(t, "the answer", b.cross(HookForward, 6, 5,
		tcp4(dbAddr, appAddr, 5432, 40000, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonFlow)

	v = forward(5433)
	if v.Reason != ReasonNoRule || v.Direction != conntrack.Ingress || v.Scope != scope("veth-b") {
		t.Errorf("the receiver refuses: %+v", v)
	}
	if n := b.Flows().Len(); n != 3 {
		t.Errorf("%d flows, want 3: the sender's stays", n)
	}
	v = forward(22)
	if v.Reason != ReasonNoRule || v.Direction != conntrack.Egress || v.Scope != scope("veth-a") {
		t.Errorf("the sender refuses: %+v", v)
	}
	if n := b.Flows().Len(); n != 3 {
		t.Errorf("%d flows, want 3: the receiver was never asked", n)
	}
	v = b.cross(HookForward, 6, 5, tcp4(dbAddr, appAddr, 40000, 80, 1, 0, conntrack.SYN))
	if v.Reason != ReasonNoRule || v.Scope != scope("veth-b") {
		t.Errorf("the db begins: %+v", v)
	}
}

// TestRoutedFailsafe: what has the ports of DHCP passes between a machine and its
// link, and not through the machine: a failsafe is never routed (X3).
func TestRoutedFailsafe(t *testing.T) {
	p := guestPolicy()
	p.Groups = append(p.Groups, policy.Group{Name: "none"})
	p.Interfaces = append(p.Interfaces,
		policy.Interface{Device: "eth0", Groups: []string{"none"}, Timeouts: policy.DefaultTimeouts})
	b := newGuestBench(t, p)
	router := [4]byte{192, 0, 2, 1}
	udp := func(src, dst [4]byte, from, to uint16) []byte { return udp4(src, dst, from, to) }

	expect(t, "the router asks its server", b.cross(HookOutput, 0, 2, udp(router, client, 68, 67)),
		ReasonFailsafe)
	expect(t, "and is answered", b.cross(HookInput, 2, 0, udp(client, router, 67, 68)), ReasonFailsafe)
	expect(t, "the guest asks the router", b.cross(HookInput, 6, 0, udp(dbAddr, gateway, 68, 67)),
		ReasonFailsafe)
	expect(t, "and is answered", b.cross(HookOutput, 0, 6, udp(gateway, dbAddr, 67, 68)),
		ReasonFailsafe)

	expect(t, "the guest asks beyond the router",
		b.cross(HookForward, 6, 2, udp(dbAddr, client, 68, 67)), ReasonNoRule)
	expect(t, "somebody beyond the router answers",
		b.cross(HookForward, 2, 6, udp(client, dbAddr, 67, 68)), ReasonNoRule)

	q := Query{
		Device: "eth0", Direction: conntrack.Ingress, Protocol: conntrack.ProtoUDP,
		Src: netip.AddrFrom4(client), SrcPort: 67, Dst: netip.AddrFrom4(router), DstPort: 68,
	}
	if x := Explain(b.Ruleset(), nil, 0, q); x.Failsafe != policy.DHCPClient ||
		x.Verdict.Reason != ReasonFailsafe {
		t.Errorf("explained at the router: %s, %s", x.Failsafe, x.Verdict.Reason)
	}
	q.Dst, q.Hook = netip.AddrFrom4(dbAddr), HookForward
	if x := Explain(b.Ruleset(), nil, 0, q); x.Failsafe != policy.NoFailsafe ||
		x.Verdict.Reason != ReasonNoRule {
		t.Errorf("explained beyond it: %s, %s", x.Failsafe, x.Verdict.Reason)
	}
}

// TestGuestPathMTU: the router's own error about a guest's packet is related to
// the flow or, where the packet died before any hook, to what rules would have let out; an
// error about nothing that they permit is not, and neither is one of somebody else
// without a flow (T24).
func TestGuestPathMTU(t *testing.T) {
	b := newGuestBench(t, guestPolicy())
	sent := tcp4(appAddr, client, 40000, 443, 1, 0, conntrack.SYN)
	expect(t, "the SYN", b.cross(HookForward, 5, 2, sent), ReasonRule)
	expect(t, "fragmentation needed",
		b.cross(HookOutput, 0, 5, icmp4(gateway, appAddr, 3, 4, 1280, sent[:28])), ReasonRelated)
	died := tcp4(appAddr, client, 40001, 443, 1, 0, conntrack.SYN)
	never := tcp4(appAddr, client, 40001, 444, 1, 0, conntrack.SYN)
	foreign := tcp4(dbAddr, client, 40001, 443, 1, 0, conntrack.SYN)
	for _, e := range [][2]byte{{3, 0}, {3, 1}, {3, 4}, {11, 0}, {12, 0}} {
		about := func(quoted []byte) []byte {
			return icmp4(gateway, appAddr, e[0], e[1], 1280, quoted[:28])
		}
		v := b.cross(HookOutput, 0, 5, about(died))
		expect(t, "about what the router could not route", v, ReasonRelated)
		if r, _ := b.Ruleset().Rule(v.Rule); r.Group != "app" || r.Direction != conntrack.Egress {
			t.Errorf("permitted by %+v", r)
		}
		expect(t, "the same of a router beyond", b.cross(HookForward, 2, 5, about(died)), ReasonNoRule)
		expect(t, "about what no rule permits", b.cross(HookOutput, 0, 5, about(never)), ReasonNoRule)
		expect(t, "about another guest's packet", b.cross(HookOutput, 0, 5, about(foreign)),
			ReasonNoRule)
	}
	if n := b.Flows().Len(); n != 1 {
		t.Errorf("%d flows, not that of the SYN alone", n)
	}
	p := guestPolicy()
	p.Settings.ICMPErrors = policy.ICMPErrorsRules
	b = newGuestBench(t, p)
	expect(t, "icmp_errors: rules",
		b.cross(HookOutput, 0, 5, icmp4(gateway, appAddr, 3, 4, 1280, died[:28])), ReasonNoRule)
}

// icmp6 is an ICMPv6 message of a type with the hop limit.
func icmp6(src, dst string, typ, hopLimit byte) []byte {
	b := make([]byte, 48)
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], 8)
	b[6], b[7] = conntrack.ProtoICMPv6, hopLimit
	copy(b[8:], netip.MustParseAddr(src).AsSlice())
	copy(b[24:], netip.MustParseAddr(dst).AsSlice())
	b[40] = typ
	return b
}

// udp6 is a UDP/IPv6 datagram without payload.
func udp6(src, dst string, srcPort, dstPort uint16) []byte {
	b := icmp6(src, dst, 0, 64)
	b[6] = conntrack.ProtoUDP
	binary.BigEndian.PutUint16(b[40:], srcPort)
	binary.BigEndian.PutUint16(b[42:], dstPort)
	binary.BigEndian.PutUint16(b[44:], 8)
	return b
}

// TestSourceDestCheck: with groups that permit everything, a guest still sends
// from its own addresses only, and gets what is for them (D9).
func TestSourceDestCheck(t *testing.T) {
	p := guestPolicy()
	p.Groups = []policy.Group{{Name: "app", Egress: policy.DefaultEgress()}, {Name: "db"}}
	p.Groups[0].Ingress = append(p.Groups[0].Ingress, policy.DefaultEgress()...)
	zero, broadcast := [4]byte{}, [4]byte{255, 255, 255, 255}
	for _, c := range []struct {
		what string
		out  bool // into the guest
		raw  []byte
		want Reason
	}{
		{"from its own address", false, udp4(appAddr, client, 1, 2), ReasonRule},
		{"from its own IPv6 address", false, udp6("2001:db8::a", "2001:db8:9::9", 1, 2), ReasonRule},
		{"from the other guest's", false, udp4(dbAddr, client, 1, 2), ReasonSourceDestCheck},
		{"from the router's", false, udp4(gateway, client, 1, 2), ReasonSourceDestCheck},
		{"from the other guest's IPv6 address", false, udp6("2001:db8::b", "2001:db8:9::9", 1, 2),
			ReasonSourceDestCheck},
		{"DHCP discover", false, udp4(zero, broadcast, 68, 67), ReasonRule},
		{"from 0.0.0.0, no DHCP", false, udp4(zero, broadcast, 68, 69), ReasonSourceDestCheck},
		{"DHCP from a foreign address", false, udp4(client, broadcast, 68, 67), ReasonSourceDestCheck},
		{"duplicate address detection", false, icmp6("::", "ff02::1:ff00:a", 135, 255), ReasonRule},
		{"from ::, an echo", false, icmp6("::", "ff02::1", 128, 255), ReasonSourceDestCheck},
		{"neighbour discovery, link-local", false, icmp6("fe80::a", "ff02::2", 133, 255), ReasonRule},
		{"neighbour discovery, not of this link", false, icmp6("fe80::a", "ff02::2", 133, 254),
			ReasonSourceDestCheck},
		{"neighbour discovery, a foreign address", false, icmp6("2001:db8::b", "fe80::1", 136, 255),
			ReasonSourceDestCheck},
		{"DHCPv6", false, udp6("fe80::a", "ff02::1:2", 546, 547), ReasonRule},
		{"link-local, anything else", false, udp6("fe80::a", "fe80::1", 1, 2), ReasonSourceDestCheck},

		{"to its own address", true, udp4(client, appAddr, 1, 2), ReasonRule},
		{"to the other guest's", true, udp4(client, dbAddr, 1, 2), ReasonSourceDestCheck},
		{"to its own IPv6 address", true, udp6("2001:db8:9::9", "2001:db8::a", 1, 2), ReasonRule},
		{"to the other guest's IPv6 address", true, udp6("2001:db8:9::9", "2001:db8::b", 1, 2),
			ReasonSourceDestCheck},
		{"DHCP offer, broadcast", true, udp4(gateway, broadcast, 67, 68), ReasonRule},
		{"to a group", true, udp4(gateway, [4]byte{224, 0, 0, 251}, 5353, 5353), ReasonRule},
		{"to a group, IPv6", true, udp6("2001:db8::1", "ff02::fb", 5353, 5353), ReasonRule},
		{"neighbour discovery", true, icmp6("fe80::1", "fe80::a", 136, 255), ReasonRule},
		{"DHCPv6 reply", true, udp6("fe80::1", "fe80::a", 547, 546), ReasonRule},
		{"to a link-local address, anything else", true, udp6("fe80::1", "fe80::a", 1, 2),
			ReasonSourceDestCheck},
	} {
		checked := newGuestBench(t, p)
		free := newGuestBench(t, unchecked(p))
		cross := func(b *bench) Verdict {
			if c.out {
				return b.cross(HookForward, 2, 5, c.raw)
			}
			return b.cross(HookForward, 5, 2, c.raw)
		}
		expect(t, c.what, cross(checked), c.want)
		expect(t, c.what+", without the check", cross(free), ReasonRule)
		if n := checked.Flows().Len(); c.want == ReasonSourceDestCheck && n != 0 {
			t.Errorf("%s: left %d flows", c.what, n)
		}
	}
}

// unchecked is the policy without source/destination checks.
func unchecked(p *policy.Policy) *policy.Policy {
	q := *p
	q.Interfaces = nil
	for _, n := range p.Interfaces {
		n.SourceDestCheck = false
		q.Interfaces = append(q.Interfaces, n)
	}
	return &q
}

// TestOwnAddresses: a guest's link-local addresses count between it and the router, any
// where none is listed; a prefix that is delegated to it and its network's broadcast are
// no foreign addresses.
func TestOwnAddresses(t *testing.T) {
	listed := guestPolicy()
	listed.Groups = []policy.Group{{Name: "app", Egress: policy.DefaultEgress(),
		Ingress: policy.DefaultEgress()}, {Name: "db"}}
	listed.Interfaces = listed.Interfaces[:1]
	listed.Interfaces[0].Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.1.16/28"),
		netip.MustParsePrefix("2001:db8:1:2:3::/80")}
	p := *listed
	p.Interfaces = slices.Clone(p.Interfaces)
	listed.Interfaces[0].Addresses = append(listed.Interfaces[0].Addresses,
		netip.MustParseAddr("fe80::a"))
	links := slices.Clone(guestLinks)
	links[1].Broadcasts = []netip.Addr{netip.MustParseAddr("10.0.1.255")}
	bind := func(p *policy.Policy) *bench {
		b := newBench(t, p)
		b.Publish(b.compiler.Compile(p, nil).WithLinks(links))
		return b
	}
	for _, c := range []struct {
		what         string
		hook         Hook
		raw          []byte
		want, listed Reason
	}{
		{"from a link-local address", HookInput, udp6("fe80::a", "fe80::1", 1, 2), ReasonRule,
			ReasonRule},
		{"from another one", HookInput, udp6("fe80::b", "fe80::1", 1, 2), ReasonRule,
			ReasonSourceDestCheck},
		{"to a link-local address", HookOutput, udp6("fe80::1", "fe80::a", 1, 2), ReasonRule, ReasonRule},
		{"to another one", HookOutput, udp6("fe80::1", "fe80::b", 1, 2), ReasonRule,
			ReasonSourceDestCheck},
		{"IPv4's", HookInput, udp4([4]byte{169, 254, 1, 1}, gateway, 1, 2), ReasonSourceDestCheck,
			ReasonSourceDestCheck},
		{"into the prefix", HookOutput, udp4(gateway, [4]byte{10, 0, 1, 16}, 1, 2), ReasonRule,
			ReasonRule},
		{"to its last address", HookOutput, udp4(gateway, [4]byte{10, 0, 1, 31}, 1, 2), ReasonRule,
			ReasonRule},
		{"beside it", HookOutput, udp4(gateway, [4]byte{10, 0, 1, 32}, 1, 2), ReasonSourceDestCheck,
			ReasonSourceDestCheck},
		{"below it", HookOutput, udp4(gateway, [4]byte{10, 0, 1, 15}, 1, 2), ReasonSourceDestCheck,
			ReasonSourceDestCheck},
		{"from the prefix", HookForward, udp4([4]byte{10, 0, 1, 20}, client, 1, 2), ReasonRule,
			ReasonRule},
		{"from the IPv6 prefix", HookForward, udp6("2001:db8:1:2:3:4::1", "2001:db8:9::9", 1, 2),
			ReasonRule, ReasonRule},
		{"from beside it", HookForward, udp6("2001:db8:1:2:4::", "2001:db8:9::9", 1, 2),
			ReasonSourceDestCheck, ReasonSourceDestCheck},
		{"to the network's broadcast", HookOutput, udp4(gateway, [4]byte{10, 0, 1, 255}, 1, 2),
			ReasonRule, ReasonRule},
		{"from it", HookInput, udp4([4]byte{10, 0, 1, 255}, gateway, 1, 2), ReasonSourceDestCheck,
			ReasonSourceDestCheck},
		{"to another network's", HookOutput, udp4(gateway, [4]byte{10, 0, 2, 255}, 1, 2),
			ReasonSourceDestCheck, ReasonSourceDestCheck},
	} {
		in, out := uint32(5), uint32(0)
		switch c.hook {
		case HookOutput:
			in, out = 0, 5
		case HookForward:
			out = 2
		}
		b := bind(&p)
		expect(t, c.what, b.cross(c.hook, in, out, c.raw), c.want)
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			if s := b.Ruleset().Review().Standing(&f); s != StandingPermitted {
				t.Errorf("%s: its flow is %v", c.what, s)
			}
			return true
		})
		expect(t, c.what+", with one listed", bind(listed).cross(c.hook, in, out, c.raw), c.listed)
	}
}

// TestSourceDestCheckBeforeFlows: a packet that fails the check passes not even
// as part of a flow that was there before the check.
func TestSourceDestCheckBeforeFlows(t *testing.T) {
	p := guestPolicy()
	b := newGuestBench(t, unchecked(p))
	spoofed := tcp4(gateway, client, 40000, 443, 1, 0, conntrack.SYN)
	expect(t, "without the check", b.cross(HookForward, 5, 2, spoofed), ReasonRule)
	expect(t, "its flow", b.cross(HookForward, 5, 2,
		tcp4(gateway, client, 40000, 443, 2, 0, conntrack.ACK)), ReasonFlow)
	b.Publish(b.compiler.Compile(p, member.Resolve(p, member.Facts{})).WithLinks(guestLinks))
	expect(t, "with the check", b.cross(HookForward, 5, 2,
		tcp4(gateway, client, 40000, 443, 2, 0, conntrack.ACK)), ReasonSourceDestCheck)
	sent := spoofed[:28]
	expect(t, "an error about it", b.cross(HookOutput, 0, 5, icmp4(client, gateway, 3, 4, 1280, sent)),
		ReasonSourceDestCheck)
}

// TestGuestStanding: flows that the check or another mode has left behind are cut,
// whatever the rules say.
func TestGuestStanding(t *testing.T) {
	p := guestPolicy()
	b := newGuestBench(t, unchecked(p))
	own := tcp4(appAddr, client, 40000, 443, 1, 0, conntrack.SYN)
	spoofed := tcp4(gateway, client, 40000, 443, 1, 0, conntrack.SYN)
	expect(t, "own", b.cross(HookForward, 5, 2, own), ReasonRule)
	expect(t, "spoofed", b.cross(HookForward, 5, 2, spoofed), ReasonRule)
	standings := func() map[netip.Addr]Standing {
		out := make(map[netip.Addr]Standing)
		review := b.Ruleset().Review()
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			out[f.Tuple.Local.Netip()] = review.Standing(&f)
			return true
		})
		return out
	}
	check := func(when string, own, spoofed Standing) {
		t.Helper()
		if got := standings(); got[netip.AddrFrom4(appAddr)] != own ||
			got[netip.AddrFrom4(gateway)] != spoofed || len(got) != 2 {
			t.Errorf("%s: %v", when, got)
		}
	}
	publish := func(p *policy.Policy) {
		b.Publish(b.compiler.Compile(p, member.Resolve(p, member.Facts{})).WithLinks(guestLinks))
	}
	check("without the check", StandingPermitted, StandingPermitted)
	publish(p)
	check("with the check", StandingPermitted, StandingCut)
	host := unchecked(p)
	host.Interfaces[0].Mode = policy.ModeHost
	publish(host)
	check("as a host", StandingCut, StandingCut)
}

// TestGuestMembers: the addresses of guests are members of their groups, those
// that their devices have on this machine are not.
func TestGuestMembers(t *testing.T) {
	p := guestPolicy()
	m := member.Resolve(p, member.Facts{Links: guestLinks})
	for group, want := range map[string]string{
		"app": "[10.0.1.10/32 2001:db8::a/128]", "db": "[10.0.2.10/32 2001:db8::b/128]"} {
		if got := m.Addresses(group); len(got) != 2 ||
			"["+got[0].String()+" "+got[1].String()+"]" != want {
			t.Errorf("members of %s: %v, want %s", group, got, want)
		}
	}
}

// TestExplainGuest: directions are the guest's, and the check has AWS's code (A3).
func TestExplainGuest(t *testing.T) {
	b := newGuestBench(t, guestPolicy())
	explain := func(device string, d conntrack.Direction, src, dst string, port uint16) Explanation {
		q := query(d, src, dst, port)
		q.Device = device
		return Explain(b.Ruleset(), b.Flows(), b.Engine.Now(), q)
	}
	if x := explain("veth-a", conntrack.Egress, "10.0.1.10", "10.0.2.10",
		5432); x.Verdict.Reason != ReasonRule || x.Rule.Group != "app" {
		t.Errorf("the app asks: %+v", x)
	}
	if x := explain("veth-b", conntrack.Ingress, "10.0.1.10", "10.0.2.10",
		5432); x.Verdict.Reason != ReasonRule || x.Rule.Group != "db" {
		t.Errorf("the db is asked: %+v", x)
	}
	if x := explain("veth-b", conntrack.Ingress, "198.51.100.7", "10.0.2.10",
		5432); x.Code != CodeRulesMismatch {
		t.Errorf("a stranger asks: %+v", x)
	}
	if x := explain("veth-b", conntrack.Egress, "10.0.2.10", "198.51.100.7",
		443); x.Code != CodeNoRules {
		t.Errorf("the db asks: %+v", x)
	}
	x := explain("veth-a", conntrack.Egress, "10.0.2.10", "198.51.100.7", 443)
	if x.Verdict.Reason != ReasonSourceDestCheck || x.Code != CodeSourceDestCheck ||
		len(x.Misses) > 0 {
		t.Errorf("a spoofed source: %+v", x)
	}
}
