package differential

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
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
}

// waits lie on both sides of every timer.
var waits = seconds(1, 1, 1, 1, 5, 5, 9, 11, 14, 16, 29, 30, 31, 44, 46, 59, 60, 61, 119, 121, 170, 179, 181, 299, 301, 349, 351, 599, 601, 3601, 432001)

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
	for s.Packet == nil || !t.world.exists(s.Packet, s.Way) {
		s.Packet, s.Way = t.packet()
	}
	return s
}

// packet makes the next one and says how it goes.
func (t *Traffic) packet() (*naive.Packet, Way) {
	t.told = func(bool) {}
	if len(t.talks) == 0 || chance(t.random, 12) {
		t.begin()
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

// Delivered says whether the packet of the latest step came through.
func (t *Traffic) Delivered(yes bool) { t.told(yes) }

// begin adds a conversation, in place of an old one when there are many.
func (t *Traffic) begin() {
	r := t.random
	k := &talk{ways: t.ways()}
	k.protocol = one(r, naive.TCP, naive.TCP, naive.TCP, naive.UDP, naive.UDP, naive.ICMP, 2, 47, 50, 89, 132)
	k.port = [2]int{32768 + r.IntN(4), one(r, t.world.Ports...)}
	family := r.IntN(2)
	var rule *naive.Rule
	if chance(r, 75) {
		if rule = t.target(k.ways[0]); rule != nil {
			family = t.aim(k, rule, family)
		}
	}
	for side := range k.address {
		k.address[side] = t.addressAt(family, k.ways[side])
	}
	if t.world.Behind == nil && chance(r, 6) {
		t.callService(k, family)
	} else if rule != nil && rule.CIDR.IsValid() {
		t.moveInto(k, rule.CIDR)
	}
	switch k.protocol {
	case naive.TCP:
		k.reset(r)
	case naive.ICMP, naive.ICMPv6:
		if (k.protocol == naive.ICMP) != (family == 0) && chance(r, 90) {
			k.protocol = naive.ICMP + naive.ICMPv6 - k.protocol
		} else if (k.protocol == naive.ICMP) != (family == 0) {
			break // the ICMP of the other family: a protocol without a name
		}
		k.port[0] = 1 + r.IntN(3)
		if k.query = 128; family == 0 {
			k.query = one(r, 8, 8, 8, 13, 15, 17)
		}
	}
	at := r.IntN(len(t.talks) + 1)
	for i, old := range t.talks {
		if old.missed >= 3 { // nobody answers
			at = i
		}
	}
	if at == len(t.talks) && at < 12 {
		t.talks = append(t.talks, k)
	} else {
		t.talks[min(at, len(t.talks)-1)] = k
	}
}

// target is a rule that may decide about packets that go that way, nil if there
// is none.
func (t *Traffic) target(way Way) *naive.Rule {
	var rules []*naive.Rule
	look := func(device string, d naive.Direction) {
		n := t.policy.Manages(device)
		if n == nil {
			return
		}
		if n.Guest {
			d = naive.In + naive.Out - d
		}
		for i := range t.policy.Groups {
			if g := &t.policy.Groups[i]; slices.Contains(n.Groups, g.Name) {
				for j := range g.Rules[d] {
					rules = append(rules, &g.Rules[d][j])
				}
			}
		}
	}
	look(way.In, naive.In)
	look(way.Out, naive.Out)
	if len(rules) == 0 {
		return nil
	}
	return one(t.random, rules...)
}

// aim makes a conversation that the rule speaks of, or nearly so, and returns its
// family.
func (t *Traffic) aim(k *talk, rule *naive.Rule, family int) int {
	r := t.random
	if rule.Protocol != naive.All {
		k.protocol = rule.Protocol
	}
	switch rule.Protocol {
	case 0:
		k.protocol = 89 // in IPv6 it is no protocol but an extension header
	case naive.TCP, naive.UDP:
		k.port[1] = (one(r, rule.From, rule.To, rule.From, rule.To, rule.From-1, rule.To+1, (rule.From+rule.To)/2) + 65536) % 65536
	}
	switch {
	case rule.CIDR.IsValid():
		family = familyOf(rule.CIDR.Addr())
	case rule.List != "":
		family = slices.Index(listNames, rule.List)
	}
	return family
}

// moveInto gives the far side of a conversation an address of the network, or one
// next to it. The far side is the one whose address is nobody's own.
func (t *Traffic) moveInto(k *talk, network netip.Prefix) {
	r := t.random
	side := 1
	if k.ways[0].Hook == naive.Input || k.ways[0].Hook == naive.Forward && chance(r, 50) {
		side = 0
	}
	if n := t.policy.Manages(k.ways[0].In); n != nil && n.Guest {
		side = 1
	}
	var inside []netip.Addr
	for _, a := range t.world.Addresses[familyOf(network.Addr())] {
		behind := t.world.Behind[k.ways[side].In]
		if network.Contains(a) && (behind == nil || slices.Contains(behind, a)) {
			inside = append(inside, a)
		}
	}
	if len(inside) > 0 && chance(r, 90) {
		k.address[side] = one(r, inside...)
		if chance(r, 10) {
			k.address[side] = neighbour(r, k.address[side])
		}
	}
}

// callService makes a conversation one with a service that may be exempt, or with
// its neighbour.
func (t *Traffic) callService(k *talk, family int) {
	r := t.random
	switch r.IntN(3) {
	case 0:
		k.protocol, k.address[1], k.port[1] = one(r, naive.UDP, naive.TCP), t.world.Resolvers[family], 53
	case 1:
		k.protocol, k.address[1], k.port[1] = naive.TCP, addresses("169.254.169.254", "fd00:ec2::254")[family], 80
	case 2:
		k.protocol, k.address[1], k.port[1] = naive.UDP, addresses("169.254.169.123", "fd00:ec2::123")[family], 123
	}
	if chance(r, 10) {
		k.address[1] = neighbour(r, k.address[1])
	}
	if k.ways[0].Hook == naive.Input && chance(r, 90) { // the machine asks, not the service
		slices.Reverse(k.ways[:])
		k.address[0] = t.addressAt(family, k.ways[0])
	}
}

// familyOf is 0 for IPv4 and 1 for IPv6.
func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// ways returns how packets of the side that begins cross the machine, and those of
// the other side.
func (t *Traffic) ways() [2]Way {
	r := t.random
	near, far := t.device(), t.device()
	for t.world.Behind != nil && near == far {
		far = one(r, t.devices...)
	}
	there := [2]Way{{Hook: naive.Forward, In: near, Out: far}, {Hook: naive.Forward, In: far, Out: near}}
	if t.world.Behind == nil && chance(r, 60) {
		there = [2]Way{{Hook: naive.Input, In: near}, {Hook: naive.Output, Out: near}}
	}
	if chance(r, 50) {
		slices.Reverse(there[:])
	}
	return there
}

// device is one of the machine's, mostly one that is managed.
func (t *Traffic) device() string {
	d := one(t.random, t.devices...)
	if t.policy.Manages(d) != nil || chance(t.random, 25) {
		return d
	}
	return strings.Replace(one(t.random, t.policy.Interfaces...).Device, "*", "b", 1)
}

// addressAt picks an address for the sender of packets that go that way: mostly
// one that belongs to the device.
func (t *Traffic) addressAt(family int, way Way) netip.Addr {
	r := t.random
	own := slices.Clone(t.world.Behind[way.In])
	for _, d := range t.world.Devices {
		if d.Name == way.Out && way.Hook == naive.Output {
			own = append(own, d.Addresses...)
		}
	}
	if n := t.policy.Manages(way.In); n != nil && n.Guest {
		own = append(own, n.Addresses...)
	}
	own = slices.DeleteFunc(own, func(a netip.Addr) bool { return a.Is4() != (family == 0) })
	if len(own) > 0 && (t.world.Behind != nil || chance(r, 93)) {
		return one(r, own...)
	}
	return one(r, t.world.Addresses[family]...)
}

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
	p := &naive.Packet{Src: k.address[1-side], Dst: quote.Src, HopLimit: 64, Protocol: naive.ICMP, Quote: quote}
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
		Src: one(r, t.world.Addresses[family]...), Dst: one(r, t.world.Addresses[family]...), HopLimit: one(r, 1, 64, 255),
		SrcPort: one(r, t.world.Ports...), DstPort: one(r, t.world.Ports...),
		Flags: naive.Flags(r.IntN(64)), Seq: r.Uint32(), Ack: r.Uint32(), Len: r.IntN(3),
		Type: r.IntN(256), Code: r.IntN(6), ID: r.IntN(4),
		Protocol: one(r, naive.TCP, naive.TCP, naive.UDP, naive.UDP, naive.ICMP, naive.ICMPv6, 2, 47, 50, 89, 132, 255),
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
		p.Src, p.Dst = one(r, append(link[:3:3], t.world.Addresses[1]...)...), one(r, append(link[3:], t.world.Addresses[1]...)...)
	case 1:
		p.Protocol, p.Type, p.HopLimit = naive.ICMPv6, one(r, 129, 130, 131, 132, 133, 143), one(r, 1, 1, 1, 2, 64)
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
