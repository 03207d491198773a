package live

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/test/harness"
	"sgfw/test/wire"
)

// liveWorld is what a policy of TestLiveChanges begins with: who opens the flows,
// whom the device protects, and how flows are tracked.
type liveWorld struct{ near, guest, aws bool }

func (w liveWorld) String() string {
	word := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	return strings.Join([]string{
		word(w.near != w.guest, "inbound", "outbound"), word(w.guest, "guest", "host"),
		word(w.aws, "aws", "always"),
	}, ", ")
}

// remote is the side that rules name.
func (w liveWorld) remote() int {
	if w.guest {
		return 1
	}
	return 0
}

// peer is the address of flows that are permitted in one way.
func (w liveWorld) peer(family int, a liveAccess) netip.Addr {
	return liveAddr(w.remote(), family, byte(a)+1, 9)
}

// shapes are rules for all kinds of flows with the peers that name fills in.
func (w liveWorld) shapes(higher int, name func(r liveRule, family int) liveRule) (out []liveRule) {
	for family := range 2 {
		for _, r := range []liveRule{
			{protocol: wire.ProtoTCP, from: 4443 + higher, to: 4443 + higher},
			{protocol: wire.ProtoUDP, from: 5353 + higher, to: 5354 + higher},
			{protocol: []uint8{wire.ProtoICMP, wire.ProtoICMPv6}[family],
				from: []int{wire.ICMPEcho, wire.ICMPv6Echo}[family],
				to:   []int{wire.ICMPEcho, wire.ICMPv6Echo}[family]},
			{protocol: wire.ProtoGRE, from: -1, to: -1},
			{protocol: wire.ProtoESP, from: -1, to: -1},
		} {
			out = append(out, name(r, family))
		}
	}
	return out
}

// byPrefix are shapes for the subnets of one way of access.
func (w liveWorld) byPrefix(a liveAccess) []liveRule {
	return w.shapes(0, func(r liveRule, family int) liveRule {
		r.cidr = netip.PrefixFrom(w.peer(family, a), []int{24, 64}[family]).Masked()
		return r
	})
}

var everybody = [2]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// policy lets in, or out, what opens flows. Under AWS's tracking everything of TCP
// and UDP has a rule for the way back, else nothing has.
func (w liveWorld) policy() livePolicy {
	p := livePolicy{device: "eth0", guest: w.guest, aws: w.aws,
		attached: []string{"cidr", "everybody", "named", "base"}}
	host := func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	elsewhere := []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32"),
		netip.MustParsePrefix("2001:db8:ffff::1/128")}
	p.lists = map[string][]netip.Prefix{}
	p.members = map[string][]netip.Prefix{"members": nil, "others": elsewhere}
	for family, name := range []string{"l4", "l6"} {
		p.lists[name] = []netip.Prefix{host(w.peer(family, byList)), elsewhere[family]}
		p.lists["other-"+name] = elsewhere[family : family+1]
		p.members["members"] = append(p.members["members"], host(w.peer(family, byGroup)))
	}

	wide := slices.DeleteFunc(w.shapes(widePorts, func(r liveRule, family int) liveRule {
		r.cidr = everybody[family]
		return r
	}), func(r liveRule) bool { return r.protocol != wire.ProtoTCP && r.protocol != wire.ProtoUDP })
	named := append(
		w.shapes(0, func(r liveRule, family int) liveRule {
			r.list = []string{"l4", "l6"}[family]
			return r
		}),
		w.shapes(0, func(r liveRule, family int) liveRule { r.group = "members"; return r })[:5]...)
	named = append(named, liveRule{
		protocol: wire.ProtoICMPv6, from: wire.ICMPv6Echo, to: wire.ICMPv6Echo, group: "members"})

	any := liveRule{protocol: wire.ProtoUDP, from: livePort, to: livePort, cidr: everybody[0]}
	pumped := liveRule{protocol: wire.ProtoUDP, from: pumpPort, to: pumpPort,
		cidr: host(pumpEnds[w.remote()])}
	base := liveGroup{name: "base", ingress: []liveRule{any}, egress: []liveRule{any}}
	if p.ingress(true) {
		base.ingress = append(base.ingress, pumped)
	} else {
		base.egress = append(base.egress, pumped)
	}
	var back []liveRule
	if w.aws {
		for _, protocol := range []uint8{wire.ProtoTCP, wire.ProtoUDP} {
			for _, all := range everybody {
				back = append(back, liveRule{protocol: protocol, from: 0, to: 65535, cidr: all})
			}
		}
	}
	openers := []liveGroup{
		{name: "cidr", ingress: w.byPrefix(byCIDR)}, {name: "everybody", ingress: wide},
		{name: "named", ingress: named}, {name: "late", ingress: w.byPrefix(byNothing)},
	}
	if p.ingress(w.near) {
		base.egress = append(base.egress, back...)
	} else {
		base.ingress = append(base.ingress, back...)
		for i := range openers {
			g := &openers[i]
			g.ingress, g.egress = nil, g.ingress
		}
	}
	p.groups = append(openers, base, liveGroup{name: "members"}, liveGroup{name: "others"})
	return p
}

// The flow beside all others, from near to far, of a rule that nothing changes.
const pumpPort = 7

var pumpEnds = [2]netip.Addr{harness.IP("192.0.2.2"), harness.IP("192.0.2.18")}
