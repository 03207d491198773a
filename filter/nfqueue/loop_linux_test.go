package nfqueue

import (
	"bytes"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sgfw/filter"
)

func rawConnect(fd int, to *unix.RawSockaddr) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT,
		uintptr(fd), uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	if errno != 0 {
		return errno
	}
	return nil
}

// acceptAll is the cheapest handler.
type acceptAll struct{}

func (acceptAll) Begin()                    {}
func (acceptAll) Decide(*filter.Event) bool { return true }
func (acceptAll) End()                      {}

// selfLoop returns a loop over two user sockets. send sends a batch of packet messages to it, and
// discard reads the verdicts at the other end.
func selfLoop(tb testing.TB, h Handler, batch int) (l *loop, send, discard func()) {
	ours, theirs, port, kernelPort := netlinkPair(tb)
	tb.Cleanup(func() {
		unix.Close(ours)
		unix.Close(theirs)
	})
	l = newLoop(DefaultCopyRange)
	l.fd, l.port, l.queue, l.handler, l.total = ours, kernelPort, 7, h, new(counters)
	m := goodPacket(7, 4, bytes.Repeat([]byte{0x45}, 128)...)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}
	buf := make([]byte, batchLen*verdictLen)
	send = func() {
		for range batch {
			if err := unix.Sendto(theirs, m, 0, to); err != nil {
				tb.Fatal(err)
			}
		}
	}
	discard = func() {
		if _, err := unix.Read(theirs, buf); err != nil {
			tb.Fatal(err)
		}
	}
	return l, send, discard
}

func (l *loop) oneBatch(tb testing.TB, want int) {
	n, errno := l.reader.receive(l.fd)
	if n != want || errno != 0 {
		tb.Fatalf("%d messages, want %d; %v", n, want, errno)
	}
	if err := l.serveBatch(n); err != nil {
		tb.Fatal(err)
	}
}

// TestBatchAllocs: a batch, from read to write, allocates nothing, whether its messages are
// packets, broken packets or refusals of earlier verdicts.
func TestBatchAllocs(t *testing.T) {
	l, send, discard := selfLoop(t, acceptAll{}, batchLen)
	if n := testing.AllocsPerRun(100, func() {
		send()
		l.oneBatch(t, batchLen)
		discard()
	}); n != 0 {
		t.Errorf("%v allocations per batch of %d, want 0", n, batchLen)
	}
	if s := l.total.stats(); s.Accepted != 101*batchLen {
		t.Errorf("%d accepted, want %d", s.Accepted, 101*batchLen)
	}

	// More packets than one write takes: several writes, and the buffer does not grow.
	room := cap(l.verdicts)
	many := bytes.Repeat(goodPacket(7, 4, 0x45, 0, 0, 0), 3*batchLen)
	if err := l.datagram(many, true); err != nil {
		t.Fatal(err)
	}
	if cap(l.verdicts) != room {
		t.Errorf("the buffer for verdicts grew from %d to %d bytes", room, cap(l.verdicts))
	}
	l.verdicts = l.verdicts[:0]

	good := goodPacket(7, 4, 0x45)
	bad := netlinkMessage(typePacket, body(familyIPv4, 7, packetHeader(5, 1)))
	refused := refusal(int32(unix.ENOENT))
	if n := testing.AllocsPerRun(100, func() {
		for _, m := range [][]byte{good, bad, refused, good[:20], nil} {
			if err := l.datagram(m, true); err != nil {
				t.Fatal(err)
			}
		}
		l.verdicts = l.verdicts[:0]
		l.total.publish(&l.batch)
	}); n != 0 {
		t.Errorf("%v allocations for five messages, want 0", n)
	}
}

// TestBusyLoop: a loop polls while packets come close together and sleeps otherwise. It reads
// the same packets either way.
func TestBusyLoop(t *testing.T) {
	const batch = 2
	l, send, _ := selfLoop(t, acceptAll{}, batch)
	if err := l.setTimeout(5 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	read := func(want int, wantErr unix.Errno) {
		t.Helper()
		if n, errno := l.receive(); n != want || errno != wantErr {
			t.Fatalf("read %d, %v, want %d, %v", n, errno, want, wantErr)
		}
	}
	send()
	read(batch, 0)
	read(0, unix.EAGAIN)
	if l.busy.patience != 0 {
		t.Fatal("a loop without a budget is ready to poll")
	}
	l.busy.budget = time.Millisecond
	read(0, unix.EAGAIN)
	if l.busy.patience != 0 {
		t.Fatal("ready to poll after a long sleep")
	}
	// Whether a sleep is short depends on the scheduler: start after one.
	l.busy.slept(0, 0)
	send()
	read(batch, 0)
	if l.busy.patience != l.busy.budget {
		t.Fatalf("patience %v after a find, want all of %v", l.busy.patience, l.busy.budget)
	}
	read(0, unix.EAGAIN)
	if l.busy.patience != l.busy.budget/2 {
		t.Fatalf("patience %v after a poll in vain, want half of %v", l.busy.patience, l.busy.budget)
	}
	if n := testing.AllocsPerRun(10, func() {
		send()
		read(batch, 0)
	}); n != 0 {
		t.Errorf("%v allocations for a read, want 0", n)
	}
}

// BenchmarkPacket is one packet of a batch without system calls: decode, handler, verdict.
func BenchmarkPacket(b *testing.B) {
	l := newLoop(DefaultCopyRange)
	l.queue, l.handler, l.total = 7, acceptAll{}, new(counters)
	m := goodPacket(7, 4, bytes.Repeat([]byte{0x45}, 128)...)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.datagram(m, true); err != nil {
			b.Fatal(err)
		}
		if len(l.verdicts) == cap(l.verdicts) {
			l.verdicts = l.verdicts[:0]
		}
	}
}

// BenchmarkSelfSent is the loop with its system calls over a pair of netlink sockets. The time
// includes the send and the read at the other end.
func BenchmarkSelfSent(b *testing.B) {
	for _, n := range []struct {
		name string
		len  int
	}{{"batch=1", 1}, {"batch=8", 8}, {"batch=32", 32}} {
		b.Run(n.name, func(b *testing.B) {
			l, send, discard := selfLoop(b, acceptAll{}, n.len)
			b.ReportAllocs()
			packets := 0
			for b.Loop() {
				send()
				l.oneBatch(b, n.len)
				discard()
				packets += n.len
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}

// FuzzDatagram: for any datagram there is no panic, verdicts are about this queue only, there is
// one for each ID that was counted, and only packets that decode are accepted.
func FuzzDatagram(f *testing.F) {
	f.Add(goodPacket(7, 4, 0x45))
	f.Add(append(goodPacket(7, 3, 'a', 0, 0, 0), goodPacket(8, 4, 'd', 0, 0, 0)...))
	f.Add(append(refusal(int32(unix.ENODEV)), goodPacket(7, 3, 'a')[:30]...))
	f.Add(netlinkMessage(typeError, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		answers, theirs, _, _ := netlinkPair(t)
		defer unix.Close(answers)
		defer unix.Close(theirs)
		h := new(recorder)
		l := newLoop(DefaultCopyRange)
		l.fd, l.queue, l.handler, l.total = answers, 7, h, new(counters)
		l.verdicts = make([]byte, 0, len(b)/messageHeaderLen*verdictLen+verdictLen)
		ready := l.begin()
		if err := l.datagram(b, ready); err != nil {
			t.Fatal(err)
		}
		got, ok := parseAnswers(l.verdicts)
		if !ok || uint64(len(got)) != l.batch.Accepted+l.batch.Dropped {
			t.Errorf("verdicts %v, counted %+v", got, l.batch)
		}
		accepted := 0
		for _, a := range got {
			if a.Queue != 7 {
				t.Errorf("verdict about queue %d", a.Queue)
			}
			if a.V == accept {
				accepted++
			}
		}
		if accepted != len(h.seen()) {
			t.Errorf("%d accepted, but %d events shown to a handler that accepts all",
				accepted, len(h.seen()))
		}
		if l.batch.Packets < l.batch.Accepted+l.batch.Dropped {
			t.Errorf("counted %+v", l.batch)
		}
	})
}
