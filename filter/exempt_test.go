package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/parity"
)

// Addresses of exempt services, and a name server.
var (
	metadata   = [4]byte{169, 254, 169, 254}
	timeServer = [4]byte{169, 254, 169, 123}
	resolver   = [4]byte{203, 0, 113, 53}
)

// exempting is a policy without rules that exempts services.
func exempting(services ...policy.Exemption) *policy.Policy {
	p := onePolicy()
	for _, x := range services {
		p.Settings.Exempt = p.Settings.Exempt.With(x)
	}
	return p
}

// name gives the ruleset its name server.
func (b *bench) name(p *policy.Policy, servers ...string) {
	var list []netip.Addr
	for _, s := range servers {
		list = append(list, netip.MustParseAddr(s))
	}
	b.Publish(b.compiler.Compile(p, nil).WithResolvers(list).WithLinks(testLinks))
}

// TestExempt: what the machine asks an exempt service passes without rules, and
// so does the answer; nothing else does (X1, X2). Nothing of it is tracked.
func TestExempt(t *testing.T) {
	parity.Proves(t, "X1", "X2")
	const syn, ack, synAck = conntrack.SYN, conntrack.ACK, conntrack.SYN | conntrack.ACK
	type packet struct {
		what string
		out  bool
		raw  []byte
		by   policy.Exemption // NoExemption: it does not pass
	}
	for _, c := range []struct {
		exemption policy.Exemption
		packets   []packet
	}{
		{policy.ExemptResolvers, []packet{
			{"answer before the request", false, udp4(resolver, us, 53, 5000), 0},
			{"request", true, udp4(us, resolver, 5000, 53), policy.ExemptResolvers},
			{"answer", false, udp4(resolver, us, 53, 5000), policy.ExemptResolvers},
			{"another answer", false, udp4(resolver, us, 53, 5000), policy.ExemptResolvers},
			{"answer to another port", false, udp4(resolver, us, 53, 5001), 0},
			{"answer from another port", false, udp4(resolver, us, 54, 5000), 0},
			{"answer of somebody else", false, udp4(client, us, 53, 5000), 0},
			{"answer by TCP", false, tcp4(resolver, us, 53, 5000, 1, 2, ack), 0},
			{"port 54", true, udp4(us, resolver, 5000, 54), 0},
			{"another server", true, udp4(us, client, 5000, 53), 0},
			{"ping", true, icmp4(us, resolver, 8, 0, 1, nil), 0},
			{"a request to us", false, udp4(resolver, us, 5000, 53), 0},
			{"SYN", true, tcp4(us, resolver, 6000, 53, 1, 0, syn), policy.ExemptResolvers},
			{"SYN-ACK", false, tcp4(resolver, us, 53, 6000, 9, 2, synAck), policy.ExemptResolvers},
			{"data", true, tcp4(us, resolver, 6000, 53, 2, 10, ack), policy.ExemptResolvers},
			{"data back", false, tcp4(resolver, us, 53, 6000, 10, 3, ack), policy.ExemptResolvers},
			{"a SYN back", false, tcp4(resolver, us, 53, 6000, 10, 0, syn), 0},
			{"a connection to us", false, tcp4(resolver, us, 53, 22, 1, 0, syn), 0},
			{"and its middle", false, tcp4(resolver, us, 53, 22, 2, 2, ack), 0},
			{"error about the request", false, icmp4(client, us, 3, 4, 1400, udp4(us, resolver, 5000, 53)),
				policy.ExemptResolvers},
			{"error about what was not asked", false,
				icmp4(client, us, 3, 4, 1400, udp4(us, resolver, 5001, 53)), 0},
			{"error for somebody else", false,
				icmp4(client, other, 3, 4, 1400, udp4(us, resolver, 5000, 53)), 0},
		}},
		{policy.ExemptMetadata, []packet{
			{"SYN", true, tcp4(us, metadata, 6000, 80, 1, 0, syn), policy.ExemptMetadata},
			{"SYN-ACK", false, tcp4(metadata, us, 80, 6000, 9, 2, synAck), policy.ExemptMetadata},
			{"ECS", true, tcp4(us, [4]byte{169, 254, 170, 2}, 6000, 80, 1, 0, syn), policy.ExemptMetadata},
			{"HTTPS", true, tcp4(us, metadata, 6000, 443, 1, 0, syn), 0},
			{"UDP", true, udp4(us, metadata, 6000, 80), 0},
			{"the time server's port 80", true, tcp4(us, timeServer, 6000, 80, 1, 0, syn), 0},
			{"anybody's port 80", true, tcp4(us, client, 6000, 80, 1, 0, syn), 0},
			{"DNS of the metadata address", true, udp4(us, metadata, 6000, 53), 0},
			{"a connection to us", false, tcp4(metadata, us, 80, 22, 1, 0, syn), 0},
		}},
		{policy.ExemptTime, []packet{
			{"request", true, udp4(us, timeServer, 123, 123), policy.ExemptTime},
			{"answer", false, udp4(timeServer, us, 123, 123), policy.ExemptTime},
			{"answer to another port", false, udp4(timeServer, us, 123, 124), 0},
			{"port 124", true, udp4(us, timeServer, 123, 124), 0},
			{"TCP", true, tcp4(us, timeServer, 6000, 123, 1, 0, syn), 0},
			{"another server", true, udp4(us, client, 123, 123), 0},
		}},
	} {
		t.Run(c.exemption.String(), func(t *testing.T) {
			b := newBench(t, onePolicy())
			for _, on := range []bool{true, false} {
				p := exempting()
				for _, x := range policy.Exemptions() {
					if (x == c.exemption) == on {
						p.Settings.Exempt = p.Settings.Exempt.With(x)
					}
				}
				b.name(p, "203.0.113.53")
				want := uint64(0)
				for _, packet := range c.packets {
					send := b.in
					if packet.out {
						send = b.out
					}
					v := send(packet.raw)
					switch {
					case on && packet.by != policy.NoExemption:
						want++
						if v.Reason.Exemption() != packet.by || !v.Accept() {
							t.Errorf("%s: %s", packet.what, v.Reason)
						}
					case v.Accept():
						t.Errorf("on %v: %s: passes: %s", on, packet.what, v.Reason)
					}
				}
				if on {
					if n := b.Counts()[ExemptReason(c.exemption)]; n != want {
						t.Errorf("%d packets counted, %d passed", n, want)
					}
				}
			}
			if n := b.Flows().Len(); n != 0 {
				t.Errorf("%d flows: exempt exchanges are not tracked", n)
			}
		})
	}
}

// TestExemptTime: an answer has as long as AWS gives it, and a connection longer.
func TestExemptTime(t *testing.T) {
	b := newBench(t, exempting(policy.ExemptTime, policy.ExemptMetadata))
	expect(t, "request", b.out(udp4(us, timeServer, 123, 123)), ReasonExemptTime)
	expect(t, "SYN", b.out(tcp4(us, metadata, 6000, 80, 1, 0, conntrack.SYN)), ReasonExemptMetadata)
	b.wait(29 * time.Second)
	expect(t, "answer after 29 s", b.in(udp4(timeServer, us, 123, 123)), ReasonExemptTime)
	b.wait(3 * time.Second)
	expect(t, "answer after 32 s", b.in(udp4(timeServer, us, 123, 123)), ReasonNoRule)
	expect(t, "segment after 32 s", b.in(tcp4(metadata, us, 80, 6000, 9, 2, conntrack.ACK)),
		ReasonExemptMetadata)
	b.wait(connectionTime)
	expect(t, "segment an hour later", b.in(tcp4(metadata, us, 80, 6000, 9, 2, conntrack.ACK)),
		ReasonNotAFlow)
}

// TestExemptFragment: a fragment passes to an exempt service and asks it nothing, so
// that nobody is answered who sends the first of several alone (T25).
func TestExemptFragment(t *testing.T) {
	parity.Proves(t, "T25")
	b := newBench(t, exempting(policy.ExemptTime, policy.ExemptMetadata))
	for _, c := range []struct {
		what             string
		request, another []byte // the same from another port
		answer           func(port uint16) []byte
		by               Reason
	}{
		{"UDP", udp4(us, timeServer, 123, 123), udp4(us, timeServer, 124, 123),
			func(port uint16) []byte { return udp4(timeServer, us, 123, port) },
			ReasonExemptTime},
		{"TCP", tcp4(us, metadata, 123, 80, 1, 0, conntrack.SYN),
			tcp4(us, metadata, 124, 80, 1, 0, conntrack.SYN),
			func(port uint16) []byte {
				return tcp4(metadata, us, 80, port, 9, 2, conntrack.SYN|conntrack.ACK)
			},
			ReasonExemptMetadata},
	} {
		first := slices.Concat(c.request, make([]byte, 24)) // the payload is a multiple of 8
		first = first[:20+(len(c.request)-20+7)/8*8]
		binary.BigEndian.PutUint16(first[2:], uint16(len(first)))
		first[6] = 0x20 // more fragments
		expect(t, c.what+": first fragment", b.out(first), c.by)
		b.commitAlone(t, conntrack.Egress, first)
		if v := b.in(c.answer(123)); v.Accept() {
			t.Errorf("%s: a fragment opens an answer: %s", c.what, v.Reason)
		}
		expect(t, c.what+": whole", b.out(c.another), c.by)
		expect(t, c.what+": its answer", b.in(c.answer(124)), c.by)
	}
}

// commitAlone judges a packet without a flow and does what the decision says, whoever else
// would leave that out.
func (b *bench) commitAlone(t *testing.T, d conntrack.Direction, raw []byte) {
	t.Helper()
	var p packet.Packet
	if f := p.Parse(packet.Frame{Bytes: raw}); f != packet.NoFault {
		t.Fatal(f)
	}
	a, s := b.Ruleset().Device("eth0"), conntrack.PacketMeta{}
	fillMeta(&s, &p, d)
	hook := HookInput
	if d == conntrack.Egress {
		hook = HookOutput
	}
	tuple := p.Tuple(a.Scope, d)
	entry := b.Flows().Lock(&tuple, b.now)
	defer entry.Unlock()
	dec := Judge(a, hook, &p, &s, nil)
	dec.Commit(&entry, a, &s, b.now)
}

// TestExemptFullTable: a full table stops what needs an entry, not what is exempt
// (T30, X1).
func TestExemptFullTable(t *testing.T) {
	parity.Proves(t, "X1")
	p := exempting(policy.ExemptTime)
	p.Groups[0].Ingress = []policy.Rule{tcpRule(80, "0.0.0.0/0")}
	b := newBench(t, p)
	full := false
	for i := range 2000 {
		peer := [4]byte{10, 0, byte(i >> 8), byte(i)}
		if b.in(tcp4(peer, us, 40000, 80, 1, 0, conntrack.SYN)).Reason == ReasonTableFull {
			full = true
			break
		}
		b.out(tcp4(us, peer, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(peer, us, 40000, 80, 2, 10, conntrack.ACK))
	}
	if !full {
		t.Fatal("the table took 2000 flows")
	}
	expect(t, "request", b.out(udp4(us, timeServer, 123, 123)), ReasonExemptTime)
	expect(t, "answer", b.in(udp4(timeServer, us, 123, 123)), ReasonExemptTime)
}

// TestExemptResolvers: the name servers are those of now. Those that no packet of
// a device can be for do not count, one with a link-local address counts on its
// own device.
func TestExemptResolvers(t *testing.T) {
	b := newBench(t, onePolicy())
	p := exempting(policy.ExemptResolvers)
	ask := func(to [4]byte) Verdict { return b.out(udp4(us, to, 5000, 53)) }
	b.name(p)
	expect(t, "none known", ask(resolver), ReasonNoRule)
	b.name(p, "127.0.0.53", "203.0.113.53", "203.0.113.53", "0.0.0.0", "::1", "ff02::53",
		"255.255.255.255")
	expect(t, "the one", ask(resolver), ReasonExemptResolvers)
	for _, a := range [][4]byte{{127, 0, 0, 53}, {0, 0, 0, 0}, {255, 255, 255, 255}} {
		expect(t, netip.AddrFrom4(a).String(), ask(a), ReasonNoRule)
	}
	if e := b.Ruleset().Exempt()[0]; !e.On || len(e.Addresses) != 1 ||
		e.Addresses[0] != netip.AddrFrom4(resolver) {
		t.Errorf("listed as %+v", e)
	}
	b.name(p, "203.0.113.7", "::ffff:198.51.100.7")
	expect(t, "no longer", ask(resolver), ReasonNoRule)
	expect(t, "its answer", b.in(udp4(resolver, us, 53, 5000)), ReasonNoRule)
	expect(t, "the new one", ask(other), ReasonExemptResolvers)

	b.name(p, "fe80::53%eth1")
	q := Query{
		Device: "eth1", Direction: conntrack.Egress, Protocol: conntrack.ProtoUDP,
		Src: netip.MustParseAddr("fe80::1"), SrcPort: 5000, Dst: netip.MustParseAddr("fe80::53"),
		DstPort: 53,
	}
	two := exempting(policy.ExemptResolvers)
	two.Interfaces = append(two.Interfaces,
		policy.Interface{Device: "eth1", Groups: []string{two.Groups[0].Name},
			Timeouts: policy.DefaultTimeouts})
	// A zone is a device's name, or its number.
	links := []member.Link{{Name: "eth0", Index: 1}, {Name: "eth1", Index: 2}}
	for _, zone := range []string{"eth1", "2"} {
		b.name(two, "fe80::53%"+zone)
		rs := b.Ruleset().WithLinks(links)
		for device, want := range map[string]Reason{
			"eth1": ReasonExemptResolvers, "eth0": ReasonNoRule} {
			q.Device = device
			x := Explain(rs, b.Flows(), b.now, q)
			expect(t, zone+", "+device, x.Verdict, want)
			expect(t, zone+", "+device+": the answer", x.Reply, want)
			expect(t, zone+", "+device+": the answer alone", x.ReplyAlone, ReasonNoRule)
		}
	}
}

// TestExemptForward: what a host routes is not its own traffic; a guest's is
// exempt wherever it goes, but for metadata that another machine answers (X6).
func TestExemptForward(t *testing.T) {
	parity.Proves(t, "X6")
	services := []policy.Exemption{policy.ExemptResolvers, policy.ExemptMetadata, policy.ExemptTime}
	b := newBench(t, exempting(services...))
	b.name(exempting(services...), "203.0.113.53")
	expect(t, "a container's request", b.cross(HookForward, 4, 2, udp4(client, resolver, 5000, 53)),
		ReasonNoRule)
	expect(t, "a container's time", b.cross(HookForward, 4, 2, udp4(client, timeServer, 5000, 123)),
		ReasonNoRule)
	expect(t, "a container's metadata",
		b.cross(HookForward, 4, 2, tcp4(client, metadata, 5000, 80, 1, 0, conntrack.SYN)), ReasonNoRule)
	expect(t, "the host's request", b.out(udp4(client, resolver, 5000, 53)), ReasonExemptResolvers)
	expect(t, "its answer to a container",
		b.cross(HookForward, 2, 4, udp4(resolver, client, 53, 5000)), ReasonNoRule)

	p := exempting(services...)
	p.Interfaces[0].Mode, p.Interfaces[0].Addresses,
		p.Interfaces[0].SourceDestCheck = policy.ModeGuest, []netip.Addr{netip.AddrFrom4(us)}, true
	b = newBench(t, p)
	b.name(p, "203.0.113.53")
	for _, c := range []struct {
		what     string
		there    []byte
		back     []byte
		forward  Reason // of the question, as it is routed
		to, from Reason // as this machine answers it
	}{
		{"resolvers", udp4(us, resolver, 5000, 53), udp4(resolver, us, 53, 5000), ReasonExemptResolvers,
			ReasonExemptResolvers, ReasonExemptResolvers},
		{"time", udp4(us, timeServer, 5000, 123), udp4(timeServer, us, 123, 5000), ReasonExemptTime,
			ReasonExemptTime, ReasonExemptTime},
		{"metadata", tcp4(us, metadata, 5000, 80, 1, 0, conntrack.SYN),
			tcp4(metadata, us, 80, 5000, 9, 2, conntrack.SYN|conntrack.ACK),
			ReasonNoRule, ReasonExemptMetadata, ReasonExemptMetadata},
		{"a forged source", udp4(other, resolver, 5000, 53), udp4(resolver, other, 53, 5000),
			ReasonSourceDestCheck, ReasonSourceDestCheck, ReasonSourceDestCheck},
	} {
		expect(t, "guest: "+c.what+", routed", b.cross(HookForward, 2, 4, c.there), c.forward)
		expect(t, "guest: "+c.what, b.cross(HookInput, 2, 0, c.there), c.to)
		expect(t, "guest: "+c.what+", answer", b.cross(HookOutput, 0, 2, c.back), c.from)
		if back := b.cross(HookForward, 4, 2, c.back); back.Accept() != c.forward.Accepts() {
			t.Errorf("guest: %s, answer routed: %s", c.what, back.Reason)
		}
	}
	expect(t, "guest: we ask it", b.cross(HookOutput, 0, 2, udp4(other, us, 5000, 53)), ReasonNoRule)
}

// TestCutFailsafes: what is switched off is left to the rules, and nothing else.
func TestCutFailsafes(t *testing.T) {
	parity.Proves(t, "X2", "X3")
	offer := udp4(client, us, 67, 68)
	for _, cut := range policy.Failsafes() {
		p := onePolicy()
		p.Settings.CutFailsafes = p.Settings.CutFailsafes.With(cut)
		b := newBench(t, p)
		want := ReasonFailsafe
		if cut == policy.DHCPClient {
			want = ReasonNoRule
		}
		expect(t, "offer without "+cut.String(), b.in(offer), want)
		ip6 := Query{
			Device: "eth0", Protocol: conntrack.ProtoICMPv6, ICMPType: 135, HopLimit: 255,
			Src: netip.MustParseAddr("fe80::2"), Dst: netip.MustParseAddr("fe80::1"),
		}
		want = ReasonFailsafe
		if cut == policy.NeighbourDiscovery {
			want = ReasonNoRule
		}
		x := Explain(b.Ruleset(), nil, 0, ip6)
		expect(t, "solicitation without "+cut.String(), x.Verdict, want)
		if (x.Failsafe == policy.NoFailsafe) != (cut == policy.NeighbourDiscovery) {
			t.Errorf("without %s: named %q", cut, x.Failsafe)
		}
	}
	p := onePolicy(policy.Rule{Protocol: policy.UDP, From: 68, To: 68,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}})
	p.Settings.CutFailsafes = p.Settings.CutFailsafes.With(policy.DHCPClient)
	expect(t, "offer by a rule", newBench(t, p).in(offer), ReasonRule)
}

// TestPendingRequestsAgainstNaive compares pending requests with a map while it has room
// for all of them.
func TestPendingRequestsAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	q := newPendingRequests()
	naive := make(map[conntrack.Tuple]uint32)
	now := uint32(1)
	open, shut := 0, 0
	for range 200_000 {
		var tuple conntrack.Tuple
		proto := []uint8{conntrack.ProtoUDP, conntrack.ProtoTCP}[rng.IntN(2)]
		tuple.Set(conntrack.Scope(rng.IntN(3)), conntrack.Egress, proto, conntrack.Addr4(us),
			conntrack.Addr4(resolver), uint16(rng.IntN(200)), 53)
		switch rng.IntN(8) {
		case 0:
			q.note(q.of(&tuple))
			naive[tuple] = now
		case 1:
			if rng.IntN(10) == 0 {
				now += uint32(rng.IntN(40))
				q.tick(conntrack.Time(time.Duration(now-1) * time.Second))
			}
		default:
			limit := uint32(30)
			if proto == conntrack.ProtoTCP {
				limit = 3600
			}
			at, asked := naive[tuple]
			want := asked && now-at <= limit
			if got := q.open(q.of(&tuple), proto); got != want {
				t.Fatalf("open %v, want %v: asked %v, %d s ago", got, want, asked, now-at)
			}
			if want {
				open++
			} else {
				shut++
			}
		}
	}
	if open < 1000 || shut < 1000 {
		t.Errorf("%d open, %d shut: the test is one-sided", open, shut)
	}
}

// TestPendingRequestsOverflow: however many requests there are, the latest is known.
func TestPendingRequestsOverflow(t *testing.T) {
	q := newPendingRequests()
	var tuple conntrack.Tuple
	for i := range 4 * pendingBuckets * pendingWays {
		q.tick(conntrack.Time(time.Duration(i) * time.Millisecond / 10))
		tuple.Set(1, conntrack.Egress, conntrack.ProtoUDP,
			conntrack.Addr4([4]byte{10, 0, byte(i >> 24), byte(i >> 16)}), conntrack.Addr4(resolver),
			uint16(i), 53)
		q.note(q.of(&tuple))
		if !q.open(q.of(&tuple), conntrack.ProtoUDP) {
			t.Fatalf("request %d is forgotten at once", i)
		}
	}
}

// TestExemptAllocates: nothing, whether packets are exempt or not.
func TestExemptAllocates(t *testing.T) {
	b := newBench(t, exempting(policy.ExemptTime))
	for what, raw := range map[string][]byte{
		"answer": udp4(timeServer, us, 123, 123),
		"other":  udp4(client, us, 123, 123),
	} {
		for range 2 * RecentDrops {
			b.in(raw)
		}
		question := udp4(us, timeServer, 123, 123)
		if n := testing.AllocsPerRun(200, func() { b.out(question); b.in(raw) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
