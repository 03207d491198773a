package differential

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"sgfw/test/naive"
)

// World is where a trial happens: what addresses and devices there are.
type World struct {
	// Devices of the machine; their numbers are their places, from 1.
	Devices []naive.Device
	// Near and far addresses by family (0: IPv4). They are few and next to each
	// other, so that hits, misses and borders of CIDRs are all frequent.
	Addresses [2][]netip.Addr
	Ports     []int
	// Interfaces are what may be managed.
	Interfaces []naive.Interface

	// ACLs: policies have network ACLs, which no other firewall can say.
	ACLs bool

	// Resolvers are the name servers of the machine.
	Resolvers []netip.Addr

	// Behind are the addresses of those who send through a device, where the world
	// is a router's and no other packets exist; nil where every packet does.
	Behind map[string][]netip.Addr
	// Talks: the machine of such a world sends and receives as well.
	Talks bool
}

// Laboratory is the world of trials in memory: two devices of the machine's own,
// two of guests and one that nobody manages.
func Laboratory() *World {
	w := &World{
		ACLs: true,
		Devices: []naive.Device{
			{Name: "eth0", Addresses: addresses("10.0.0.4", "2001:db8::4")},
			{Name: "eth1", Addresses: addresses("10.0.1.4", "10.0.1.5", "2001:db8:1::4")},
			{Name: "veth-a", Broadcasts: addresses("10.0.0.5")}, {Name: "veth-b"}, {Name: "free"},
		},
		Resolvers: addresses("10.0.0.7", "2001:db8:1::7"),
		Ports:     []int{0, 1, 22, 23, 53, 79, 80, 81, 443, 8000, 8001, 8002, 65534, 65535},
		Interfaces: []naive.Interface{
			{Device: "eth0"}, {Device: "eth1"},
			{Device: "veth-a", Guest: true, Addresses: addresses("10.0.0.2", "2001:db8::2"),
				Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.6/31"),
					netip.MustParsePrefix("2001:db8::6/127")}},
			{Device: "veth-*", Guest: true,
				Addresses: addresses("10.0.1.6", "10.0.1.7", "2001:db8:1::6", "fe80::2")},
		},
	}
	for i := range 8 {
		w.Addresses[0] = append(w.Addresses[0], netip.AddrFrom4([4]byte{10, 0, byte(i / 8), byte(i)}),
			netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
		w.Addresses[1] = append(w.Addresses[1], netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i)),
			netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%x", i)))
	}
	return w
}

// Passage is the world of trials on real packets: a router between two networks that
// manages one of its two devices. What its hosts cannot send does not exist, nor do
// the timers, nor SCTP, whose chunks the kernel follows and calls invalid.
func Passage(managed string, guest bool) *World {
	w := Laboratory()
	w.ACLs = false
	w.Devices = []naive.Device{{Name: "eth0"}, {Name: "eth1"}}
	w.Interfaces = []naive.Interface{{Device: managed, Guest: guest}}
	w.Resolvers = nil
	w.Behind = make(map[string][]netip.Addr)
	for _, pool := range w.Addresses {
		for _, a := range pool {
			device := "eth1"
			if slices.ContainsFunc(Networks("eth0"), func(n netip.Prefix) bool { return n.Contains(a) }) {
				device = "eth0"
			}
			w.Behind[device] = append(w.Behind[device], a)
		}
	}
	return w
}

// exists reports whether a packet can go that way in the world.
func (w *World) exists(p *naive.Packet, way Way) bool {
	if w.Behind == nil {
		return true
	}
	if p.Part != naive.Whole || p.Protocol == 132 || p.Quote != nil && p.Quote.Protocol == 132 {
		return false
	}
	if way.Hook != naive.Forward {
		return w.ownPacketExists(p, way)
	}
	return slices.Contains(w.Behind[way.In], p.Src) && slices.Contains(w.Behind[way.Out], p.Dst) &&
		p.HopLimit > 1
}

func addresses(list ...string) (all []netip.Addr) {
	for _, a := range list {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

// The names that policies of trials use.
var (
	groupNames = []string{"web", "app", "db", "admin"}
	listNames  = []string{"office", "office-ipv6"}
)

// One picks one of a list.
func one[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// chance is true in so many of a hundred cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// Policy makes a policy for the world.
func (w *World) Policy(r *rand.Rand) *naive.Policy {
	p := &naive.Policy{RulesForErrors: chance(r, 15), AsAWS: w.Behind == nil && chance(r, 50)}
	w.exempt(r, p)
	for f, name := range listNames {
		l := naive.List{Name: name}
		for range 1 + r.IntN(3) {
			if c := w.cidr(r, f); !slices.Contains(l.Entries, c) {
				l.Entries = append(l.Entries, c)
			}
		}
		p.Lists = append(p.Lists, l)
	}
	for _, name := range groupNames[:1+r.IntN(len(groupNames))] {
		g := naive.Group{Name: name}
		for d := range g.Rules {
			if d == int(naive.Out) && chance(r, 35) { // as AWS creates it (D1)
				g.Rules[d] = []naive.Rule{wide(0), wide(1)}
				continue
			}
			rules := r.IntN(5)
			if chance(r, 4) { // as many as AWS allows (Q1)
				rules = 60
			}
			for range rules {
				w.addRule(r, p, &g, naive.Direction(d))
			}
		}
		p.Groups = append(p.Groups, g)
	}
	if w.ACLs && chance(r, 30) {
		p.ACLs = []naive.ACL{w.acl(r)}
	}
	for i := range w.Interfaces {
		if n := w.Interfaces[i]; chance(r, 75) {
			p.Interfaces = append(p.Interfaces, w.attach(r, p, n))
		}
	}
	if len(p.Interfaces) == 0 {
		p.Interfaces = append(p.Interfaces, w.attach(r, p, w.Interfaces[0]))
	}
	for i := range r.IntN(3) {
		p.Remotes = append(p.Remotes, naive.Remote{
			Name: fmt.Sprint("remote-", i), Groups: w.someGroups(r, p),
			Addresses: []netip.Addr{one(r, w.Addresses[0]...), one(r, w.Addresses[1]...)},
		})
	}
	return p
}

// exempt chooses what passes whatever the rules say.
func (w *World) exempt(r *rand.Rand, p *naive.Policy) {
	p.Exempt, p.Cut = nil, nil
	if w.Behind != nil && !w.Talks {
		return
	}
	for _, x := range []naive.Reason{naive.Resolvers, naive.Metadata, naive.Time} {
		if !w.Talks && chance(r, 40) {
			p.Exempt = append(p.Exempt, x)
		}
	}
	if chance(r, 20) {
		p.Cut = append(p.Cut, one(r, naive.Neighbours, naive.Listeners, naive.DHCP, naive.DHCPv6))
	}
}

// attach makes an entry of a policy: with some groups, its mode perhaps turned.
func (w *World) attach(r *rand.Rand, p *naive.Policy, n naive.Interface) naive.Interface {
	n.Groups = w.someGroups(r, p)
	if n.ACL = ""; len(p.ACLs) > 0 && chance(r, 70) {
		n.ACL = aclName
	}
	if w.Behind == nil && chance(r, 8) {
		n.Guest = !n.Guest
	}
	if !n.Guest { // only guests say which link-local addresses they have
		n.Addresses = slices.DeleteFunc(slices.Clone(n.Addresses), netip.Addr.IsLinkLocalUnicast)
	}
	if (w.Behind == nil || w.Talks) && !n.Guest && chance(r, 30) {
		n.Scope = "shared"
	}
	n.Wire = chance(r, 30) && !w.Talks
	n.Check = n.Guest && len(n.Addresses) > 0 && chance(r, 70)
	n.Established, n.HalfClosed = 432000*time.Second, 3600*time.Second
	n.UDP, n.Stream = 30*time.Second, 180*time.Second
	if chance(r, 30) {
		n.Established = one(r, 60*time.Second, 350*time.Second, 3600*time.Second)
		n.HalfClosed = one(r, 60*time.Second, 300*time.Second, 7200*time.Second)
		n.UDP = one(r, 30*time.Second, 45*time.Second, 60*time.Second)
		n.Stream = one(r, 60*time.Second, 120*time.Second, 180*time.Second)
	}
	return n
}

func (w *World) someGroups(r *rand.Rand, p *naive.Policy) (names []string) {
	for _, i := range r.Perm(len(p.Groups))[:1+r.IntN(min(2, len(p.Groups)))] {
		names = append(names, p.Groups[i].Name)
	}
	return names
}

// wide is a rule of the egress that AWS gives a new group.
func wide(family int) naive.Rule {
	return naive.Rule{Protocol: naive.All, From: naive.All, To: naive.All, CIDR: zero(family)}
}

func zero(family int) netip.Prefix {
	return [...]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}[family]
}

// addRule adds a random rule unless the group has it (R3).
func (w *World) addRule(r *rand.Rand, p *naive.Policy, g *naive.Group, d naive.Direction) {
	if rule := w.rule(r, g.Name); !slices.Contains(g.Rules[d], rule) {
		g.Rules[d] = append(g.Rules[d], rule)
	}
}

func (w *World) rule(r *rand.Rand, own string) naive.Rule {
	family := r.IntN(2)
	rule := naive.Rule{Protocol: naive.All, From: naive.All, To: naive.All}
	switch n := r.IntN(100); {
	case n < 35, n < 65:
		rule.Protocol = naive.TCP
		if n >= 35 {
			rule.Protocol = naive.UDP
		}
		rule.From = one(r, w.Ports...)
		rule.To = rule.From
		switch r.IntN(8) {
		case 0:
			rule.From, rule.To = 0, 65535
		case 1, 2, 3:
			rule.To = one(r, w.Ports...)
			rule.From, rule.To = min(rule.From, rule.To), max(rule.From, rule.To)
		}
	case n < 82:
		rule.Protocol = [...]int{naive.ICMP, naive.ICMPv6}[family]
		if chance(r, 10) { // matches nothing real (R12)
			rule.Protocol = naive.ICMP + naive.ICMPv6 - rule.Protocol
		}
		if rule.From = one(r, naive.All, 0, 3, 8, 11, 13, 1, 2, 128, 129, 135); rule.From != naive.All {
			rule.To = one(r, naive.All, naive.All, 0, 1, 4)
		}
	case n < 92:
		rule.Protocol = one(r, 0, 2, 47, 50, 89, 132)
	}
	switch n := r.IntN(100); {
	case n < 35:
		rule.CIDR = zero(family)
	case n < 70:
		rule.CIDR = w.cidr(r, family)
	case n < 80:
		rule.List = listNames[family]
	case n < 90:
		rule.Group = own
	default:
		rule.Group = groupNames[0] // every policy has it
	}
	return rule
}

// cidr is a network around one of the world's addresses.
func (w *World) cidr(r *rand.Rand, family int) netip.Prefix {
	bits := one(r, 1, 8, 24, 28, 29, 30, 30, 31, 31, 32, 32, 32)
	if family == 1 {
		bits = one(r, 1, 32, 48, 64, 120, 125, 126, 127, 127, 128, 128, 128)
	}
	return netip.PrefixFrom(one(r, w.Addresses[family]...), bits).Masked()
}

// Change makes another policy out of one, as an operator at work does.
func (w *World) Change(r *rand.Rand, old *naive.Policy) *naive.Policy {
	p := clone(old)
	for range 1 + r.IntN(3) {
		g := &p.Groups[r.IntN(len(p.Groups))]
		n := &p.Interfaces[r.IntN(len(p.Interfaces))]
		d := r.IntN(2)
		switch k := r.IntN(11); {
		case k < 3 && len(g.Rules[d]) > 0:
			i := r.IntN(len(g.Rules[d]))
			g.Rules[d] = slices.Delete(g.Rules[d], i, i+1)
		case k < 5:
			w.addRule(r, p, g, naive.Direction(d))
		case k == 5:
			g.Rules[d] = nil
		case k == 6:
			l := &p.Lists[r.IntN(len(p.Lists))]
			l.Entries = []netip.Prefix{w.cidr(r, slices.Index(listNames, l.Name))}
		case k == 10:
			w.changeACL(r, p)
		case k == 7:
			n.Groups = w.someGroups(r, p)
		case k == 8:
			for _, original := range w.Interfaces {
				if original.Device == n.Device {
					*n = w.attach(r, p, original)
				}
			}
		default:
			switch i := r.IntN(len(p.Interfaces)); {
			case len(p.Interfaces) > 1 && chance(r, 50):
				p.Interfaces = slices.Delete(p.Interfaces, i, i+1)
			case w.Behind != nil, chance(r, 40):
				p.RulesForErrors = !p.RulesForErrors
			case chance(r, 50):
				p.AsAWS = !p.AsAWS
			default:
				w.exempt(r, p)
			}
		}
	}
	return p
}

// clone copies everything that Change may change.
func clone(old *naive.Policy) *naive.Policy {
	p := *old
	p.Lists = slices.Clone(old.Lists)
	p.Groups = slices.Clone(old.Groups)
	for i := range p.Groups {
		for d := range p.Groups[i].Rules {
			p.Groups[i].Rules[d] = slices.Clone(p.Groups[i].Rules[d])
		}
	}
	p.Interfaces = slices.Clone(old.Interfaces)
	p.Remotes = slices.Clone(old.Remotes)
	return &p
}
