package differential

import (
	"flag"
	"math/rand/v2"
	"testing"

	"sgfw/test/naive"
	"sgfw/test/parity"
)

var (
	packets = flag.Int("packets", 250000, "how many packets to compare")
	first   = flag.Uint64("first", 1, "the seed of the first trial, 0 for one that nobody has tried")
	seed    = flag.Uint64("seed", 0, "run the trial of this seed alone")
)

// trialPackets is how many packets a trial has: enough for flows to live and die
// under several policies.
const trialPackets = 400

// TestEngine compares the engine with the semantics as somebody else wrote them
// down: same verdict, same reason, and a rule that does permit the packet.
func TestEngine(t *testing.T) {
	parity.Proves(t, "R4", "R5", "R6", "R12", "R13", "R15", "R20", "R27", "R28", "R31", "D3", "D6",
		"D7", "D9",
		"T1", "T2", "T3", "T4", "T6", "T7", "T8", "T9", "T10", "T11", "T15", "T17", "T18", "T19", "T20",
		"T22", "T24", "T25", "T26", "T27", "T28", "X2", "X3", "X6")
	counts := make(Counts)
	begin := *first
	switch {
	case *seed != 0:
		begin, *packets = *seed, trialPackets
	case begin == 0:
		begin = rand.Uint64N(1 << 40)
	}
	for i := range uint64((*packets + trialPackets - 1) / trialPackets) {
		d, err := Trial{World: Laboratory(), Seed: begin + i, Packets: trialPackets}.Run(counts)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Fatalf("again with -seed %d\n%s", d.Seed, d)
		}
	}
	report(t, counts)
}

// report shows how the packets fared and fails where hardly anything could have
// been found.
func report(t *testing.T, counts Counts) {
	total, passed := 0, 0
	for reason, n := range counts {
		total += n
		if reason.Passes() {
			passed += n
		}
	}
	for _, reason := range []naive.Reason{
		naive.OfFlow, naive.OfRule, naive.Untracked, naive.Related, naive.Failsafe,
		naive.Resolvers, naive.Metadata, naive.Time,
		naive.NoRule, naive.NotAFlow, naive.Misplaced, naive.Unmanaged, naive.Revoked, naive.Malformed,
		naive.Checksum, naive.Denied,
	} {
		share := 100 * float64(counts[reason]) / float64(total)
		t.Logf("%-18s %8d %5.1f %%", reason, counts[reason], share)
		if *seed == 0 && share < 0.05 {
			t.Errorf("hardly a packet fared %q: %.2f %%", reason, share)
		}
	}
	share := 100 * float64(passed) / float64(total)
	t.Logf("%d packets, %.1f %% passed", total, share)
	if *seed == 0 && (share < 20 || share > 80) {
		t.Errorf("%.1f %% of the packets passed: nothing to learn from", share)
	}
}
