package nfqueue

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/filter"
)

// foreseer accepts all and notes the first byte of what it was shown and of what
// it decided.
type foreseer struct {
	wants, panics    bool
	asked            int
	shown, decided   []byte
	shownBeforeFirst int
}

func (f *foreseer) Begin() {}
func (f *foreseer) End()   {}

func (f *foreseer) WantsPreview() bool {
	f.asked++
	return f.wants
}

func (f *foreseer) Preview(evs []filter.Event) {
	for i := range evs {
		f.shown = append(f.shown, evs[i].Frame.Bytes[0])
	}
	if f.panics {
		panic("a preview that fails")
	}
}

func (f *foreseer) Decide(ev *filter.Event) bool {
	if f.decided == nil {
		f.shownBeforeFirst = len(f.shown)
	}
	f.decided = append(f.decided, ev.Frame.Bytes[0])
	return true
}

// previewed runs one batch of datagrams past a handler.
func previewed(t *testing.T, f *foreseer, datagrams ...[]byte) Stats {
	t.Helper()
	ours, theirs, port, kernelPort := netlinkPair(t)
	defer unix.Close(ours)
	defer unix.Close(theirs)
	l := newLoop(DefaultCopyRange)
	l.fd, l.port, l.queue, l.handler, l.total = ours, kernelPort, 7, f, new(counters)
	for _, d := range datagrams {
		if err := unix.Sendto(theirs, d, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}); err != nil {
			t.Fatal(err)
		}
	}
	l.oneBatch(t, len(datagrams))
	return l.total.stats()
}

// TestPreviewComesFirst: who wants to see a batch sees all its packets, and only
// packets, before the first decision, and then decides each as ever.
func TestPreviewComesFirst(t *testing.T) {
	batch := [][]byte{
		goodPacket(7, 1, 'a'),
		refusal(int32(unix.ENOENT)),
		goodPacket(7, 2, 'b'),
		netlinkMessage(typePacket, body(familyIPv4, 7, packetHeader(5, 1))), // no payload
		[]byte("x"),
		goodPacket(7, 3, 'c'),
	}
	f := &foreseer{wants: true}
	s := previewed(t, f, batch...)
	if !bytes.Equal(f.shown, []byte("abc")) || f.shownBeforeFirst != 3 || !bytes.Equal(f.decided, []byte("abc")) {
		t.Errorf("shown %q, %d of them before the first of %q", f.shown, f.shownBeforeFirst, f.decided)
	}
	if s.Accepted != 3 || s.Dropped != 1 || s.Malformed != 2 || s.VerdictErrors != 1 {
		t.Errorf("counted %+v: a preview counts nothing", s)
	}

	f = new(foreseer)
	previewed(t, f, batch...)
	if f.asked != 1 || f.shown != nil || !bytes.Equal(f.decided, []byte("abc")) {
		t.Errorf("asked %d times, shown %q, decided %q", f.asked, f.shown, f.decided)
	}

	f = &foreseer{wants: true}
	previewed(t, f, goodPacket(7, 1, 'a'))
	if f.asked != 0 || !bytes.Equal(f.decided, []byte("a")) {
		t.Error("a batch of one was shown: that only costs")
	}

	f = &foreseer{wants: true, panics: true}
	if s := previewed(t, f, batch...); s.Panics != 1 || s.Accepted != 3 {
		t.Errorf("a preview that fails: %+v", s)
	}
}

// TestPreviewAllocs: nothing, as every way of a packet.
func TestPreviewAllocs(t *testing.T) {
	f := &foreseer{wants: true, shown: make([]byte, 0, 1<<20), decided: make([]byte, 0, 1<<20)}
	l, send, discard := selfLoop(t, f, ringLen)
	if n := testing.AllocsPerRun(100, func() {
		send()
		l.oneBatch(t, ringLen)
		discard()
	}); n != 0 {
		t.Errorf("%v allocations per batch of %d, want 0", n, ringLen)
	}
	if len(f.shown) != 101*ringLen {
		t.Errorf("%d shown, want %d", len(f.shown), 101*ringLen)
	}
}
