package nfqueue

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/filter"
)

// previewRecorder accepts everything and records the first byte of each packet that it
// previewed and decided.
type previewRecorder struct {
	wants, panics    bool
	asked            int
	shown, decided   []byte
	shownBeforeFirst int
}

func (f *previewRecorder) Begin() {}
func (f *previewRecorder) End()   {}

func (f *previewRecorder) WantsPreview() bool {
	f.asked++
	return f.wants
}

func (f *previewRecorder) Preview(evs []filter.Event) {
	for i := range evs {
		f.shown = append(f.shown, evs[i].Frame.Bytes[0])
	}
	if f.panics {
		panic("a preview that fails")
	}
}

func (f *previewRecorder) Decide(ev *filter.Event) bool {
	if f.decided == nil {
		f.shownBeforeFirst = len(f.shown)
	}
	f.decided = append(f.decided, ev.Frame.Bytes[0])
	return true
}

// previewed gives one batch of datagrams to a handler.
func previewed(t *testing.T, f *previewRecorder, datagrams ...[]byte) Stats {
	t.Helper()
	ours, theirs, port, kernelPort := netlinkPair(t)
	defer unix.Close(ours)
	defer unix.Close(theirs)
	l := newLoop(DefaultCopyRange)
	l.fd, l.port, l.queue, l.handler, l.total = ours, kernelPort, 7, f, new(counters)
	for _, d := range datagrams {
		to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}
		if err := unix.Sendto(theirs, d, 0, to); err != nil {
			t.Fatal(err)
		}
	}
	l.oneBatch(t, len(datagrams))
	return l.total.stats()
}

// TestPreviewComesFirst: a handler that wants a preview gets all packets of the batch, and only
// packets, before the first decision. Then it decides each as usual.
func TestPreviewComesFirst(t *testing.T) {
	batch := [][]byte{
		goodPacket(7, 1, 'a'),
		refusal(int32(unix.ENOENT)),
		goodPacket(7, 2, 'b'),
		netlinkMessage(typePacket, body(familyIPv4, 7, packetHeader(5, 1))), // no payload
		[]byte("x"),
		goodPacket(7, 3, 'c'),
	}
	f := &previewRecorder{wants: true}
	s := previewed(t, f, batch...)
	if !bytes.Equal(f.shown, []byte("abc")) || f.shownBeforeFirst != 3 ||
		!bytes.Equal(f.decided, []byte("abc")) {
		t.Errorf("shown %q, %d of them before the first of %q", f.shown, f.shownBeforeFirst, f.decided)
	}
	if s.Accepted != 3 || s.Dropped != 1 || s.Malformed != 2 || s.VerdictErrors != 1 {
		t.Errorf("counted %+v: a preview counts nothing", s)
	}

	f = new(previewRecorder)
	previewed(t, f, batch...)
	if f.asked != 1 || f.shown != nil || !bytes.Equal(f.decided, []byte("abc")) {
		t.Errorf("asked %d times, shown %q, decided %q", f.asked, f.shown, f.decided)
	}

	f = &previewRecorder{wants: true}
	previewed(t, f, goodPacket(7, 1, 'a'))
	if f.asked != 0 || !bytes.Equal(f.decided, []byte("a")) {
		t.Error("a batch of one packet was previewed")
	}

	f = &previewRecorder{wants: true, panics: true}
	if s := previewed(t, f, batch...); s.Panics != 1 || s.Accepted != 3 {
		t.Errorf("a preview that fails: %+v", s)
	}
}

// TestPreviewAllocs: a batch with a preview allocates nothing.
func TestPreviewAllocs(t *testing.T) {
	f := &previewRecorder{wants: true, shown: make([]byte, 0, 1<<20), decided: make([]byte, 0, 1<<20)}
	l, send, discard := selfLoop(t, f, batchLen)
	if n := testing.AllocsPerRun(100, func() {
		send()
		l.oneBatch(t, batchLen)
		discard()
	}); n != 0 {
		t.Errorf("%v allocations per batch of %d, want 0", n, batchLen)
	}
	if len(f.shown) != 101*batchLen {
		t.Errorf("%d shown, want %d", len(f.shown), 101*batchLen)
	}
}
