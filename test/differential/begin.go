package differential

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/test/naive"
)

// begin adds a conversation, in place of an old one when there are many.
func (t *Traffic) begin() {
	r := t.random
	k := &talk{ways: t.ways(), lasts: t.calm}
	k.protocol = one(r, naive.TCP, naive.TCP, naive.TCP, naive.UDP, naive.UDP, naive.ICMP, 2, 47, 50,
		89, 132)
	k.port = [2]int{32768 + r.IntN(4), one(r, t.world.Ports...)}
	if t.calm { // hardly a port comes twice
		k.port[0] = 32768 + r.IntN(4096)
	}
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
		k.port[1] = (one(r, rule.From, rule.To, rule.From, rule.To, rule.From-1, rule.To+1,
			(rule.From+rule.To)/2) + 65536) % 65536
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
		behind := t.world.senders(k.ways[side])
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
		k.protocol, k.address[1], k.port[1] = naive.TCP,
			addresses("169.254.169.254", "fd00:ec2::254")[family], 80
	case 2:
		k.protocol, k.address[1], k.port[1] = naive.UDP,
			addresses("169.254.169.123", "fd00:ec2::123")[family], 123
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
	there := [2]Way{{Hook: naive.Forward, In: near, Out: far},
		{Hook: naive.Forward, In: far, Out: near}}
	if (t.world.Behind == nil || t.world.Talks) && chance(r, 60) {
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
	other := strings.Replace(one(t.random, t.policy.Interfaces...).Device, "*", "b", 1)
	if t.world.Behind != nil && !slices.Contains(t.devices, other) {
		return d
	}
	return other
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
