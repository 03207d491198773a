package chains

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/policy"
	"sgfw/policy/space"
)

// choices are random ones, or those of a fuzzer: one of n each time, 0 at the end.
type choices func(n int) int

// draw makes a firewall whose rules are about what packets are asked about.
type draw struct {
	choose choices
	family policy.Family
	line   int
	known  bool // only rules that groups can say
	loops  bool // chains may jump to any
}

var families = []policy.Family{policy.IPv4, policy.IPv6}

var chainNames = []string{"A", "B", "C", "D"}

var (
	cidrs = map[policy.Family][]string{
		policy.IPv4: {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.0/24", "0.0.0.0/1",
			"128.0.0.0/1", "192.0.2.128/25", "0.0.0.0/0"},
		policy.IPv6: {"2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::3/128", "fd00::/8", "::/1",
			"8000::/1", "fd00:1::/32", "::/0"}}
	askedPeers = map[policy.Family][]string{
		policy.IPv4: {"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "192.0.2.200", "9.9.9.9",
			"200.0.0.1"},
		policy.IPv6: {"2001:db8:1::3", "2001:db8:1::9", "2001:db8:9::", "fd00::1", "fd00:1::1",
			"3000::1", "a000::1"}}
	namedDevices = []string{"eth0", "eth1", "wg*", "wg1"}
	askedDevices = []string{"eth0", "eth1", "wg0", "wg1", "br0"}
	askedPorts   = []int{0, 22, 25, 53, 80, 81, 443, 8080, 65535}
)

func (d *draw) span() space.Span {
	p := []policy.Protocol{policy.TCP, policy.UDP}[d.choose(2)]
	switch d.choose(10) {
	case 0:
		return space.Ports(p, 0, policy.MaxPort)
	case 1:
		return space.Ports(p, 23, 1000)
	case 2:
		return space.Ports(p, 80, 81)
	case 3:
		return d.icmp(-1)
	case 4:
		return d.icmp(map[policy.Family]int{policy.IPv4: 8, policy.IPv6: 128}[d.family])
	case 5:
		return space.Ports(47, -1, -1)
	}
	port := askedPorts[d.choose(len(askedPorts))]
	return space.Ports(p, port, port)
}

func (d *draw) icmp(kind int) space.Span {
	if d.family == policy.IPv6 {
		return space.Ports(policy.ICMPv6, kind, -1)
	}
	return space.Ports(policy.ICMP, kind, -1)
}

func (d *draw) match() (m Match) {
	if d.choose(3) > 0 {
		for range 1 + d.choose(3) {
			m.Spans = append(m.Spans, d.span())
		}
	}
	if d.choose(2) == 0 {
		l := cidrs[d.family]
		peers := space.PeersOf(netip.MustParsePrefix(l[d.choose(len(l))]))
		if d.choose(4) == 0 {
			peers = anyone(d.family).Minus(peers)
		}
		m.Peers = &peers
	}
	if d.choose(5) == 0 {
		m.Devices = []Device{{namedDevices[d.choose(len(namedDevices))], d.choose(3) == 0}}
	}
	switch d.choose(8) {
	case 0:
		m.States = New
	case 1:
		m.States = Established | Related
	case 2:
		m.Never = d.choose(3) == 0
	}
	if !d.known && d.choose(4) == 0 {
		m.Unsaid = &Unsaid{Why: "it asks for the weather"}
	}
	return m
}

// rules are those of a chain that may jump to the ones from a number on.
func (d *draw) rules(n, jumps int) (out []Rule) {
	for range n {
		d.line++
		r := Rule{Pos: policy.Pos{File: "f", Line: d.line, Col: 1}, Match: d.match()}
		r.Verdict = []Verdict{Accept, Accept, Accept, Drop, Drop, Jump, Goto, Return,
			Continue}[d.choose(9)]
		if d.loops {
			jumps = 0
		}
		if r.Verdict == Jump || r.Verdict == Goto {
			if jumps == len(chainNames) {
				r.Verdict = Return
			} else {
				r.To = chainNames[jumps+d.choose(len(chainNames)-jumps)]
			}
		}
		out = append(out, r)
	}
	return out
}

// firewall draws one. Established connections pass, or nothing of it would be a policy.
func (d *draw) firewall() Firewall {
	f := Firewall{Pos: policy.Pos{File: "f", Line: 1, Col: 1}, Family: d.family}
	d.line = max(d.line, 1)
	for dir := range f.Chains {
		f.Chains[dir] = map[string]*Chain{}
		for i, name := range chainNames {
			f.Chains[dir][name] = &Chain{Pos: f.Pos, Rules: d.rules(d.choose(4), i+1)}
		}
		c := &Chain{Pos: f.Pos, Policy: []Verdict{Drop, Drop, Accept}[d.choose(3)]}
		if d.known || d.choose(8) > 0 {
			d.line++
			c.Rules = []Rule{{Pos: policy.Pos{File: "f", Line: d.line, Col: 1}, Verdict: Accept,
				Match: Match{States: Established | Related}}}
		}
		c.Rules = append(c.Rules, d.rules(1+d.choose(6), 0)...)
		switch {
		case dir == int(policy.Ingress):
			f.In = c
		case d.choose(3) > 0:
			f.Out = c
		}
	}
	return f
}

// packets are all that are asked about.
func packets(f policy.Family, yield func(packet)) {
	for dir := range policy.Direction(2) {
		for _, device := range askedDevices {
			for _, peer := range askedPeers[f] {
				p := packet{dir: dir, device: device, state: New, peer: netip.MustParseAddr(peer)}
				for _, p.protocol = range []policy.Protocol{policy.TCP, policy.UDP} {
					for _, p.low = range askedPorts {
						yield(p)
					}
				}
				p.protocol = policy.ICMP
				kinds := []int{8, 3, 11}
				if f == policy.IPv6 {
					p.protocol, kinds = policy.ICMPv6, []int{128, 1, 3}
				}
				for _, kind := range kinds {
					p.low = kind << 8
					yield(p)
				}
				for _, p.protocol = range []policy.Protocol{47, 50} {
					p.low = 0
					yield(p)
				}
			}
		}
	}
}

// listing is a firewall in words, for messages.
func listing(f *Firewall) string {
	out := ""
	say := func(name string, c *Chain) {
		if c == nil {
			return
		}
		out += fmt.Sprintf("%s, policy %d\n", name, c.Policy)
		for _, r := range c.Rules {
			out += fmt.Sprintf("  %d: verdict %d to %q, %+v", r.Pos.Line, r.Verdict, r.To, r.Match)
			if r.Match.Peers != nil {
				out += fmt.Sprintf(", peers %v", r.Match.Peers.CIDRs())
			}
			out += "\n"
		}
	}
	say("in", f.In)
	say("out", f.Out)
	for dir, chains := range f.Chains {
		for _, name := range chainNames {
			say(fmt.Sprint(dir, " ", name), chains[name])
		}
	}
	return out
}

// tally counts what was compared.
type tally struct{ firewalls, permitted, dropped, onlyThere int }

// compare holds the policy of a firewall against the twin. What the policy permits passes by
// the chains whatever uncertain rules do; with exact the policy permits what passes, too,
// but for protocols without ports or types in use, which a notice says.
func (n *tally) compare(t *testing.T, f *Firewall, r imported, exact bool) {
	t.Helper()
	n.firewalls++
	packets(f.Family, func(p packet) {
		permitted, a := r.permits(p), twin{t, f, p}.verdict()
		switch {
		case permitted:
			n.permitted++
		case a.accepted && !a.dropped:
			n.onlyThere++
		default:
			n.dropped++
		}
		if permitted && (a.dropped || !a.accepted) {
			t.Fatalf("%+v is permitted, and may be dropped in the source: %+v\n%s", p, a, listing(f))
		}
		if exact && !permitted && !a.dropped && (p.protocol.HasPorts() || p.protocol.IsICMP()) {
			t.Fatalf("%+v is not permitted, and passes in the source\n%s", p, listing(f))
		}
	})
}

// TestWalkAgainstNaive: random firewalls, packet by packet.
func TestWalkAgainstNaive(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, known := range []bool{true, false} {
		var n tally
		for i := range 600 {
			d := &draw{choose: random.IntN, family: families[i%2], known: known}
			f := d.firewall()
			if r := translated([]Firewall{f}, nil); r.Policy != nil {
				n.compare(t, &f, r, known)
			}
		}
		t.Logf("only what groups can say: %v: %+v", known, n)
		if n.firewalls < 300 || n.permitted < 10000 || n.dropped < 10000 {
			t.Error("this shows little")
		}
	}
}

// FuzzWalk: whatever the chains, also such that jump in circles, there is an answer, and the
// policy permits nothing that may be dropped in the source.
func FuzzWalk(f *testing.F) {
	f.Add([]byte("a few chains of rules that jump to each other, and what is accepted of them"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 250, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 9, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			c := int(data[0]) % n
			data = data[1:]
			return c
		}
		d := &draw{choose: next, family: families[next(2)], loops: next(2) == 0}
		fw := d.firewall()
		if r := translated([]Firewall{fw}, nil); r.Policy != nil {
			(&tally{}).compare(t, &fw, r, false)
		}
	})
}
