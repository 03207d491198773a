package space_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/policy/space"
)

// TestSetsAgainstFilter: what a set holds is what the engine lets pass by rules, packet by
// packet: both families, all kinds of protocols, lists, and groups whose members are known.
func TestSetsAgainstFilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	passed, dropped := 0, 0
	for range 300 {
		p := randomPolicy(rng)
		members := member.Resolve(p, member.Facts{})
		a, reading := filter.Compile(p, members).Device("eth0"), space.Read(p, members)
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			set := reading.Groups(d, &p.Groups[0], &p.Groups[1])
			for range 200 {
				pkt, at := randomPacket(rng, d)
				peer := pkt.Src.Netip()
				if d == policy.Egress {
					peer = pkt.Dst.Netip()
				}
				meta := conntrack.PacketMeta{Dir: conntrack.Direction(d)}
				verdict := filter.Judge(a, filter.HookForward, &pkt, &meta, nil).Verdict
				if want := verdict.Accept(); set.Contains(at, peer) != want {
					t.Fatalf("%s, selector %#x, peer %s: the engine says %v (%t)\n%v", d, at, peer,
						verdict.Reason, want, p.Groups)
				}
				if verdict.Accept() {
					passed++
				} else {
					dropped++
				}
			}
		}
	}
	if passed < 5000 || dropped < 5000 {
		t.Errorf("%d passed, %d dropped: the test asks one-sided questions", passed, dropped)
	}
}

func randomPolicy(rng *rand.Rand) *policy.Policy {
	p := &policy.Policy{Settings: policy.DefaultSettings}
	for i := range 3 {
		l := policy.PrefixList{Name: fmt.Sprint("list", i)}
		for range rng.IntN(4) {
			l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: randomCIDR(rng, i%2 == 1)})
		}
		p.PrefixLists = append(p.PrefixLists, l)
		p.Remotes = append(p.Remotes, policy.Remote{Name: fmt.Sprint("peer", i),
			Addresses: []netip.Addr{randomAddr(rng, false), randomAddr(rng, true)},
			Groups:    []string{fmt.Sprint("group", i)}})
	}
	for i := range 3 {
		g := policy.Group{Name: fmt.Sprint("group", i)}
		for range rng.IntN(6) {
			g.Ingress = append(g.Ingress, randomRule(rng))
		}
		for range rng.IntN(6) {
			g.Egress = append(g.Egress, randomRule(rng))
		}
		p.Groups = append(p.Groups, g)
	}
	p.Interfaces = []policy.Interface{{Device: "eth0", Groups: []string{"group0", "group1"},
		Timeouts: policy.DefaultTimeouts}}
	return p
}

func randomAddr(rng *rand.Rand, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(rng.IntN(8))})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(8))})
}

func randomCIDR(rng *rand.Rand, v6 bool) netip.Prefix {
	a := randomAddr(rng, v6)
	bits := a.BitLen() - rng.IntN(4)
	if rng.IntN(8) == 0 {
		bits = rng.IntN(2)
	}
	return netip.PrefixFrom(a, bits).Masked()
}

func randomRule(rng *rand.Rand) policy.Rule {
	r := policy.Rule{From: -1, To: -1}
	switch rng.IntN(8) {
	case 0, 1, 2:
		r.Protocol = policy.TCP
	case 3, 4:
		r.Protocol = policy.UDP
	case 5:
		r.Protocol, r.From = policy.ICMP, rng.IntN(3)-1
	case 6:
		r.Protocol, r.From = policy.ICMPv6, rng.IntN(3)-1
	default:
		r.Protocol = []policy.Protocol{-1, -1, 0, 47, 255}[rng.IntN(5)]
	}
	if r.Protocol.HasPorts() {
		r.From = rng.IntN(8)
		r.To = r.From + rng.IntN(8-r.From)
	}
	if r.Protocol.IsICMP() && r.From >= 0 {
		r.To = rng.IntN(3) - 1
	}
	switch rng.IntN(4) {
	case 0:
		r.Peer = policy.Peer{Kind: policy.PeerGroup, Name: fmt.Sprint("group", rng.IntN(3))}
	case 1:
		r.Peer = policy.Peer{Kind: policy.PeerPrefixList, Name: fmt.Sprint("list", rng.IntN(3))}
	default:
		r.Peer = policy.Peer{CIDR: randomCIDR(rng, rng.IntN(2) == 0)}
	}
	return r
}

// randomPacket makes a packet and says which selector it has.
func randomPacket(rng *rand.Rand, d policy.Direction) (packet.Packet,
	space.Selector) {
	v6 := rng.IntN(2) == 0
	own := netip.MustParseAddr("198.51.100.1")
	if v6 {
		own = netip.MustParseAddr("2001:db8:ffff::1")
	}
	peer := randomAddr(rng, v6)
	pkt := packet.Packet{Src: conntrack.AddrFrom(peer), Dst: conntrack.AddrFrom(own), HopLimit: 64,
		Proto: []uint8{6, 6, 17, 1, 58, 0, 47, 50, 255}[rng.IntN(9)]}
	if d == policy.Egress {
		pkt.Src, pkt.Dst = pkt.Dst, pkt.Src
	}
	at := space.Selector(pkt.Proto) << 16
	switch {
	case rng.IntN(12) == 0:
		pkt.Kind, at = packet.KindFragment, space.Portless
	case pkt.Proto == 6 || pkt.Proto == 17:
		pkt.Kind, pkt.DstPort = packet.KindTCP, uint16(rng.IntN(8))
		pkt.TCP.Flags = conntrack.SYN
		if pkt.Proto == 17 {
			pkt.Kind = packet.KindUDP
		}
		at |= space.Selector(pkt.DstPort)
	case pkt.Proto == 1 && !v6, pkt.Proto == 58 && v6:
		pkt.Kind = packet.KindICMP
		if v6 {
			pkt.Kind = packet.KindICMPv6
		}
		pkt.ICMPType, pkt.ICMPCode = uint8(rng.IntN(3)), uint8(rng.IntN(3))
		at |= space.Selector(pkt.ICMPType)<<8 | space.Selector(pkt.ICMPCode)
	}
	return pkt, at
}
