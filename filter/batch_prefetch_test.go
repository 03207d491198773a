package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// batchOf are the segments of flows, and among them what has no flow, no device
// or no meaning.
func batchOf(rng *rand.Rand, segments [][]byte, n int) []Event {
	evs := make([]Event, n)
	for i := range evs {
		b := slices.Clone(segments[rng.IntN(len(segments))])
		ev := Event{Hook: HookInput, In: benchLink}
		switch rng.IntN(8) {
		case 0:
			b = b[:rng.IntN(len(b))]
		case 1:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		case 2:
			ev.In = 77
		case 3:
			ev = Event{Hook: HookOutput, Out: benchLink}
		case 4:
			ev = Event{Hook: HookForward, In: 1, Out: benchLink}
		}
		ev.Frame = packet.Frame{Bytes: b}
		evs[i] = ev
	}
	return evs
}

// TestPreviewDecidesNothing: engines that are alike decide alike, whether they
// looked first or not.
func TestPreviewDecidesNothing(t *testing.T) {
	clock := func() conntrack.Time { return 0 }
	newEngine := func() (*Worker, [][]byte) {
		e := benchEngine(100, 2*prefetchFrom)
		e.clock = clock
		w := e.NewWorker()
		if w.WantsPreview() {
			t.Error("an empty table wants a preview")
		}
		segments := make([][]byte, prefetchFrom)
		for i := range segments {
			segments[i] = open(w, i, 100)
		}
		if !w.WantsPreview() {
			t.Errorf("%d flows want no preview", e.Flows().Len())
		}
		return w, segments
	}
	looks, segments := newEngine()
	blind, _ := newEngine()
	rng := rand.New(rand.NewPCG(1, 2))
	accepted, dropped := 0, 0
	for range 500 {
		evs := batchOf(rng, segments, 1+rng.IntN(2*prefetchMax))
		looks.Begin()
		blind.Begin()
		looks.Preview(evs)
		for i := range evs {
			got, want := looks.Decide(&evs[i]), blind.Decide(&evs[i])
			if got != want || looks.Last() != blind.Last() {
				t.Fatalf("%+v: %+v after a look, %+v without", evs[i], looks.Last(), blind.Last())
			}
			if got {
				accepted++
			} else {
				dropped++
			}
		}
		looks.End()
		blind.End()
	}
	if accepted < 1000 || dropped < 1000 {
		t.Errorf("%d accepted, %d dropped: the test is one-sided", accepted, dropped)
	}
	evs := batchOf(rng, segments, prefetchMax)
	looks.Begin()
	defer looks.End()
	if allocs := testing.AllocsPerRun(100, func() { looks.Preview(evs) }); allocs > 0 {
		t.Errorf("a preview makes %v allocations", allocs)
	}
}

// BenchmarkPreview is BenchmarkEstablished with and without a look at the batch
// first: where the two meet is previewFrom.
func BenchmarkPreview(b *testing.B) {
	for _, flows := range []int{1000, 10_000, 100_000, 1_000_000} {
		e := benchEngine(1000, 2*flows)
		w := e.NewWorker()
		heads := make([][12]byte, flows) // source, ports: what tells segments apart
		var segment []byte
		for i := range heads {
			segment = open(w, i, 1000)
			copy(heads[i][:4], segment[12:16])
			copy(heads[i][4:], segment[20:24])
		}
		rand.New(rand.NewPCG(7, 8)).Shuffle(flows,
			func(i, j int) { heads[i], heads[j] = heads[j], heads[i] })
		for _, batch := range []int{4, 16} {
			evs := make([]Event, batch)
			for i := range evs {
				evs[i] = Event{Frame: packet.Frame{Bytes: slices.Clone(segment)}, Hook: HookInput,
					In: benchLink}
			}
			for _, look := range []bool{false, true} {
				b.Run(fmt.Sprintf("flows=%d/batch=%d/preview=%t", flows, batch, look), func(b *testing.B) {
					b.ReportAllocs()
					at := 0
					for i := 0; i < b.N; i += batch {
						for j := range evs {
							buf := evs[j].Frame.Bytes
							binary.NativeEndian.PutUint32(buf[12:], binary.NativeEndian.Uint32(heads[at][:]))
							binary.NativeEndian.PutUint32(buf[20:], binary.NativeEndian.Uint32(heads[at][4:]))
							if at++; at == flows {
								at = 0
							}
						}
						w.Begin()
						if look {
							w.Preview(evs)
						}
						for j := range evs {
							if !w.Decide(&evs[j]) {
								b.Fatal(w.Last().Reason)
							}
						}
						w.End()
					}
				})
			}
		}
	}
}
