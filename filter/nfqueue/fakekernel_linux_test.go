package nfqueue

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/filter"
)

// patience is how long a test waits for something that must happen before it fails.
const patience = 10 * time.Second

// recorder is a handler that records events. decide may be nil: accept everything.
type recorder struct {
	decide func(*filter.Event) bool

	mu     sync.Mutex
	open   bool // between Begin and End
	wrong  int  // calls in the wrong order
	events []filter.Event
}

func (r *recorder) Begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open {
		r.wrong++
	}
	r.open = true
}

func (r *recorder) Decide(ev *filter.Event) bool {
	r.mu.Lock()
	if !r.open {
		r.wrong++
	}
	kept := *ev
	kept.Frame.Bytes = slices.Clone(ev.Frame.Bytes)
	r.events = append(r.events, kept)
	r.mu.Unlock()
	return r.decide == nil || r.decide(ev)
}

func (r *recorder) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		r.wrong++
	}
	r.open = false
}

func (r *recorder) seen() []filter.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// fakeKernel is at the other end of a queue's socket.
type fakeKernel struct {
	t *testing.T
	// deliver puts one datagram into the queue's socket.
	deliver func([]byte)
	// overrun makes the queue's next read fail with ENOBUFS; nil where only a real kernel
	// can do that.
	overrun func()
	// gone makes the kernel answer every request with ENODEV.
	gone    atomic.Bool
	answers chan answer
	// unanswered counts packets without a verdict, provided that each is complete and alone in
	// its datagram.
	unanswered atomic.Int32
}

func (k *fakeKernel) waiting() uint32 { return uint32(max(k.unanswered.Load(), 0)) }

// sendPacket delivers an ordinary packet.
func (k *fakeKernel) sendPacket(id uint32, payload byte) {
	k.unanswered.Add(1)
	k.deliver(goodPacket(7, id, payload))
}

func newFakeKernel(t *testing.T) *fakeKernel {
	return &fakeKernel{t: t, answers: make(chan answer, 1000)}
}

// take handles one datagram from the queue.
func (k *fakeKernel) take(b []byte) {
	if binary.NativeEndian.Uint16(b[4:]) == typeConfig {
		switch ack := binary.NativeEndian.Uint16(b[6:])&uint16(netlink.Acknowledge) != 0; {
		case k.gone.Load():
			k.deliver(k.reply(b, int32(unix.ENODEV)))
		case ack:
			k.deliver(k.reply(b, 0))
		}
		return
	}
	answers, ok := parseAnswers(b)
	if !ok {
		k.t.Errorf("the queue wrote %x", b)
	}
	for _, a := range answers {
		k.unanswered.Add(-1)
		k.answers <- a
	}
}

func (k *fakeKernel) reply(request []byte, errno int32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(-errno))
	m := netlinkMessage(typeError, append(b, request[:16]...))
	copy(m[8:16], request[8:16]) // sequence and port id
	return m
}

// expect waits for as many verdicts as want has and compares them.
func (k *fakeKernel) expect(want []answer) {
	k.t.Helper()
	var got []answer
	timeout := time.After(patience)
	for range want {
		select {
		case a := <-k.answers:
			got = append(got, a)
		case <-timeout:
			k.t.Fatalf("verdicts %v, want %v", got, want)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		k.t.Errorf("verdicts (-want +got):\n%s", d)
	}
}

// openFake opens queue number 7 on a fake kernel, which needs no privilege.
func openFake(t *testing.T, d Driver, h Handler) (Queue, *fakeKernel) {
	t.Helper()
	cfg, err := Config{Queue: 7}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	k := newFakeKernel(t)
	var q Queue
	switch d {
	case DriverBatch:
		q = openFakeBatch(t, cfg, h, k)
	case DriverGoNFQueue:
		q = openFakeLibrary(t, cfg, h, k)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return q, k
}

// netlinkPair returns two user sockets, the first connected to the second.
func netlinkPair(t testing.TB) (a, b int, portA, portB uint32) {
	t.Helper()
	socket := func() (int, uint32) {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_USERSOCK)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			t.Fatal(err)
		}
		name, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		return fd, name.(*unix.SockaddrNetlink).Pid
	}
	a, portA = socket()
	b, portB = socket()
	if err := unix.Connect(a, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: portB}); err != nil {
		t.Fatal(err)
	}
	return a, b, portA, portB
}

func openFakeBatch(t *testing.T, cfg Config, h Handler, k *fakeKernel) Queue {
	ours, theirs, port, kernelPort := netlinkPair(t)
	k.deliver = func(b []byte) {
		err := unix.Sendto(theirs, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
		if err != nil && err != unix.ECONNREFUSED { // refused: closed meanwhile
			t.Errorf("deliver: %v", err)
		}
	}
	q := &batchQueue{cfg: cfg, fd: ours, loop: newLoop(cfg.CopyRange)}
	q.loop.fd, q.loop.port, q.loop.queue = ours, kernelPort, cfg.Queue
	q.loop.handler, q.loop.total = h, &q.total
	q.loop.waiting = k.waiting
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 65536)
		for {
			n, from, err := unix.Recvfrom(theirs, b, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil || from.(*unix.SockaddrNetlink).Pid == kernelPort {
				return
			}
			k.take(b[:n])
		}
	}()
	t.Cleanup(func() {
		// A message to itself ends the reader: closing the socket does not wake it.
		self := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: kernelPort}
		if err := unix.Sendto(theirs, []byte{0}, 0, self); err != nil {
			t.Error(err)
		}
		<-done
		unix.Close(theirs)
	})
	if err := q.start(); err != nil {
		t.Fatal(err)
	}
	return q
}

// run starts Run of a queue. The returned function waits until Run returns, and returns its
// error.
func run(t *testing.T, q Queue) (wait func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- q.Run(t.Context()) }()
	return func() error {
		t.Helper()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("Run did not return")
			return nil
		}
	}
}

func forEachDriver(t *testing.T, test func(t *testing.T, d Driver)) {
	for _, d := range Drivers() {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}
