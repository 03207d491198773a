package nfqueue

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"sgfw/filter"
	"sgfw/test/netlab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// namespace moves the calling goroutine's thread to a new network namespace with lo up. The
// thread ends with the goroutine, and the namespace with it. Sockets must be opened by this
// goroutine.
func namespace(tb testing.TB) {
	tb.Helper()
	labtest.RequireRoot(tb)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("new network namespace: %v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		tb.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		tb.Fatalf("set lo up: %v", err)
	}
}

// queueUDP sends every UDP packet of the output hook to total queues from number on. It uses the
// xtables target, which needs no NFT_QUEUE in the kernel.
func queueUDP(tb testing.TB, number, total uint16) {
	tb.Helper()
	c, err := nftables.New()
	if err != nil {
		tb.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "test"})
	policy := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter, Policy: &policy,
	})
	info := make(xt.Unknown, 8) // struct xt_NFQ_info_v3: number, total, flags
	binary.NativeEndian.PutUint16(info, number)
	binary.NativeEndian.PutUint16(info[2:], total)
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info},
	}})
	if err := c.Flush(); err != nil {
		tb.Fatalf("install the rule: %v", err)
	}
}

// flushRules removes the rules and keeps the chains: removing a base chain would drop the packets
// that wait.
func flushRules(tb testing.TB) {
	tb.Helper()
	c, err := nftables.New()
	if err != nil {
		tb.Fatal(err)
	}
	c.FlushTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "test"})
	if err := c.Flush(); err != nil {
		tb.Fatalf("flush the rule: %v", err)
	}
}

// udpPair is a sender and a receiver on lo.
type udpPair struct {
	tb  testing.TB
	out *net.UDPConn
	in  *net.UDPConn
}

func newUDPPair(tb testing.TB, ip string) *udpPair {
	tb.Helper()
	at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0))
	in, err := net.ListenUDP("udp", at)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close() })
	out, err := net.DialUDP("udp", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { out.Close() })
	return &udpPair{tb: tb, out: out, in: in}
}

func (p *udpPair) send(payload ...byte) {
	p.tb.Helper()
	// With a full queue the error is EPERM: the packet was dropped in the output hook.
	if _, err := p.out.Write(payload); err != nil && !errors.Is(err, unix.EPERM) {
		p.tb.Fatal(err)
	}
}

// want receives exactly these first bytes, in order.
func (p *udpPair) want(first ...byte) {
	p.tb.Helper()
	b := make([]byte, 65536)
	for _, w := range first {
		p.in.SetReadDeadline(time.Now().Add(patience))
		n, err := p.in.Read(b)
		if err != nil {
			p.tb.Fatalf("waiting for %q: %v", w, err)
		}
		if n == 0 || b[0] != w {
			p.tb.Fatalf("received %q, want %q", b[:n], w)
		}
	}
}

// wantNothing asserts that nothing more arrives. It is called when everything must have arrived.
func (p *udpPair) wantNothing() {
	p.tb.Helper()
	b := make([]byte, 65536)
	p.in.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := p.in.Read(b); err == nil {
		p.tb.Fatalf("received %q, want nothing", b[:n])
	}
}

func mustOpen(tb testing.TB, d Driver, cfg Config, h Handler) Queue {
	tb.Helper()
	q, err := Open(d, cfg, h)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

func mustClose(t *testing.T, q Queue, wait func() error) {
	t.Helper()
	if err := errors.Join(q.Close(), wait()); err != nil {
		t.Error(err)
	}
}

func kernelEntry(tb testing.TB, number uint16) (KernelQueue, bool) {
	tb.Helper()
	queues, err := ReadKernelQueues()
	if err != nil {
		tb.Fatal(err)
	}
	return findKernelQueue(queues, number)
}

// byFirstByte accepts payloads that start with an 'a'.
func byFirstByte(ev *filter.Event) bool {
	header := 20
	if ev.Frame.Bytes[0]>>4 == 6 {
		header = 40
	}
	return ev.Frame.Bytes[header+8] == 'a'
}

const testQueue = 4270
