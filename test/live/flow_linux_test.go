package live

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// liveKind is a kind of flow.
type liveKind struct {
	name     string
	protocol uint8
	// port is what the opener asks for; the type of a ping.
	port int
	// opens has one letter for each packet until the flow is what its name says: o
	// for the opener, a for the other side.
	opens string
}

var liveKinds = []liveKind{
	{"TCP", wire.ProtoTCP, 4443, "oaooa"},
	{"UDP stream", wire.ProtoUDP, 5353, "oaoa"},
	{"UDP without an answer", wire.ProtoUDP, 5354, "o"},
	{"ping", wire.ProtoICMP, wire.ICMPEcho, "oa"},
	{"GRE", wire.ProtoGRE, -1, "oa"},
	{"ESP without an answer", wire.ProtoESP, -1, "o"},
}

// liveAccess is how a rule names the far end of a flow.
type liveAccess int

const (
	byCIDR liveAccess = iota
	byEverybody
	byList
	byGroup
	byNothing // until a change adds rules
	liveAccesses
)

var accessNames = [...]string{
	"by CIDR", "for everybody", "by prefix list", "by group", "without a rule"}

// widePorts lie above those of the other rules, which everybody would be part of.
const widePorts = 1000

// liveEntry is what is known of a flow in one home.
type liveEntry struct {
	// byOpener is false if the first packet was the other side's.
	byOpener, tracked bool
}

// liveFlow is one flow. No host has its addresses, so that no stack answers.
type liveFlow struct {
	kind   *liveKind
	access liveAccess
	near   bool          // the opener
	ends   [2]netip.Addr // near, far
	port   int           // of the opener; the identifier of a ping
	known  map[string]*liveEntry
	// begins is true while a SYN is judged.
	begins bool
	next   [2]uint32 // sequence numbers of the opener and the other side
}

func (f *liveFlow) String() string {
	return fmt.Sprintf("%s %s %s", harness.FamilyName(f.ends[0]), f.kind.name, accessNames[f.access])
}

func (f *liveFlow) fromNear(fromOpener bool) bool { return f.near == fromOpener }

// peer is the end that is not protected.
func (f *liveFlow) peer(p *livePolicy) netip.Addr {
	if p.guest {
		return f.ends[1]
	}
	return f.ends[0]
}

func (f *liveFlow) protocol() uint8 {
	if f.kind.protocol == wire.ProtoICMP {
		return harness.IcmpOf(f.ends[0])
	}
	return f.kind.protocol
}

// asked is what rules compare: the destination port of a packet, or its type.
func (f *liveFlow) asked(fromOpener bool) int {
	switch {
	case f.kind.protocol == wire.ProtoICMP && f.ends[0].Is6():
		return map[bool]int{true: wire.ICMPv6Echo, false: wire.ICMPv6EchoReply}[fromOpener]
	case f.kind.protocol == wire.ProtoICMP:
		return map[bool]int{true: wire.ICMPEcho, false: wire.ICMPEchoReply}[fromOpener]
	case f.kind.port < 0:
		return 0
	case !fromOpener:
		return f.port
	case f.access == byEverybody:
		return f.kind.port + widePorts
	}
	return f.kind.port
}

// between are the source and the destination of a packet.
func (f *liveFlow) between(fromOpener bool) (src, dst netip.AddrPort) {
	src, dst = harness.AddrPort(f.ends[0], f.asked(!f.near)),
		harness.AddrPort(f.ends[1], f.asked(f.near))
	if f.fromNear(fromOpener) {
		return src, dst
	}
	return dst, src
}

// packet is the next packet of a side. nth counts the packets of the flow's
// beginning, and is beyond them later.
func (f *liveFlow) packet(fromOpener bool, nth int, content []byte) []byte {
	src, dst := f.between(fromOpener)
	switch f.kind.protocol {
	case wire.ProtoTCP:
		me, other := 0, 1
		if !fromOpener {
			me, other = 1, 0
		}
		flags := wire.ACK | wire.PSH
		ack := f.next[other]
		switch {
		case nth == 0:
			flags, ack = wire.SYN, 0
		case nth == 1:
			flags = wire.SYN | wire.ACK
		}
		return wire.TCP(src, dst, flags, f.next[me], ack, content)
	case wire.ProtoUDP:
		return wire.UDP(src, dst, content)
	case wire.ProtoICMP:
		if fromOpener {
			return wire.Echo(src.Addr(), dst.Addr(), uint16(f.port), uint16(nth), content)
		}
		return wire.EchoReply(src.Addr(), dst.Addr(), uint16(f.port), uint16(nth), content)
	}
	return wire.Proto(src.Addr(), dst.Addr(), f.kind.protocol, content)
}

// passed moves the sequence numbers on.
func (f *liveFlow) passed(fromOpener bool, nth, bytes int) {
	me := 0
	if !fromOpener {
		me = 1
	}
	if nth < 2 {
		bytes = 1 // what comes with SYN is not acknowledged here
	}
	f.next[me] += uint32(bytes)
}

// key is how lists of flows name it under a policy.
func (f *liveFlow) key(guest bool) string {
	local, remote := f.ends[1], f.ends[0]
	if guest {
		local, remote = remote, local
	}
	if f.kind.protocol != wire.ProtoTCP && f.kind.protocol != wire.ProtoUDP {
		return fmt.Sprintf("%d %s %s", f.protocol(), local, remote)
	}
	a, b := f.between(f.near)
	if !guest {
		a, b = b, a
	}
	return fmt.Sprintf("%d %s %s", f.protocol(), a, b)
}

// liveProbe is one packet and what must become of it.
type liveProbe struct {
	what     string
	fromNear bool
	packet   func(content []byte) []byte
	pass     bool
}

// liveLab is near — fw — far. What the policy manages is fw's eth0, towards near.
type liveLab struct {
	fw    *netlab.Host
	sides [2]*netlab.Device // near, far
	sees  [2]*netlab.Capture
	d     *harness.Daemon
	n     int // flows, and packets
	sent  int
}

// Where the two sides of a lab have their addresses, by family.
var liveNets = [2][2]netip.Prefix{
	{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/48")},
	{netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("fd00:2::/48")},
}

// liveAddr is an address of a side; the peers that a rule names have the number of
// its access, the protected ends those of their flows.
func liveAddr(side, family int, a, b byte) netip.Addr {
	bytes := liveNets[side][family].Addr().AsSlice()
	n := len(bytes)
	if family == 1 {
		bytes[7] = a // a /64 of its own
	}
	bytes[n-2], bytes[n-1] = a, b
	out, _ := netip.AddrFromSlice(bytes)
	return out
}

func newLiveLab(t *testing.T, policy string) *liveLab {
	t.Helper()
	link := func(side, dev string, n int) netlab.LinkSpec {
		prefix := func(host int) []netip.Prefix {
			return []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/28", 16*n+host)),
				netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::%d/64", n, host)),
			}
		}
		return netlab.LinkSpec{
			A:          netlab.End{Host: side, Dev: "eth0", Addrs: prefix(2)},
			B:          netlab.End{Host: "fw", Dev: dev, Addrs: prefix(1)},
			Neighbours: netlab.NeighboursStatic, Offload: netlab.OffloadOff,
		}
	}
	fw := netlab.HostSpec{Name: "fw", Forward: true}
	for side := range 2 {
		for i, via := range []string{fmt.Sprintf("192.0.2.%d", 16*side+2),
			fmt.Sprintf("2001:db8:%d::2", side)} {
			fw.Routes = append(fw.Routes, netlab.Route{Dst: liveNets[side][i], Via: harness.IP(via)})
		}
	}
	leaf := func(name string, n int) netlab.HostSpec {
		return netlab.HostSpec{Name: name,
			Routes: netlab.DefaultRoutes(harness.IP(fmt.Sprintf("192.0.2.%d", 16*n+1)))}
	}
	lab := labtest.New(t, netlab.Topology{
		Hosts: []netlab.HostSpec{fw, leaf("near", 0), leaf("far", 1)},
		Links: []netlab.LinkSpec{link("near", "eth0", 0), link("far", "eth1", 1)},
	})
	l := &liveLab{fw: lab.Host("fw")}
	for i, name := range []string{"near", "far"} {
		l.sides[i] = lab.Host(name).Device("eth0")
		l.sees[i] = labtest.Capture(t, lab.Host(name), "eth0", netlab.CaptureOptions{})
	}
	l.d = harness.Enforce(t, l.fw, policy)
	return l
}

// oneCPU keeps what the test sends in order, see shooter.pin. The thread ends with
// the goroutine.
func oneCPU(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(may) * 64 {
		if may.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
}

// liveMark begins the content of every packet of the test; a number follows.
const liveMark = "live="

func liveContent(n int) []byte { return fmt.Appendf(nil, liveMark+"%09d", n) }

// liveBurst is how many packets are under way at once: few enough for the backlog
// of a CPU, which all namespaces share.
const liveBurst = 150

// send sends the probes in order and behind them, from both sides, what passes in
// any case, and compares what has arrived until then.
func (l *liveLab) send(t *testing.T, when string, probes []liveProbe) {
	t.Helper()
	for some := range slices.Chunk(probes, liveBurst) {
		first := l.sent
		for _, p := range some {
			l.put(t, p.fromNear, p.packet)
		}
		arrived := make(map[int]bool)
		var last [2]int
		for side := range last {
			last[side] = l.sent
			l.put(t, side == 0, func(content []byte) []byte {
				// From another port each time: the kernel would let the flow that it carries
				// overtake what waits for a verdict.
				port := liveFirst + l.sent%liveLast
				from, to := harness.AddrPort(liveAddr(side, 0, 99, 1), port),
					harness.AddrPort(liveAddr(1-side, 0, 99, 1), livePort)
				return wire.UDP(from, to, content)
			})
		}
		for side, n := range last {
			to := l.sees[1-side]
			got, err := to.Until(labtest.Within(t, harness.ArrivalTimeout),
				func(p netlab.Packet) bool { return liveNumber(p.Bytes) == n })
			if err != nil {
				t.Fatalf("%s: what passes in any case did not arrive: %v", when, err)
			}
			for _, p := range got {
				arrived[liveNumber(p.Bytes)] = true
			}
			to.Reset()
		}
		for i, p := range some {
			if arrived[first+i] != p.pass {
				t.Errorf("%s: %s: passed: %t, want %t", when, p.what, arrived[first+i], p.pass)
			}
		}
	}
}

// livePort is open in both directions in every policy. What is sent last comes from one of
// the ports from liveFirst on, which nothing else uses.
const (
	livePort  = 9
	liveFirst = 10000
	liveLast  = 9000
)

func (l *liveLab) put(t *testing.T, fromNear bool, packet func(content []byte) []byte) {
	t.Helper()
	from := l.sides[1]
	if fromNear {
		from = l.sides[0]
	}
	if err := from.Send(packet(liveContent(l.sent))); err != nil {
		t.Fatal(err)
	}
	l.sent++
}

// liveNumber is the number of a packet of the test, -1 for any other.
func liveNumber(packet []byte) int {
	i := bytes.Index(packet, []byte(liveMark))
	if i < 0 || len(packet) < i+len(liveMark)+9 {
		return -1
	}
	n, err := strconv.Atoi(string(packet[i+len(liveMark) : i+len(liveMark)+9]))
	if err != nil {
		return -1
	}
	return n
}
