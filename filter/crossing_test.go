package filter

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
)

// naiveCrossing is one device that a packet crosses, in the words of the policy.
type naiveCrossing struct {
	iface     *policy.Interface
	direction conntrack.Direction
}

// naiveCrossings lists them, the sender's side first: host mode protects this
// machine, guest mode the one behind the device (X6).
func naiveCrossings(p *policy.Policy, h Hook, in, out string, q Query) (list []naiveCrossing) {
	side := func(device string, hostDirection conntrack.Direction) {
		for i := range p.Interfaces {
			if n := &p.Interfaces[i]; n.Device == device {
				d := hostDirection
				if n.Mode == policy.ModeGuest {
					d = d.Reverse()
				}
				list = append(list, naiveCrossing{n, d})
			}
		}
	}
	if h == HookPrerouting || h == HookInput || h == HookForward {
		side(in, conntrack.Ingress)
	}
	if h == HookForward || h == HookOutput || h == HookPostrouting {
		side(out, conntrack.Egress)
	}
	// Of two that a forwarded packet crosses, one with the view of the wire is asked in
	// prerouting or postrouting (X8).
	if h == HookForward && len(list) == 2 {
		switch wire := policy.ViewWire; {
		case list[1].iface.View == wire:
			return list[:1]
		case list[0].iface.View == wire && !naiveFailsafe(list[0].direction, q):
			return list[1:]
		}
	}
	return list
}

// naiveLocal reports whether a packet in the hook is surely none that is routed.
func naiveLocal(h Hook, in string, q Query) bool {
	switch h {
	case HookPrerouting:
		return q.Dst.IsMulticast() || q.Dst.Is6() && q.Dst.IsLinkLocalUnicast() ||
			q.Dst == netip.MustParseAddr("255.255.255.255")
	case HookPostrouting:
		return in == ""
	}
	return h != HookForward
}

// naiveRouted is whether a packet is surely routed.
func naiveRouted(h Hook, in string) bool {
	return h == HookForward || h == HookPostrouting && in != ""
}

// naiveAddressed is the source/destination check by the letter of D9. A link-local
// address of a guest counts on its link: any, or those that the policy lists.
func naiveAddressed(c naiveCrossing, routed bool, q Query) bool {
	if !c.iface.SourceDestCheck {
		return true
	}
	dhcp := q.SrcPort == 68 && q.DstPort == 67 && q.Src.Is4()
	dhcp6 := q.Src.IsLinkLocalUnicast() && q.Src.Is6()
	listed := slices.ContainsFunc(c.iface.Addresses, netip.Addr.IsLinkLocalUnicast)
	link := func(a netip.Addr) bool {
		return !routed && (!listed || slices.Contains(c.iface.Addresses, a))
	}
	if c.direction == conntrack.Egress {
		if q.Src.Is6() && q.Src.IsLinkLocalUnicast() {
			return link(q.Src) || dhcp6 && q.SrcPort == 546 && q.DstPort == 547
		}
		return slices.Contains(c.iface.Addresses, q.Src) || q.Src == netip.IPv4Unspecified() && dhcp
	}
	if q.Dst.Is6() && q.Dst.IsLinkLocalUnicast() {
		return link(q.Dst) || dhcp6 && q.SrcPort == 547 && q.DstPort == 546
	}
	return slices.Contains(c.iface.Addresses, q.Dst) || q.Dst.IsMulticast() ||
		q.Dst == netip.MustParseAddr("255.255.255.255")
}

// naiveFailsafe is DHCP of the protected machine, of both families.
func naiveFailsafe(d conntrack.Direction, q Query) bool {
	ports := [2]uint16{q.SrcPort, q.DstPort}
	client, server := [2]uint16{68, 67}, [2]uint16{546, 547}
	if d == conntrack.Ingress {
		slices.Reverse(client[:])
		slices.Reverse(server[:])
	}
	return ports == client && q.Src.Is4() || ports == server && q.Src.Is6() &&
		q.Src.IsLinkLocalUnicast()
}

// TestCrossingsAgainstNaive sends random datagrams through all hooks between
// devices of random modes and compares each verdict with the letter of the policy.
func TestCrossingsAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	pick := func(list []string) netip.Addr { return netip.MustParseAddr(list[rng.IntN(len(list))]) }
	pools := [2][]string{
		{"10.0.1.10", "10.0.1.11", "10.0.2.10", "10.0.3.10", "198.51.100.7", "0.0.0.0", "255.255.255.255",
			"224.0.0.251", "10.0.1.1"},
		{"2001:db8:1::10", "2001:db8:1::11", "2001:db8:2::10", "2001:db8:9::9", "fe80::a", "fe80::1",
			"::", "ff02::1:2"},
	}
	ports := []uint16{53, 67, 68, 69, 546, 547, 443}
	peers := []policy.Peer{
		{CIDR: netip.MustParsePrefix("0.0.0.0/0")}, {CIDR: netip.MustParsePrefix("::/0")},
		{CIDR: netip.MustParsePrefix("10.0.0.0/16")}, {CIDR: netip.MustParsePrefix("2001:db8::/32")},
		{Kind: policy.PeerGroup, Name: "a"}, {Kind: policy.PeerGroup, Name: "b"},
	}
	devices := []string{"eth0", "veth-a", "veth-b", "free", ""}
	reasons := make(map[Reason]int)
	for range 300 {
		p := &policy.Policy{Groups: []policy.Group{{Name: "a"}, {Name: "b"}, {Name: "c"}},
			Settings: policy.DefaultSettings}
		for i := range p.Groups {
			for range rng.IntN(4) {
				port := int(ports[rng.IntN(len(ports))])
				r := policy.Rule{Protocol: policy.UDP, From: port, To: port, Peer: peers[rng.IntN(len(peers))]}
				if rng.IntN(2) == 0 {
					p.Groups[i].Ingress = append(p.Groups[i].Ingress, r)
				} else {
					p.Groups[i].Egress = append(p.Groups[i].Egress, r)
				}
			}
		}
		for i, d := range devices[:3] {
			n := policy.Interface{Device: d, Mode: policy.Mode(rng.IntN(2)), View: policy.View(rng.IntN(2)),
				Groups: []string{p.Groups[i].Name}, Timeouts: policy.DefaultTimeouts}
			for range rng.IntN(3) {
				if a := pick(pools[rng.IntN(2)]); policy.CheckAddress(a) == nil {
					n.Addresses = append(n.Addresses, a)
				}
			}
			n.SourceDestCheck = n.DefaultSourceDestCheck() && rng.IntN(3) > 0
			p.Interfaces = append(p.Interfaces, n)
		}
		var links []member.Link
		for i, d := range devices[:4] {
			links = append(links, member.Link{Name: d, Index: uint32(i + 1)})
		}
		m := member.Resolve(p, member.Facts{Links: links})
		rs := Compile(p, m).WithLinks(links)
		for range 100 {
			pool := pools[rng.IntN(2)]
			q := Query{Protocol: conntrack.ProtoUDP, Src: pick(pool), Dst: pick(pool),
				SrcPort: ports[rng.IntN(len(ports))], DstPort: ports[rng.IntN(len(ports))]}
			raw := udp6(q.Src.String(), q.Dst.String(), q.SrcPort, q.DstPort)
			if q.Src.Is4() {
				raw = udp4(q.Src.As4(), q.Dst.As4(), q.SrcPort, q.DstPort)
			}
			h, in, out := Hook(rng.IntN(5)), rng.IntN(4), rng.IntN(4)
			index := uint32(in + 1)
			if h == HookPostrouting && rng.IntN(2) == 0 {
				in, index = 4, 0 // this machine sends it
			}

			want := ReasonUnmanaged
			for _, c := range naiveCrossings(p, h, devices[in], devices[out], q) {
				switch {
				case !naiveAddressed(c, naiveRouted(h, devices[in]), q):
					want = ReasonSourceDestCheck
				case naivePermits(p, m, c.iface.Groups, c.direction, q):
					want = ReasonRule
				case naiveLocal(h, devices[in], q) && naiveFailsafe(c.direction, q):
					want = ReasonFailsafe
				default:
					want = ReasonNoRule
				}
				if !want.Accepts() {
					break
				}
			}
			b := &bench{Engine: NewEngine(Config{MaxFlows: 10, Clock: func() conntrack.Time { return 1 }},
				rs)}
			b.Worker = b.NewWorker()
			v := b.cross(h, index, uint32(out+1), raw)
			if v.Reason >= reasonFault {
				continue // an address that no packet may have
			}
			reasons[v.Reason]++
			if v.Reason != want {
				t.Fatalf("hook %d from %s to %s, %v: %s, want %s\n%+v", h, devices[in], devices[out], q,
					v.Reason, want, p.Interfaces)
			}
		}
	}
	for _, r := range []Reason{ReasonRule, ReasonNoRule, ReasonSourceDestCheck, ReasonFailsafe,
		ReasonUnmanaged} {
		if reasons[r] < 100 {
			t.Errorf("%s only %d times", r, reasons[r])
		}
	}
}

// TestHairpin: traffic between two machines behind one guest device crosses it
// twice, and is judged both ways.
func TestHairpin(t *testing.T) {
	p := guestPolicy()
	p.Interfaces[0].Addresses = append(p.Interfaces[0].Addresses, netip.MustParseAddr("10.0.1.11"))
	b := newGuestBench(t, p)
	second := [4]byte{10, 0, 1, 11}
	turn := func(src, dst [4]byte, sport, dport uint16, flags conntrack.TCPFlags) Verdict {
		return b.cross(HookForward, 5, 5, tcp4(src, dst, sport, dport, 1, 2, flags))
	}
	expect(t, "out by egress, back in without a rule",
		turn(appAddr, second, 40000, 443, conntrack.SYN), ReasonNoRule)
	expect(t, "in, but not out", turn(appAddr, second, 40000, 80, conntrack.SYN), ReasonNoRule)
	p.Groups[0].Ingress = append(p.Groups[0].Ingress, tcpRule(443, "10.0.1.0/24"))
	b.Publish(b.compiler.Compile(p, member.Resolve(p, member.Facts{})).WithLinks(guestLinks))
	expect(t, "both ways", turn(appAddr, second, 40001, 443, conntrack.SYN), ReasonRule)
	expect(t, "the answer", turn(second, appAddr, 443, 40001, conntrack.SYN|conntrack.ACK), ReasonFlow)
}

// TestViewComesToBeOfTheWire: while a reload gives a device the view of the wire, its packets
// still come from the hook between, and its rules hold there.
func TestViewComesToBeOfTheWire(t *testing.T) {
	web := []policy.Rule{tcpRule(443, "0.0.0.0/0")}
	p := &policy.Policy{
		Groups:   []policy.Group{{Name: "none"}, {Name: "all", Ingress: web, Egress: web}},
		Settings: policy.DefaultSettings, Interfaces: []policy.Interface{
			{Device: "a", Groups: []string{"none"}, Timeouts: policy.DefaultTimeouts},
			{Device: "b", Groups: []string{"all"}, Timeouts: policy.DefaultTimeouts}}}
	links := []member.Link{{Name: "a", Index: 1}, {Name: "b", Index: 2}}
	c := NewCompiler()
	old := c.Compile(p, member.Resolve(p, member.Facts{})).WithLinks(links)
	clock := func() conntrack.Time { return 1 }
	b := &bench{Engine: NewEngine(Config{MaxFlows: 10, Clock: clock}, old)}
	b.Worker = b.NewWorker()
	syn := tcp4([4]byte{10, 0, 0, 1}, [4]byte{10, 0, 1, 1}, 4000, 443, 1, 0, conntrack.SYN)
	expect(t, "before", b.cross(HookForward, 1, 2, syn), ReasonNoRule)
	q := *p
	q.Interfaces = slices.Clone(p.Interfaces)
	q.Interfaces[0].View = policy.ViewWire
	next := c.Compile(&q, member.Resolve(&q, member.Facts{})).WithLinks(links)
	b.Publish(next.Keeping(old, links))
	expect(t, "while the table changes", b.cross(HookForward, 1, 2, syn), ReasonNoRule)
	b.Publish(next)
	expect(t, "on the wire", b.cross(HookPrerouting, 1, 0, syn), ReasonNoRule)
	expect(t, "between, for the other's sake", b.cross(HookForward, 1, 2, syn), ReasonRule)
}
