package filter

import (
	"math/rand/v2"
	"testing"
	"time"

	"sgfw/conntrack"
)

// loan is one flow that the kernel was given.
type loan struct {
	device int
	at     conntrack.Time
}

// loans are what is carried, by who knows each flow: what the windows only count.
type loans []loan

// since returns how many of a device's flows were given in a time before now, -1 for all
// devices.
func (l loans) since(device int, now conntrack.Time, d time.Duration) (n int) {
	for _, x := range l {
		if (device < 0 || x.device == device) && now.Sub(x.at) < d {
			n++
		}
	}
	return n
}

// TestRoomIsShared gives the kernel flows of three devices at random, one of which floods,
// against a list of all of them: there are never more than there is room for, none that is
// within its device's part is left out, and what nobody has set aside is there for all.
func TestRoomIsShared(t *testing.T) {
	const lifetime, all, part = 5 * time.Second, 90, 15
	const late = lifetime / lentSlices // how much longer a flow may be counted
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var parts [3]window
		var common window
		for i := range parts {
			parts[i].limit.Store(part)
		}
		common.limit.Store(all - 3*part)
		var given loans
		now, most, refused := conntrack.Time(time.Hour), 0, 0
		for range 20_000 {
			step := time.Duration(rnd.Int64N(int64(40 * time.Millisecond)))
			if rnd.IntN(2000) == 0 {
				step = time.Duration(rnd.Int64N(int64(3 * lifetime))) // a pause
			}
			now = now.Add(step)
			device := 0 // the flood
			if n := rnd.IntN(20); n < 2 {
				device = 1 + n
			}
			asks := now.Add(-time.Duration(rnd.IntN(1000))) // another worker's clock
			took := parts[device].take(asks, lifetime) || common.take(asks, lifetime)
			if before := given.since(device, now, lifetime+late); !took && before < part {
				t.Fatalf("device %d has %d of %d and finds no room", device, before, part)
			}
			if before := given.since(-1, now, lifetime+late); !took && device == 0 &&
				before < all-2*part {
				t.Fatalf("a device alone finds no room beside %d of %d", before, all)
			}
			if !took {
				refused++
				continue
			}
			given = append(given, loan{device, now})
			if len(given) > 4*all {
				given = given[len(given)-2*all:]
			}
			most = max(most, given.since(-1, now, lifetime))
		}
		if most > all || most < all-2*part || refused == 0 {
			t.Fatalf("at most %d at a time, want %d; %d were refused", most, all, refused)
		}
	}
}

// TestRoomIsFreeAgain: what ran out counts no more, however long nobody asked.
func TestRoomIsFreeAgain(t *testing.T) {
	const lifetime = 30 * time.Second
	for _, pause := range []time.Duration{lifetime * 17 / 16, 2 * lifetime, 1000 * lifetime} {
		var w window
		w.limit.Store(3)
		for round := range 3 {
			now := conntrack.Time(time.Duration(round) * pause)
			for i := range 5 {
				if took := w.take(now, lifetime); took != (i < 3) {
					t.Errorf("pause %v, round %d: number %d: %t", pause, round, i, took)
				}
			}
		}
	}
}
