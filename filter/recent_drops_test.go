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
	s.Prefix, s.Port = netip.PrefixFrom(netip.AddrFrom4(from), 32), port
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
			b.now++
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
		b.now++
		b.in(udp4(stranger(r.IntN(1<<20)), us, 5000, uint16(r.IntN(1<<16))))
	}
	whole(t, &b.Worker.recent)
	latest := 0
	for _, d := range b.Recent(100_000, anything) {
		if int(d.Time) > total-RecentDrops/2 {
			latest++
		}
	}
	if latest < RecentDrops/2*95/100 {
		t.Errorf("%d of the last %d are remembered", latest, RecentDrops/2)
	}
}

// whole checks the memory against itself: each drop is in its chain, once, and counted.
func whole(t *testing.T, r *recent) {
	t.Helper()
	seen := make(map[int32]bool)
	for i, at := range r.heads {
		for ; at != 0; at = r.drops[at-1].next {
			if seen[at] || r.drops[at-1].hash%chains != uint64(i) {
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
