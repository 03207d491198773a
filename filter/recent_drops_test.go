package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sgfw/conntrack"
)

// dropped are the remembered drops from an address to a port of ours.
func dropped(b *bench, from [4]byte, port int) []Drop {
	s := anything
	s.Where = []Condition{WithAddress(netip.PrefixFrom(netip.AddrFrom4(from), 32)),
		WithPort(uint16(port), uint16(port))}
	return b.Recent(100_000, s)
}

// stranger is one of many addresses.
func stranger(n int) [4]byte {
	return [4]byte{100, 64 + byte(n>>16), byte(n >> 8), byte(n)}
}

// TestRecentFolds: equal drops are one, with how many there were and since when,
// whichever queue refused them; others are not.
func TestRecentFolds(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)) // passes
	first := b.now
	second := b.NewWorker()
	for i := range uint16(6) {
		b.now += conntrack.Time(time.Second)
		raw := tcp4(client, us, 40000+i, 81, 1, 0, conntrack.SYN)
		if i%2 == 0 {
			b.in(raw)
			continue
		}
		second.Begin()
		second.Decide(&Event{Frame: frame(raw), In: 2, Hook: HookInput})
		second.End()
	}
	b.in(tcp4(other, us, 40000, 81, 1, 0, conntrack.SYN))
	b.in(tcp4(client, us, 40000, 82, 1, 0, conntrack.SYN))
	b.in(udp4(client, us, 40000, 81))
	b.in(icmp4(client, us, 8, 0, 1, nil))
	b.in(icmp4(client, us, 8, 0, 2, nil))
	// Behind a flow that is gone: segments of many connections to one server.
	b.in(tcp4(client, us, 443, 40001, 1, 1, conntrack.ACK))
	b.in(tcp4(client, us, 443, 40002, 1, 1, conntrack.ACK|conntrack.PSH))
	got := b.Recent(100, anything)
	if len(got) != 6 {
		t.Errorf("%d kinds, want 6: %+v", len(got), got)
	}
	d := dropped(b, client, 81)
	for _, d := range d {
		if d.Kind != got[0].Kind {
			continue
		}
		if d.Count != 6 || d.First != first+conntrack.Time(time.Second) ||
			d.Time != first+conntrack.Time(6*time.Second) || d.Tuple.RemotePort != 40005 {
			t.Errorf("folded: %+v", d)
		}
	}
	if got := b.Recent(2, anything); len(got) != 2 || got[1].Tuple.RemotePort != 443 ||
		got[1].Count != 2 {
		t.Errorf("the last two: %+v", got)
	}
}

// TestRecentKeepsWhatMatters: one drop of its own kind outlives ten times as much noise
// as there is room for, of any sort; the memory stays bounded and whole.
func TestRecentKeepsWhatMatters(t *testing.T) {
	noise := map[string]func(i int) []byte{
		"a scan of all ports": func(i int) []byte {
			return tcp4(other, us, 40000, uint16(10000+i), 1, 0, conntrack.SYN)
		},
		"everybody asks for one service": func(i int) []byte {
			return udp4(stranger(i), us, uint16(i), 1900)
		},
		"broadcasts to many groups": func(i int) []byte {
			return udp4(stranger(i%50), [4]byte{239, 255, 1, 1}, 5353, uint16(5000+i%3000))
		},
	}
	for what, packet := range noise {
		b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
		b.in(tcp4(client, us, 40000, 5432, 1, 0, conntrack.SYN))
		for i := range 10 * RecentDrops {
			b.now += spareEvery // slow enough for each to be recorded
			b.in(packet(i))
		}
		if got := dropped(b, client, 5432); len(got) != 1 {
			t.Errorf("%s: the one that matters is remembered %d times", what, len(got))
		}
		if got := b.Recent(100_000, anything); len(got) > RecentDrops || len(got) < 1000 {
			t.Errorf("%s: %d remembered", what, len(got))
		}
		whole(t, &b.Worker.recent)
	}
}

// TestRecentOfStrangers: where no two drops are alike, the latest are remembered.
func TestRecentOfStrangers(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	r := rand.New(rand.NewPCG(1, 2))
	const total = 4 * RecentDrops
	for range total {
		b.now += spareEvery
		b.in(udp4(stranger(r.IntN(1<<20)), us, 5000, uint16(r.IntN(1<<16))))
	}
	whole(t, &b.Worker.recent)
	latest := 0
	for _, d := range b.Recent(100_000, anything) {
		if b.now-d.Time < RecentDrops/2*spareEvery {
			latest++
		}
	}
	if latest < RecentDrops/2*95/100 {
		t.Errorf("%d of the last %d are remembered", latest, RecentDrops/2)
	}
}

// TestRecentAmidAFlood: of a flood a sample is remembered, and each drop of another kind,
// wherever in a batch it is.
func TestRecentAmidAFlood(t *testing.T) {
	const batches, batch = 3000, 64
	floods := map[string]func(i int) []byte{
		"one service": func(i int) []byte { return udp4(stranger(i), us, uint16(20000+i), 1900) },
		"two in turn": func(i int) []byte {
			return tcp4(stranger(i), us, uint16(20000+i), uint16(8080+i%2), 1, 0, conntrack.SYN)
		},
	}
	for what, packet := range floods {
		b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
		for n := range batches {
			b.now += conntrack.Time(50 * time.Microsecond) // 1,280,000 a second
			b.Begin()
			for i := range batch {
				raw := packet(n*batch + i)
				if n >= batches/2 && i == n%batch && n%500 < 64 {
					raw = tcp4(client, us, 40000, uint16(5000+n), 1, 0, conntrack.SYN)
				}
				b.Decide(&Event{Frame: frame(raw), In: 2, Hook: HookInput})
			}
			b.End()
		}
		all, found := b.Recent(100_000, anything), make(map[int]bool)
		for _, d := range all {
			if d.Tuple.Remote == conntrack.AddrFrom(netip.AddrFrom4(client)) {
				found[int(d.Tuple.LocalPort)-5000] = true
			}
		}
		for n := batches / 2; n < batches; n++ {
			if found[n] != (n%500 < 64) {
				t.Fatalf("%s: drop %d, at place %d of its batch, is remembered: %t", what, n, n%batch,
					found[n])
			}
		}
		if len(all) < 1000 {
			t.Errorf("%s: %d remembered", what, len(all))
		}
		whole(t, &b.Worker.recent)
	}
}

// TestRecentSample: a flood is recorded at the rate that is meant, and a burst whole.
func TestRecentSample(t *testing.T) {
	var f flood
	now := conntrack.Time(time.Hour)
	count := func(batches, batch int, pause conntrack.Time, kind func(i int) uint64) (n int) {
		for i := range batches * batch {
			if i%batch == 0 {
				now += pause
				f.tick(now)
			}
			if f.passes(kind(i)) {
				n++
			}
		}
		return n
	}
	same := func(int) uint64 { return 1 }
	if n := count(1, 2*maxSpare, 0, same); n < maxSpare || n > maxSpare+newOfBatch {
		t.Errorf("%d of a burst", n)
	}
	if n := count(10_000, 16, spareEvery/10, same); n < 900 || n > 1100 {
		t.Errorf("%d of a flood, want a thousand", n)
	}
	if n := count(1000, 16, spareEvery*19/10, same); n < 1800 || n > 2000 {
		t.Errorf("%d of a flood in slow batches, want 1900", n)
	}
	if n := count(1000, 1, spareEvery, same); n != 1000 {
		t.Errorf("%d of 1000 at a slow rate", n)
	}
	count(1, 2*maxSpare, 0, same)
	if n := count(1000, 16, 0, func(i int) uint64 { return uint64(i) }); n < 1000 ||
		n > 1000*newOfBatch {
		t.Errorf("%d of a scan", n)
	}
}

// TestNoPacketWaitsForTheLog: while somebody copies the memory verdicts go on, and what is
// dropped meanwhile is remembered with the next packet, as far as there is room.
func TestNoPacketWaitsForTheLog(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	b.Worker.recent.mu.Lock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 3 * maxLate {
			b.now += spareEvery
			b.in(udp4(client, us, 40000, uint16(5000+i)))
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the packets wait")
	}
	b.Worker.recent.mu.Unlock()
	<-ended
	if n := len(b.Recent(1000, anything)); n != 0 {
		t.Errorf("%d are remembered in a memory that was taken", n)
	}
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)) // passes
	got := b.Recent(1000, anything)
	if len(got) != maxLate {
		t.Fatalf("%d are remembered, want %d", len(got), maxLate)
	}
	if d := got[0]; d.Tuple.LocalPort != 5000 || d.Count != 1 {
		t.Errorf("the first: %+v", d)
	}
	whole(t, &b.Worker.recent)
}

// whole checks the memory against itself: each drop is in its chain, once, and counted.
func whole(t *testing.T, r *recent) {
	t.Helper()
	seen := make(map[uint16]bool)
	for i, at := range r.heads {
		for ; at != 0; at = r.marks[at-1].next {
			key := r.drops[at-1].dropKey()
			if m := &r.marks[at-1]; seen[at] || m.hash != uint32(key.hash()) || m.hash%chains != uint32(i) ||
				m.time != r.drops[at-1].Time {
				t.Fatalf("drop %d is in chain %d by mistake", at-1, i)
			}
			seen[at] = true
		}
	}
	peers, services := 0, 0
	for i := range r.peers {
		peers, services = peers+int(r.peers[i]), services+int(r.services[i])
	}
	if n := len(r.drops); len(seen) != n || peers != n || services != n {
		t.Errorf("%d drops, %d in chains, %d and %d counted", n, len(seen), peers, services)
	}
}
