package nfqueue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sgfw/filter"
)

const (
	drop   = uint32(verdictDrop)
	accept = uint32(verdictAccept)
)

// TestHostile sends messages that no kernel should send. It expects a verdict wherever an ID can
// be read, the right counter, and a queue that still works afterwards.
func TestHostile(t *testing.T) { forEachDriver(t, testHostile) }

func testHostile(t *testing.T, d Driver) {
	packet := func(attrs ...attr) []byte {
		return netlinkMessage(typePacket, body(familyIPv4, 7, attrs...))
	}
	cut := func(b []byte, n int) []byte { return b[:len(b)-n] }
	withLength := func(b []byte, n uint32) []byte {
		b = slices.Clone(b)
		binary.NativeEndian.PutUint32(b, n)
		return b
	}
	tests := []struct {
		name     string
		messages [][]byte
		want     []answer
		stats    Stats
		// library are the counters of go-nfqueue where they differ. It passes on only
		// messages that it decoded completely; others get no verdict.
		library *Stats
	}{
		{
			name: "ids out of order, twice and at the edges",
			messages: [][]byte{
				goodPacket(7, 9, 'a'), goodPacket(7, 0xffffffff, 'd'),
				goodPacket(7, 0, 'a'), goodPacket(7, 9, 'd'),
			},
			want:  []answer{{7, 9, accept}, {7, 0xffffffff, drop}, {7, 0, accept}, {7, 9, drop}},
			stats: Stats{Packets: 4, Accepted: 2, Dropped: 2},
		},
		{
			name: "unknown attributes",
			messages: [][]byte{
				packet(append([]attr{{99, []byte{1}}, {0x3fff, nil}}, goodAttrs(3, 'a')...)...),
			},
			want:  []answer{{7, 3, accept}},
			stats: Stats{Packets: 1, Accepted: 1, UnknownAttributes: 2},
		},
		{
			name: "no payload, empty payload, wrong hook",
			messages: [][]byte{
				packet(packetHeader(3, 1)), packet(packetHeader(4, 1), payload()),
				packet(packetHeader(5, 5), payload('a')),
			},
			want:  []answer{{7, 3, drop}, {7, 4, drop}, {7, 5, drop}},
			stats: Stats{Packets: 3, Dropped: 3, Malformed: 3},
		},
		{
			name:     "no id",
			messages: [][]byte{packet(payload('a'))},
			stats:    Stats{Packets: 1, Malformed: 1},
		},
		{
			name:     "short attribute after the id",
			messages: [][]byte{packet(packetHeader(3, 1), attr{attrInDev, []byte{1}}, payload('a'))},
			want:     []answer{{7, 3, drop}},
			stats:    Stats{Packets: 1, Dropped: 1, Malformed: 1},
			library:  &Stats{Packets: 1, Malformed: 1},
		},
		{
			name: "attribute that ends beyond the message",
			messages: [][]byte{netlinkMessage(typePacket, append(
				body(familyIPv4, 7, packetHeader(3, 1)), append([]byte{0}, u16s(100, 10)...)...))},
			want:    []answer{{7, 3, drop}},
			stats:   Stats{Packets: 1, Dropped: 1, Malformed: 1},
			library: &Stats{Packets: 1, Malformed: 1},
		},
		{
			name:     "bridge family",
			messages: [][]byte{netlinkMessage(typePacket, body(7, 7, goodAttrs(3, 'a')...))},
			want:     []answer{{7, 3, drop}},
			stats:    Stats{Packets: 1, Dropped: 1, Malformed: 1},
			library:  &Stats{Packets: 1, Malformed: 1},
		},
		{
			name:     "message cut off",
			messages: [][]byte{cut(goodPacket(7, 3, []byte("abcdefghijk")...), 8)},
			want:     []answer{{7, 3, drop}},
			stats:    Stats{Packets: 1, Dropped: 1, Malformed: 1},
			library:  &Stats{Malformed: 1},
		},
		{
			name:     "message length of 0",
			messages: [][]byte{withLength(goodPacket(7, 3, 'a'), 0)},
			want:     []answer{{7, 3, drop}},
			stats:    Stats{Packets: 1, Dropped: 1, Malformed: 1},
			library:  &Stats{Malformed: 1},
		},
		{
			name:     "message shorter than a header",
			messages: [][]byte{{1}, make([]byte, 15)},
			stats:    Stats{Malformed: 2},
		},
		{
			name:     "headers only",
			messages: [][]byte{netlinkMessage(typePacket, []byte{familyIPv4, 0, 0, 7})},
			stats:    Stats{Packets: 1, Malformed: 1},
		},
		{
			name: "two packets in one datagram",
			messages: [][]byte{
				append(goodPacket(7, 3, 'a', 0, 0, 0), goodPacket(7, 4, 'd', 0, 0, 0)...),
			},
			want:  []answer{{7, 3, accept}, {7, 4, drop}},
			stats: Stats{Packets: 2, Accepted: 1, Dropped: 1},
		},
		{
			name:     "more packets than one write takes",
			messages: slices.Repeat([][]byte{bytes.Repeat(goodPacket(7, 3, 'a', 0, 0, 0), 8)}, 20),
			want:     slices.Repeat([]answer{{7, 3, accept}}, 160),
			stats:    Stats{Packets: 160, Accepted: 160},
		},
		{
			name:     "refused verdict",
			messages: [][]byte{refusal(int32(unix.ENOENT))},
			stats:    Stats{VerdictErrors: 1},
		},
		{
			name:     "handler panics",
			messages: [][]byte{goodPacket(7, 3, 'p')},
			want:     []answer{{7, 3, drop}},
			stats:    Stats{Packets: 1, Dropped: 1, Panics: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &recorder{decide: func(ev *filter.Event) bool {
				if ev.Frame.Bytes[0] == 'p' {
					panic("on purpose")
				}
				return ev.Frame.Bytes[0] == 'a'
			}}
			q, k := openFake(t, d, h)
			want, stats := tt.want, tt.stats
			if d == DriverGoNFQueue && tt.library != nil {
				want, stats = nil, *tt.library
			}
			for _, m := range tt.messages {
				k.deliver(m)
			}
			wait := run(t, q)
			k.expect(want)
			k.sendPacket(77, 'a')
			k.sendPacket(78, 'd')
			k.expect([]answer{{7, 77, accept}, {7, 78, drop}})
			if err := q.Close(); err != nil {
				t.Error(err)
			}
			if err := wait(); err != nil {
				t.Errorf("Run: %v", err)
			}
			got := q.Stats()
			if got.Batches == 0 {
				t.Error("no batches counted")
			}
			timed := uint64(0)
			for _, n := range got.Times.Within {
				timed += n
			}
			if timed != got.Batches || got.Times.Sum <= 0 {
				t.Errorf("%d batches, and times %+v", got.Batches, got.Times)
			}
			got.Batches, got.Heartbeats, got.Times = 0, 0, BatchTimes{}
			stats = stats.Add(Stats{Packets: 2, Accepted: 1, Dropped: 1})
			if d := cmp.Diff(stats, got); d != "" {
				t.Errorf("stats (-want +got):\n%s", d)
			}
			if h.wrong != 0 || h.open {
				t.Errorf("%d calls of the handler in the wrong order, open %v", h.wrong, h.open)
			}
		})
	}
}

// TestWrongQueue: a packet of another queue gets no verdict, because its ID may be that of one of
// ours. go-nfqueue does not see the number of the queue.
func TestWrongQueue(t *testing.T) {
	q, k := openFake(t, DriverBatch, &recorder{})
	wait := run(t, q)
	k.deliver(goodPacket(8, 3, 'a'))
	k.sendPacket(4, 'a')
	k.expect([]answer{{7, 4, accept}})
	if err := errors.Join(q.Close(), wait()); err != nil {
		t.Error(err)
	}
	got := q.Stats()
	if got.Packets != 2 || got.Malformed != 1 || got.Accepted != 1 || got.Dropped != 0 {
		t.Errorf("stats %+v", got)
	}
}

// TestForeignSender sends a valid packet message from a third socket. A connected socket refuses
// it. With an unconnected one the loop compares the address of the sender.
func TestForeignSender(t *testing.T) {
	q, k := openFake(t, DriverBatch, &recorder{})
	ours := q.(*batchQueue).fd
	name, err := unix.Getsockname(ours)
	if err != nil {
		t.Fatal(err)
	}
	stranger, other, _, _ := netlinkPair(t)
	defer unix.Close(stranger)
	defer unix.Close(other)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: name.(*unix.SockaddrNetlink).Pid}
	err = unix.Sendto(stranger, goodPacket(7, 66, 'a'), 0, to)
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a stranger's message to a connected socket: %v, want ECONNREFUSED", err)
	}

	// AF_UNSPEC disconnects (netlink_connect). After connecting again the queue can write to
	// its kernel.
	peer, err := unix.Getpeername(ours)
	if err != nil {
		t.Fatal(err)
	}
	disconnect := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if err := rawConnect(ours, &disconnect); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := unix.Sendto(stranger, goodPacket(7, 66, 'a'), 0, to); err != nil {
			t.Fatalf("a stranger's message to an unconnected socket: %v", err)
		}
	}
	if err := unix.Connect(ours, peer); err != nil {
		t.Fatal(err)
	}
	wait := run(t, q)
	k.sendPacket(4, 'a')
	k.expect([]answer{{7, 4, accept}})
	if err := errors.Join(q.Close(), wait()); err != nil {
		t.Error(err)
	}
	if got := q.Stats(); got.Foreign != 3 || got.Packets != 1 {
		t.Errorf("stats %+v, want 3 foreign messages and 1 packet", got)
	}
}
