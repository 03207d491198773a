package filter

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/test/wire"
)

// TestHeadersBetween: a packet with extension headers passes as any other and is not given to
// the kernel, whose rules know none of it: nothing would count it there. So the flow is given
// with the next plain one, of which the first count is taken off, and no other.
func TestHeadersBetween(t *testing.T) {
	from := netip.MustParseAddrPort("[2001:db8::7]:40000")
	to := netip.MustParseAddrPort("[2001:db8:1::1]:53")
	b := newBench(t, onePolicy(all6))
	b.Engine = NewEngine(Config{MaxFlows: 1000, Offload: true,
		Rooms: Rooms{conntrack.CarryOpening: {Flows: 100, Lifetime: time.Minute}},
		Clock: func() conntrack.Time { return b.now }},
		b.compiler.Compile(onePolicy(all6), nil).WithLinks(testLinks))
	b.Worker = b.NewWorker()
	path := Path{In: 2, Src: conntrack.AddrFrom(from.Addr()), Dst: conntrack.AddrFrom(to.Addr()),
		SrcPort: from.Port(), DstPort: to.Port(), Proto: wire.ProtoUDP}
	sends := func(want conntrack.Carriage, options ...wire.Option) {
		t.Helper()
		if v := b.in(wire.UDP(from, to, []byte("question"), options...)); !v.Accept() {
			t.Fatalf("dropped: %v", v.Reason)
		}
		if got := b.Carriage(); got != want {
			t.Errorf("carried %v, want %v", got, want)
		}
	}
	counts := func(packets uint64, want uint32) {
		t.Helper()
		b.Begin()
		b.Credit(path, conntrack.Seen{Packets: packets, Bytes: 56 * packets})
		b.End()
		b.Flows().Range(b.Now(), func(f conntrack.FlowInfo) bool {
			if f.Packets != [2]uint32{want, 0} {
				t.Errorf("counted %v packets, want %d", f.Packets, want)
			}
			return true
		})
	}
	sends(conntrack.CarryNone, wire.DestinationOptions(1, 4, 0, 0, 0, 0))
	sends(conntrack.CarryNone, wire.HopByHop(1, 4, 0, 0, 0, 0))
	counts(3, 5) // of another packet that was carried before
	sends(conntrack.CarryOpening)
	counts(3, 8) // the one that it was given with is in there
}
