package nfqueue

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/filter"
	"sgfw/filter/packet"
)

// TestReal tests what only a real kernel can do, with real packets.
func TestReal(t *testing.T) {
	for _, d := range Drivers() {
		for _, tt := range []struct {
			name string
			test func(*testing.T, Driver)
		}{
			{"verdicts", testVerdicts},
			{"aggregate", testAggregate},
			{"full queue", testFullQueue},
			{"overrun", testOverrun},
			{"goes on after an overrun", testAfterOverrun},
			{"unknown id", testUnknownID},
			{"foreign sender", testForeignSender},
			{"unbound", testUnbound},
			{"drain", testDrain},
			{"close drops", testCloseDrops},
			{"rules before queue", testRulesFirst},
			{"owned", testOwned},
			{"without privilege", testUnprivileged},
		} {
			t.Run(string(d)+"/"+tt.name, func(t *testing.T) {
				namespace(t)
				tt.test(t, d)
			})
		}
	}
}

// testVerdicts: verdicts about both families, and the events that the handler gets.
func testVerdicts(t *testing.T, d Driver) {
	h := &recorder{decide: byFirstByte}
	q := mustOpen(t, d, Config{Queue: testQueue}, h)
	queueUDP(t, testQueue, 1)
	wait := run(t, q)
	for _, ip := range []string{"127.0.0.1", "::1"} {
		p := newUDPPair(t, ip)
		p.send('a')
		p.send('d')
		p.send(append([]byte("a"), make([]byte, 1999)...)...)
		p.want('a', 'a')
		p.wantNothing()
	}
	entry, ok := kernelEntry(t, testQueue)
	if !ok || entry.CopyMode != copyPacket || entry.CopyRange != DefaultCopyRange ||
		entry.Waiting != 0 || entry.LastID != 6 {
		t.Errorf("the kernel has %+v", entry)
	}
	mustClose(t, q, wait)

	if got := q.Stats(); got.Packets != 6 || got.Accepted != 4 || got.Dropped != 2 ||
		got.Malformed != 0 || got.UnknownAttributes != 0 || got.VerdictErrors != 0 {
		t.Errorf("stats %+v", got)
	}
	seen := h.seen()
	if len(seen) != 6 || h.wrong != 0 {
		t.Fatalf("%d events, %d calls in the wrong order", len(seen), h.wrong)
	}
	for i, header := range []int{20 + 8, 40 + 8} {
		small, large := seen[3*i], seen[3*i+2]
		if small.Hook != filter.HookOutput || small.In != 0 || small.Out != 1 {
			t.Errorf("hook %d, in %d, out %d; want output and lo", small.Hook, small.In, small.Out)
		}
		if len(small.Frame.Bytes) != header+1 || small.Frame.Length != 0 {
			t.Errorf("%d bytes of %d, want all %d",
				len(small.Frame.Bytes), small.Frame.Length, header+1)
		}
		if len(large.Frame.Bytes) != DefaultCopyRange || large.Frame.Length != uint32(header+2000) {
			t.Errorf("%d bytes of %d, want %d of %d",
				len(large.Frame.Bytes), large.Frame.Length, DefaultCopyRange, header+2000)
		}
	}
}

// testAggregate: the kernel passes an aggregate unsegmented, with its true length, and segments
// it only after the verdict.
func testAggregate(t *testing.T, d Driver) {
	h := &recorder{}
	q := mustOpen(t, d, Config{Queue: testQueue}, h)
	queueUDP(t, testQueue, 1)
	wait := run(t, q)
	p := newUDPPair(t, "127.0.0.1")
	raw, err := p.out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var serr error
	if err := raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 1000)
	}); err != nil || serr != nil {
		t.Fatal(err, serr)
	}
	p.send(bytes.Repeat([]byte{'a'}, 4000)...)
	p.want('a', 'a', 'a', 'a')
	p.wantNothing()
	mustClose(t, q, wait)
	seen := h.seen()
	if len(seen) != 1 || seen[0].Frame.Length != 4028 || seen[0].Frame.Info&packet.InfoGSO == 0 {
		t.Errorf("%d packets, want one of 4028 bytes marked as aggregate: %+v", len(seen), seen)
	}
}

// testFullQueue: the kernel drops and counts packets for a full queue, which does not fail open.
func testFullQueue(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue, MaxLen: 4}, &recorder{})
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	for i := range byte(10) {
		p.send('0' + i)
	}
	entry, _ := kernelEntry(t, testQueue)
	if entry.Waiting != 4 || entry.QueueDropped != 6 {
		t.Errorf("%d wait, %d dropped; want 4 and 6", entry.Waiting, entry.QueueDropped)
	}
	wait := run(t, q)
	p.want('0', '1', '2', '3')
	p.wantNothing()
	mustClose(t, q, wait)
}

// testOverrun: ENOBUFS does not end Run. The drivers switch it off, because with it the kernel
// refuses messages until the socket has been read empty. The test switches it on.
func testOverrun(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue, ReadBuffer: 4096}, &recorder{})
	control(t, q, func(fd int) {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 0); err != nil {
			t.Fatal(err)
		}
	})
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	for range 200 {
		p.send('a')
	}
	entry, _ := kernelEntry(t, testQueue)
	if entry.UserDropped == 0 || entry.Waiting == 0 || entry.Waiting+entry.UserDropped != 200 {
		t.Fatalf("%d wait, %d dropped for lack of buffer; want some of each, 200 in all",
			entry.Waiting, entry.UserDropped)
	}
	wait := run(t, q)
	p.want(bytes.Repeat([]byte{'a'}, int(entry.Waiting))...)
	p.send('b')
	p.want('b')
	mustClose(t, q, wait)
	if got := q.Stats(); got.Overruns == 0 {
		t.Errorf("stats %+v, want overruns", got)
	}
}

// testAfterOverrun: after an overrun the kernel takes a packet as soon as there is room for it.
// It does not wait until the socket has been read empty, which under load never happens.
func testAfterOverrun(t *testing.T, d Driver) {
	const early, all = 3, 400
	decided, reached, goOn := 0, make(chan struct{}), make(chan struct{})
	h := &recorder{decide: func(*filter.Event) bool {
		if decided++; decided == early {
			close(reached)
			<-goOn
		}
		return true
	}}
	q := mustOpen(t, d, Config{Queue: testQueue, ReadBuffer: 48 << 10}, h)
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	for range all {
		p.send('a')
	}
	before, _ := kernelEntry(t, testQueue)
	if before.UserDropped == 0 || before.Waiting < 2*batchLen {
		t.Fatalf("%d wait, %d dropped for lack of buffer; want more than two batches and some",
			before.Waiting, before.UserDropped)
	}
	wait := run(t, q)
	<-reached // some are read, and most are not
	p.send('b')
	after, _ := kernelEntry(t, testQueue)
	close(goOn)
	if lost := after.UserDropped - before.UserDropped; lost != 0 {
		t.Error("a packet was refused though there was room for it")
	} else {
		p.want(append(bytes.Repeat([]byte{'a'}, int(before.Waiting)), 'b')...)
	}
	mustClose(t, q, wait)
}

// control runs f on the queue's descriptor.
func control(t *testing.T, q Queue, f func(fd int)) {
	t.Helper()
	switch q := q.(type) {
	case *batchQueue:
		f(q.fd)
	case *libraryQueue:
		raw, err := q.lib.Con.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { f(int(fd)) }); err != nil {
			t.Fatal(err)
		}
	}
}

// sendRequest sends a request on the queue's own socket.
func sendRequest(t *testing.T, q Queue, b []byte) {
	t.Helper()
	control(t, q, func(fd int) {
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			t.Fatal(err)
		}
	})
}

// testUnknownID: the kernel answers a verdict about an unknown packet with an error message among
// the packets.
func testUnknownID(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue}, &recorder{decide: byFirstByte})
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	wait := run(t, q)
	sendRequest(t, q, appendVerdict(nil, testQueue, 12345, verdictAccept))
	p.send('a')
	p.send('d')
	p.send('a')
	p.want('a', 'a')
	mustClose(t, q, wait)
	if got := q.Stats(); got.VerdictErrors != 1 || got.Accepted != 2 || got.Dropped != 1 {
		t.Errorf("stats %+v", got)
	}
}

// testDrain: after Drain no packet waits, with and without a Run.
func testDrain(t *testing.T, d Driver) {
	h := &recorder{decide: byFirstByte}
	q := mustOpen(t, d, Config{Queue: testQueue}, h)
	p := newUDPPair(t, "127.0.0.1")
	for _, running := range []bool{false, true} {
		queueUDP(t, testQueue, 1)
		for range 50 {
			p.send('d')
			p.send('a')
		}
		wait := func() error { return nil }
		if running {
			wait = run(t, q)
		}
		flushRules(t)
		if err := errors.Join(q.Drain(t.Context()), wait()); err != nil {
			t.Errorf("running %v: %v", running, err)
		}
		if entry, ok := kernelEntry(t, testQueue); !ok || entry.Waiting != 0 {
			t.Errorf("running %v: bound %v, %d packets wait after Drain", running, ok, entry.Waiting)
		}
		p.want(bytes.Repeat([]byte{'a'}, 50)...)
		p.wantNothing()
	}
	if got := q.Stats(); got.Packets != 200 || got.Accepted != 100 || got.Dropped != 100 {
		t.Errorf("stats %+v", got)
	}

	// A packet whose message was lost cannot be answered: Drain returns an error, in time.
	queueUDP(t, testQueue, 1)
	p.send('a')
	control(t, q, func(fd int) {
		if d == DriverBatch {
			if _, _, err := unix.Recvfrom(fd, make([]byte, 4096), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
	err := q.Drain(t.Context())
	if d == DriverBatch && !errors.Is(err, ErrStranded) {
		t.Errorf("Drain without the message: %v, want ErrStranded", err)
	}
	if d != DriverBatch && err != nil {
		t.Error(err)
	}
}
