package nfqueue

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab/labtest"
)

// testUnprivileged: without privilege the error names the missing capability.
func testUnprivileged(t *testing.T, d Driver) {
	labtest.NeedsRealRoot(t, "it becomes another user")
	// Drop the privileges of this thread only, which ends with the test. The groups go first,
	// because root's groups may read files of root.
	const nobody = 65534
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, nobody, nobody, nobody},
		{unix.SYS_SETRESUID, nobody, nobody, nobody},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			t.Fatal(errno)
		}
	}
	q, err := Open(d, Config{Queue: testQueue}, &recorder{})
	if err == nil {
		q.Close()
		t.Fatal("opened without privilege")
	}
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") ||
		!strings.Contains(err.Error(), "4270") {
		t.Errorf("%v, want EPERM and words about CAP_NET_ADMIN and the queue", err)
	}
	if _, err := ReadKernelQueues(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("ReadKernelQueues: %v, want a permission error", err)
	}
}

// testForeignSender: the kernel refuses messages from another socket to ours.
func testForeignSender(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue}, &recorder{})
	entry, ok := kernelEntry(t, testQueue)
	if !ok {
		t.Fatal("the queue is not bound")
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: entry.PortID}
	err = unix.Sendto(fd, goodPacket(testQueue, 1, 'a'), 0, to)
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("message of a stranger: %v, want ECONNREFUSED", err)
	}
	if err := q.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if got := q.Stats(); got.Packets != 0 {
		t.Errorf("stats %+v, want no packet", got)
	}
}

// testUnbound: Run ends if the queue is unbound without the driver.
func testUnbound(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue}, &recorder{})
	queueUDP(t, testQueue, 1)
	wait := run(t, q)
	p := newUDPPair(t, "127.0.0.1")
	p.send('a')
	p.want('a')
	m, err := configMessage(testQueue, 0, commandAttr(2)) // NFQNL_CFG_CMD_UNBIND
	if err != nil {
		t.Fatal(err)
	}
	b, err := marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	sendRequest(t, q, b)
	if err := wait(); !errors.Is(err, ErrGone) {
		t.Errorf("Run: %v, want ErrGone", err)
	}
	p.send('a')
	p.wantNothing()
}

// testCloseDrops: Close drops the packets that wait, whatever the handler would have decided.
func testCloseDrops(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue}, &recorder{})
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	p.send('a')
	p.send('a')
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if entry, ok := kernelEntry(t, testQueue); ok {
		t.Errorf("the kernel still has %+v", entry)
	}
	p.wantNothing()
	// The number is free again.
	q = mustOpen(t, d, Config{Queue: testQueue}, &recorder{})
	wait := run(t, q)
	p.send('b')
	p.want('b')
	mustClose(t, q, wait)
}

// testRulesFirst: rules of an earlier run send packets to the queue while it is set up. No packet
// may get lost among the answers to the configuration, nor be taken for one.
func testRulesFirst(t *testing.T, d Driver) {
	queueUDP(t, testQueue, 1)
	p := newUDPPair(t, "127.0.0.1")
	var stop atomic.Bool
	flood := make(chan struct{})
	go func() {
		defer close(flood)
		for !stop.Load() {
			_, _ = p.out.Write([]byte{'x'})
		}
	}()
	defer func() {
		stop.Store(true)
		<-flood
	}()
	for i := range 20 {
		q, err := Open(d, Config{Queue: testQueue}, &recorder{})
		if err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
		wait := run(t, q)
		for deadline := time.Now().Add(patience); q.Stats().Accepted < 10; {
			if time.Now().After(deadline) {
				t.Fatalf("stats %+v", q.Stats())
			}
			time.Sleep(time.Millisecond)
		}
		if i == 19 {
			stop.Store(true)
			<-flood
			if err := q.Drain(t.Context()); err != nil {
				t.Errorf("after the flood: %v", err)
			}
		}
		mustClose(t, q, wait)
		if got := q.Stats(); got.Malformed != 0 || got.Accepted != got.Packets {
			t.Errorf("stats %+v", got)
		}
	}
}

// testOwned: opening a queue that another socket has is refused, with the name of the owner.
func testOwned(t *testing.T, d Driver) {
	q := mustOpen(t, d, Config{Queue: testQueue}, &recorder{})
	second, err := Open(d, Config{Queue: testQueue}, &recorder{})
	if err == nil {
		second.Close()
		t.Fatal("opened twice")
	}
	var owned *OwnedError
	if !errors.Is(err, ErrOwned) || !errors.As(err, &owned) {
		t.Fatalf("%v, want ErrOwned", err)
	}
	comm, readErr := os.ReadFile("/proc/self/comm")
	if readErr != nil {
		t.Fatal(readErr)
	}
	if owned.Queue != testQueue || owned.PortID == 0 || owned.PID != os.Getpid() ||
		owned.Command != string(bytes.TrimSpace(comm)) {
		t.Errorf("owner %+v, want this process, %d", owned, os.Getpid())
	}
	// The kernel's own refusal is explained in the same way.
	again := Config{Queue: testQueue, CopyRange: 512, MaxLen: 1, ReadBuffer: 1 << 16}
	if _, err := bindDescriptor(again); !errors.Is(err, ErrOwned) {
		t.Errorf("bound without asking first: %v, want ErrOwned", err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("none", Config{Queue: testQueue}, &recorder{}); err == nil {
		t.Error("opened with a driver that does not exist")
	}
}

// TestExplainBind: errors of the kernel are explained in words.
func TestExplainBind(t *testing.T) {
	namespace(t)
	for errno, want := range map[unix.Errno]string{
		unix.EPERM:  "CAP_NET_ADMIN",
		unix.EBUSY:  "taken",
		unix.EINVAL: "nfnetlink_queue",
	} {
		err := explainBind(&netlink.OpError{Op: "receive", Err: errno}, testQueue)
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %q, want words about %q", errno, err, want)
		}
	}
}
