package nfqueue

import (
	"bytes"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"sgfw/filter"
)

func rawConnect(fd int, to *unix.RawSockaddr) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
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

// selfLoop is a loop over two user sockets. send sends a batch of packet
// messages to it, and discard takes the verdicts off the other end.
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
	buf := make([]byte, ringLen*verdictLen)
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
	n, errno := l.ring.receive(l.fd)
	if n != want || errno != 0 {
		tb.Fatalf("%d messages, want %d; %v", n, want, errno)
	}
	if err := l.serveBatch(n); err != nil {
		tb.Fatal(err)
	}
}

// A whole batch, from the read to the write, allocates nothing, whether its
// packets are fine, broken, or refusals of earlier verdicts.
func TestBatchAllocs(t *testing.T) {
	l, send, discard := selfLoop(t, acceptAll{}, ringLen)
	if n := testing.AllocsPerRun(100, func() {
		send()
		l.oneBatch(t, ringLen)
		discard()
	}); n != 0 {
		// Sendto of x/sys allocates the address once per call at most; see that
		// it is not ours.
		own := testing.AllocsPerRun(100, func() { send(); drainSocket(t, l) })
		if n > own {
			t.Errorf("%v allocations per batch, %v of them by the sender", n, own)
		}
	}
	var s Stats
	if s = l.total.stats(); s.Accepted != 101*ringLen {
		t.Errorf("%d accepted, want %d", s.Accepted, 101*ringLen)
	}

	good, bad := goodPacket(7, 4, 0x45), netlinkMessage(typePacket, body(familyIPv4, 7, packetHeader(5, 1)))
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

func drainSocket(t *testing.T, l *loop) {
	for left := ringLen; left > 0; {
		n, errno := l.ring.receive(l.fd)
		if errno != 0 {
			t.Fatal(errno)
		}
		for i := range n {
			l.ring.take(i, l.port)
		}
		left -= n
	}
}

// One packet of a batch without system calls: decode, handler, verdict.
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

// The loop with its system calls over a pair of netlink sockets, per packet;
// the other end's send and read are outside the loop but inside the time.
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
