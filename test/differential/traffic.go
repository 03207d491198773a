package differential

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"sgfw/test/naive"
)

// Traffic makes the steps of one trial: conversations that follow their protocols,
// and all that goes wrong around them.
type Traffic struct {
	world  *World
	random *rand.Rand
	policy *naive.Policy
	talks  []*talk
	// told is called with the fate of the latest packet.
	told func(delivered bool)
	// Waits are how long it may be between two packets; none for real time.
	waits []time.Duration
	// devices by name, as ways of conversations.
	devices []string
	// calm: conversations last, and not much goes wrong around them.
	calm bool
}

// waits lie on both sides of every timer.
var waits = seconds(1, 1, 1, 1, 5, 5, 9, 11, 14, 16, 29, 30, 31, 44, 46, 59, 60, 61, 119, 121, 170,
	179, 181, 299, 301, 349, 351, 599, 601, 3601, 432001)

func seconds(list ...int) (all []time.Duration) {
	for _, n := range list {
		all = append(all, time.Duration(n)*time.Second)
	}
	return all
}

// NewTraffic returns the traffic of a world under a first policy, with a clock that
// its user moves.
func (w *World) NewTraffic(r *rand.Rand, first *naive.Policy) *Traffic {
	t := &Traffic{world: w, random: r, policy: first, told: func(bool) {}}
	if w.Behind == nil {
		t.waits = waits
	}
	for _, d := range w.Devices {
		t.devices = append(t.devices, d.Name)
	}
	return t
}

// Next returns what happens next. Delivered must follow a step with a packet.
func (t *Traffic) Next() Step {
	r := t.random
	var s Step
	if len(t.waits) > 0 && chance(r, 4) {
		s.Wait = one(r, t.waits...)
	} else if len(t.waits) > 0 && chance(r, 10) {
		s.Wait = time.Second / 2
	}
	if chance(r, 1) {
		t.policy = t.world.Change(r, t.policy)
		s.Policy = t.policy
	}
	if t.world.Behind == nil && r.IntN(400) == 0 {
		s.Revoke = t.device()
	}
	next := t.packet
	if t.world.Talks && chance(r, 8) { // most of those that come by themselves do not exist
		next, t.told = t.linkTalk, func(bool) {}
	}
	for s.Packet == nil || !t.world.exists(s.Packet, s.Way) {
		s.Packet, s.Way = next()
	}
	t.corrupt(s.Packet)
	return s
}

// corrupt spoils the checksum of a packet now and then. Later packets are judged all the
// same, so it is the first ones of flows that matter.
func (t *Traffic) corrupt(p *naive.Packet) {
	switch p.Protocol {
	case naive.TCP, naive.UDP, naive.ICMP, naive.ICMPv6:
		p.Corrupt = t.world.Behind == nil && chance(t.random, 4) &&
			(p.Protocol != naive.ICMP || p.Src.Is4()) && (p.Protocol != naive.ICMPv6 || p.Src.Is6())
	}
}

// packet makes the next one and says how it goes.
func (t *Traffic) packet() (*naive.Packet, Way) {
	t.told = func(bool) {}
	if t.calm {
		return t.calmPacket()
	}
	if len(t.talks) == 0 || chance(t.random, 12) {
		t.begin()
	}
	if t.world.Behind == nil && chance(t.random, 1) {
		p, way := t.noise()
		p.Missing = 1 + t.random.IntN(30)
		return p, way
	}
	switch n := t.random.IntN(100); {
	case n < 68:
		return t.speak()
	case n < 78:
		return t.failure()
	case n < 90:
		return t.distort()
	case n < 94:
		return t.noise()
	}
	return t.linkTalk()
}

// calmPacket makes the next one where conversations last.
func (t *Traffic) calmPacket() (*naive.Packet, Way) {
	if len(t.talks) == 0 || chance(t.random, 3) {
		t.begin()
	}
	switch n := t.random.IntN(100); {
	case n < 92:
		return t.speak()
	case n < 94:
		return t.failure()
	case n < 99:
		return t.distort()
	}
	return t.noise()
}

// Delivered says whether the packet of the latest step came through.
func (t *Traffic) Delivered(yes bool) { t.told(yes) }

// speak is the next packet of a conversation.
func (t *Traffic) speak() (*naive.Packet, Way) {
	k := one(t.random, t.talks...)
	side, p := k.next(t.random)
	t.told = func(delivered bool) {
		k.last[side] = p
		k.missed++
		if delivered {
			k.missed = 0
			k.arrived(side, p)
		}
	}
	way := k.ways[side]
	if chance(t.random, 3) { // another way for once (T26)
		way = t.ways()[0]
	}
	if chance(t.random, 4) {
		part := *p
		part.Part = one(t.random, naive.FirstPart, naive.LaterPart)
		t.told = func(bool) {}
		return &part, way
	}
	return p, way
}

// failure is an ICMP error about a packet of a conversation, or about one that
// never was.
func (t *Traffic) failure() (*naive.Packet, Way) {
	r := t.random
	k := one(r, t.talks...)
	side := r.IntN(2)
	quote := k.last[side]
	if quote == nil || chance(r, 10) {
		_, quote = k.next(r)
	}
	if chance(r, 25) {
		quote = t.distorted(quote)
	}
	p := &naive.Packet{Src: k.address[1-side], Dst: quote.Src, HopLimit: 64, Protocol: naive.ICMP,
		Quote: quote}
	p.Type, p.Code = one(r, 3, 3, 3, 11, 12, 4, 5), r.IntN(5)
	if quote.Src.Is6() {
		p.Protocol = naive.ICMPv6
		p.Type = one(r, 1, 1, 2, 2, 3, 4, 137)
	}
	family := familyOf(quote.Src)
	if p.Src.Is4() != quote.Src.Is4() || chance(r, 30) { // a router
		p.Src = one(r, t.world.Addresses[family]...)
	}
	if chance(r, 15) { // to somebody who never sent it
		p.Dst = one(r, t.world.Addresses[family]...)
	}
	if chance(r, 5) {
		p.Quote = nil
	}
	if chance(r, 4) {
		p.Part = one(r, naive.FirstPart, naive.LaterPart)
	}
	way := k.ways[1-side]
	if chance(r, 5) {
		way = t.ways()[0]
	}
	return p, way
}

// distort is a packet of a conversation with something wrong.
func (t *Traffic) distort() (*naive.Packet, Way) {
	r := t.random
	k := one(r, t.talks...)
	side, p := k.next(r)
	if p.Protocol == naive.TCP && chance(r, 60) {
		return k.forge(r, p), k.ways[side]
	}
	switch r.IntN(4) {
	case 0: // the other way round
		return p, k.ways[1-side]
	case 1:
		return p, t.ways()[0]
	}
	return t.distorted(p), k.ways[side]
}

// distorted returns the packet with one thing changed.
func (t *Traffic) distorted(p *naive.Packet) *naive.Packet {
	r, q := t.random, *p
	switch r.IntN(5) {
	case 0:
		q.Src = neighbour(r, q.Src)
	case 1:
		q.Dst = neighbour(r, q.Dst)
	case 2:
		q.SrcPort = (q.SrcPort + one(r, 1, 65535)) % 65536
		q.ID++
	case 3:
		q.DstPort = (q.DstPort + one(r, 1, 65535)) % 65536
		q.Code = one(r, 0, 1, 4)
	case 4:
		switch q.Protocol {
		case naive.TCP:
			q.Protocol = naive.UDP
		case naive.UDP:
			q.Protocol, q.Flags = naive.TCP, one(r, naive.SYN, naive.ACK)
		case naive.ICMP:
			q.Type = one(r, 0, 8, 13, 14, 17, 18, 5)
		case naive.ICMPv6:
			q.Type = one(r, 128, 129, 135, 144)
		default:
			q.Protocol = one(r, 2, 47, 50, 89, 132)
		}
		q.Quote = nil
	}
	return &q
}

// neighbour is the address whose last bit differs: the other one of a /31.
func neighbour(r *rand.Rand, a netip.Addr) netip.Addr {
	b := a.AsSlice()
	b[len(b)-1] ^= one[byte](r, 1, 1, 2, 4)
	n, _ := netip.AddrFromSlice(b)
	return n
}

// noise is a packet that belongs to nothing.
func (t *Traffic) noise() (*naive.Packet, Way) {
	r := t.random
	family := r.IntN(2)
	p := &naive.Packet{
		Src: one(r, t.world.Addresses[family]...), Dst: one(r, t.world.Addresses[family]...),
		HopLimit: one(r, 1, 64, 255),
		SrcPort:  one(r, t.world.Ports...), DstPort: one(r, t.world.Ports...),
		Flags: naive.Flags(r.IntN(64)), Seq: r.Uint32(), Ack: r.Uint32(), Len: r.IntN(3),
		Type: r.IntN(256), Code: r.IntN(6), ID: r.IntN(4),
		Protocol: one(r, naive.TCP, naive.TCP, naive.UDP, naive.UDP, naive.ICMP, naive.ICMPv6, 2, 47, 50,
			89, 132, 255),
	}
	if chance(r, 50) {
		p.Type = one(r, 0, 3, 5, 8, 11, 13, 14, 128, 129, 135, 1, 2)
	}
	if chance(r, 10) {
		p.Part = one(r, naive.FirstPart, naive.LaterPart)
	}
	return p, t.ways()[0]
}

// linkTalk is what machines say to their link, or something that looks so (X3).
func (t *Traffic) linkTalk() (*naive.Packet, Way) {
	r := t.random
	link := addresses("fe80::1", "fe80::2", "::", "ff02::1", "ff02::1:2")
	p := &naive.Packet{HopLimit: one(r, 1, 64, 254, 255)}
	switch r.IntN(4) {
	case 0:
		p.Protocol, p.Type, p.HopLimit = naive.ICMPv6, 132+r.IntN(7), one(r, 255, 255, 255, 254)
		p.Src, p.Dst = one(r, append(link[:3:3], t.world.Addresses[1]...)...),
			one(r, append(link[3:], t.world.Addresses[1]...)...)
	case 1:
		p.Protocol, p.Type, p.HopLimit = naive.ICMPv6, one(r, 129, 130, 131, 132, 133, 143),
			one(r, 1, 1, 1, 2, 64)
		p.Src, p.Dst = one(r, append(link[:3:3], t.world.Addresses[1]...)...), one(r, link[3:]...)
	case 2:
		p.Protocol, p.SrcPort, p.DstPort = naive.UDP, 67+r.IntN(3), 66+r.IntN(3)
		p.Src = one(r, append(addresses("0.0.0.0", "0.0.0.0"), t.world.Addresses[0]...)...)
		p.Dst = one(r, append(addresses("255.255.255.255", "224.0.0.1"), t.world.Addresses[0]...)...)
	default:
		p.Protocol, p.SrcPort, p.DstPort = naive.UDP, 546+r.IntN(2), 546+r.IntN(2)
		p.Src = one(r, append(link[:3:3], t.world.Addresses[1]...)...)
		p.Dst = one(r, append(link[:2:2], link[4])...)
	}
	return p, t.ways()[0]
}
