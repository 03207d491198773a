package filter

import (
	"bytes"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// TestTap: a tap sees each packet that it selects, with the verdict, the flow before and
// after, and as many bytes as it takes; what did not fit is counted.
func TestTap(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	syn := tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)
	answer := tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	whole, drops := b.Tap(4, MaxSnap, anything), b.Tap(1, 24, Selection{Reasons: Dropping})
	b.in(syn)
	b.out(answer)
	b.in(udp4(client, us, 40000, 53))
	b.in([]byte{0x45, 0})
	select {
	case <-whole.Ready():
	default:
		t.Error("nothing is said to be ready")
	}
	got, lost := whole.Take()
	if len(got) != 4 || lost != 0 {
		t.Fatalf("%d packets and %d lost, want 4 and 0", len(got), lost)
	}
	first, second := got[0], got[1]
	if first.Verdict.Reason != ReasonRule || first.Before != 0 ||
		first.After != conntrack.StateSynSent || first.Hook != HookInput || first.In != 2 ||
		!bytes.Equal(first.Bytes, syn) || first.Device != "eth0" || first.Generation != 1 {
		t.Errorf("the SYN: %+v", first)
	}
	if second.Verdict.Reason != ReasonFlow || second.Before != conntrack.StateSynSent ||
		second.After != conntrack.StateSynRecv || second.Hook != HookOutput || second.Out != 2 {
		t.Errorf("the answer: %+v", second)
	}
	if got[2].Before != 0 || got[2].After != 0 || got[2].Verdict.Reason != ReasonNoRule {
		t.Errorf("a drop: %+v", got[2])
	}
	if got[3].Parsed() || got[3].Length != 2 || len(got[3].Bytes) != 2 {
		t.Errorf("what cannot be read: %+v", got[3])
	}
	if got, lost := drops.Take(); len(got) != 1 || lost != 1 || len(got[0].Bytes) != 24 ||
		got[0].Verdict.Reason != ReasonNoRule {
		t.Errorf("drops: %+v, %d lost", got, lost)
	}

	whole.Close()
	drops.Close()
	b.in(syn)
	if got, _ := whole.Take(); len(got) != 0 {
		t.Errorf("after Close: %+v", got)
	}
	if b.taps.Load() != nil {
		t.Error("somebody is still said to have a tap")
	}
}

// TestTapOfBatch: a batch larger than the stage is seen whole, by a worker that came later
// as well, and nothing is allocated.
func TestTapOfBatch(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	const batch = 3*stageSize + 1
	tap := b.Tap(batch, 40, anything)
	defer tap.Close()
	syn := tcp4(client, us, 40000, 81, 1, 0, conntrack.SYN)
	late := b.NewWorker()
	for _, w := range []*Worker{b.Worker, late} {
		round := func() {
			w.Begin()
			for range batch {
				w.Decide(&Event{Hook: HookInput, In: 2, Frame: packet.Frame{Bytes: syn}})
			}
			w.End()
		}
		round()
		list, lost := tap.Take()
		if len(list) != batch || lost != 0 || !bytes.Equal(list[batch-1].Bytes, syn) {
			t.Fatalf("%d packets and %d lost of %d", len(list), lost, batch)
		}
		if n := testing.AllocsPerRun(10, func() { round(); tap.Take() }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
