package nfqueue

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKernelQueues(t *testing.T) {
	// Lines as Linux 6.18 prints them.
	const table = "" +
		" 4270   1234     3 2   512     4     5       18  1\n" +
		"65535 -423311     0 0     0     0     0        0  1\n" +
		"    0 4294543985     0 2 65531     0     0 4294967295  1\n"
	got, err := parseKernelQueues(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := []KernelQueue{
		{
			Queue: 4270, PortID: 1234, Waiting: 3, CopyMode: 2, CopyRange: 512,
			QueueDropped: 4, UserDropped: 5, LastID: 18,
		},
		{Queue: 65535, PortID: 1<<32 - 423311},
		{Queue: 0, PortID: 4294543985, CopyMode: 2, CopyRange: 65531, LastID: 4294967295},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("queues (-want +got):\n%s", d)
	}
	if _, ok := findKernelQueue(got, 1); ok {
		t.Error("found a queue that is not there")
	}
	if q, ok := findKernelQueue(got, 65535); !ok || q.PortID != want[1].PortID {
		t.Errorf("found %+v, %v", q, ok)
	}
	if got, err := parseKernelQueues(strings.NewReader("")); err != nil || len(got) != 0 {
		t.Errorf("empty table: %v, %v", got, err)
	}
	for _, bad := range []string{
		"1 2 3", "1 2 3 4 5 6 7 x 1", "65536 1 0 2 512 0 0 0 1", "1 2 3 256 5 6 7 8 1",
	} {
		if got, err := parseKernelQueues(strings.NewReader(bad)); err == nil {
			t.Errorf("%q read as %+v", bad, got)
		}
	}
}

func TestParseNetlinkInode(t *testing.T) {
	const table = `
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000000000000 0   1234       00000000 0        0        0     2        0        11
0000000000000000 12  1234       00000000 0        0        0     2        0        22
0000000000000000 12  -423311    00000000 0        0        0     2        0        33
0000000000000000 12  4294543986 00000000 0        0        0     2        0        44
`
	for _, tt := range []struct {
		port uint32
		want string
	}{{1234, "22"}, {1<<32 - 423311, "33"}, {4294543986, "44"}, {9, ""}} {
		got, ok := parseNetlinkInode(strings.NewReader(table), 12, tt.port)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("port %d: inode %q, %v; want %q", tt.port, got, ok, tt.want)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	got, err := Config{Queue: 3}.withDefaults()
	want := Config{Queue: 3, CopyRange: 512, MaxLen: 4096, ReadBuffer: 4096 * 1536}
	if err != nil || got != want {
		t.Errorf("defaults %+v, %v; want %+v", got, err, want)
	}
	got, err = Config{CopyRange: MaxCopyRange, MaxLen: 1 << 20}.withDefaults()
	if err != nil || got.ReadBuffer != maxReadBuffer {
		t.Errorf("large queue: %+v, %v; want a read buffer of %d", got, err, maxReadBuffer)
	}
	for _, bad := range []Config{{CopyRange: 511}, {CopyRange: MaxCopyRange + 1}, {ReadBuffer: -1}} {
		if q, err := Open(DriverBatch, bad, nil); err == nil {
			q.Close()
			t.Errorf("%+v opened", bad)
		}
	}
}

func TestOwnedError(t *testing.T) {
	err := error(&OwnedError{Queue: 5, PortID: 77, PID: 42, Command: "suricata"})
	if !errors.Is(err, ErrOwned) || errors.Is(err, ErrGone) {
		t.Error("an OwnedError must match ErrOwned and nothing else")
	}
	want := "queue 5 is taken by netlink port 77 (PID 42, suricata)"
	if got := err.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDrained(t *testing.T) {
	if done, err := drained(0, 1); !done || err != nil {
		t.Errorf("nothing waits: %v, %v", done, err)
	}
	if done, _ := drained(1, drainAttempts-1); done {
		t.Error("gave up a waiting packet too early")
	}
	if done, err := drained(2, drainAttempts); !done || !errors.Is(err, ErrStranded) {
		t.Errorf("two packets without a message: %v, %v", done, err)
	}
}

func TestStatsAdd(t *testing.T) {
	one := Stats{
		Packets: 1, Accepted: 2, Dropped: 3, Malformed: 4, UnknownAttributes: 5,
		Foreign: 6, VerdictErrors: 7, Overruns: 8, Batches: 9, Panics: 10,
		Times: BatchTimes{Sum: 11, Within: [spans + 1]uint64{1, 2, 3, spans: 4}},
	}
	two := Stats{
		Packets: 2, Accepted: 4, Dropped: 6, Malformed: 8, UnknownAttributes: 10,
		Foreign: 12, VerdictErrors: 14, Overruns: 16, Batches: 18, Panics: 20,
		Times: BatchTimes{Sum: 22, Within: [spans + 1]uint64{2, 4, 6, spans: 8}},
	}
	if d := cmp.Diff(two, one.Add(one)); d != "" {
		t.Errorf("sum (-want +got):\n%s", d)
	}
	if got := (Stats{Heartbeats: 3}).Add(Stats{Heartbeats: 4}).Heartbeats; got != 7 {
		t.Errorf("3 and 4 heartbeats are %d", got)
	}
	var c counters
	for range 2 {
		s := one
		c.publish(&s)
		if s != (Stats{}) {
			t.Errorf("published counters keep %+v", s)
		}
	}
	if d := cmp.Diff(two, c.stats()); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
}
