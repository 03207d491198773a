package operations

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/filter/nflog"
	"sgfw/filter/nft"
	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// logGroups lists who listens on log groups in a host.
func logGroups(t *testing.T, h *netlab.Host) string {
	t.Helper()
	b, err := h.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLearnLeavesNothing: after kill -9 the kernel has nothing of sgfw learn any more, while it
// runs another one is refused, and it needs neither the file that is there already nor a
// daemon.
func TestLearnLeavesNothing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	server := lab.Host("server")
	rules, groups := harness.Ruleset(t, server), logGroups(t, server)
	for round := range 2 { // the second one finds nothing in its way
		l := learn(t, server, "--device", "eth0")
		if !watches(t, server) || logGroups(t, server) == groups {
			t.Fatal("it does not watch")
		}
		d := harness.Prepare(t, server, "")
		if out := d.Must(t, 1, "learn", "--device", "eth0"); !strings.Contains(out,
			"another sgfw learn watches this network namespace") {
			t.Errorf("two at a time:\n%s", out)
		}
		if round == 0 {
			if out := d.Must(t, 5, "learn", "--device", "eth0", "-o", d.Config); !strings.Contains(out,
				"is there already") {
				t.Errorf("over a file:\n%s", out)
			}
			if out := d.Must(t, 2, "learn", "--device", "eth1"); !strings.Contains(out,
				"did you mean eth0?") {
				t.Errorf("of a device that is not there:\n%s", out)
			}
		}
		if err := l.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = l.cmd.Wait()
		deadline := time.Now().Add(harness.ArrivalTimeout)
		for watches(t, server) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		if got := harness.Ruleset(t, server); !slices.Equal(got, rules) {
			t.Errorf("rules after kill -9: %q, before: %q", got, rules)
		}
		if got := logGroups(t, server); got != groups {
			t.Errorf("listeners after kill -9: %q, before: %q", got, groups)
		}
		if _, err := os.Stat(l.written); err == nil {
			t.Error("it wrote a policy")
		}
	}
}

// TestLearnLosesNoPacket sends datagrams to many ports as fast as one can, while sgfw learn
// begins, watches, is killed, begins again and ends: all of them arrive. What it could not
// read it counts; the policy has what it saw.
func TestLearnLosesNoPacket(t *testing.T) {
	labtest.NeedsRealRoot(t, "the receiver has a buffer beyond the machine's limit")
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	to := harness.ParseAddrPort("192.0.2.2:9000")
	inbox := harness.NewInbox(t, server, to, netlab.Sockopt(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE,
		64<<20))
	// Each socket has a port of its own, so each datagram begins a conversation for a while.
	var from []net.PacketConn
	for range 200 {
		c, err := client.ListenPacket(t.Context(), "udp", harness.ParseAddrPort("192.0.2.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from = append(from, c)
	}
	stop, sent := make(chan struct{}), make(chan int)
	var soFar atomic.Int64
	another := func(n int64) { // waits until so many more are sent
		end, deadline := soFar.Load()+n, time.Now().Add(harness.ArrivalTimeout)
		for soFar.Load() < end && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
	}
	go func() {
		n := 0
		defer func() { sent <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			// What the sender's own device has no room for is lost without anybody's doing.
			if _, err := from[n%len(from)].WriteTo(fmt.Appendf(nil, "%d", n),
				net.UDPAddrFromAddrPort(to)); err == nil {
				n++
				soFar.Add(1)
			}
			if n%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	another(1000)
	l := learn(t, server, "--device", "eth0")
	another(1000)
	if err := l.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = l.cmd.Wait()
	l = learn(t, server, "--device", "eth0")
	another(1000)
	policy, said := l.ends()
	close(stop)
	n := <-sent
	deadline := time.Now().Add(harness.ArrivalTimeout)
	arrived := func() int {
		inbox.Mu.Lock()
		defer inbox.Mu.Unlock()
		return len(inbox.Got)
	}
	for arrived() < n && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := arrived(); got != n || n < 3000 {
		t.Errorf("%d of %d arrived", got, n)
	}
	t.Logf("%d datagrams; %s", n, said)
	for _, want := range []string{"200 conversations", "ports: 9000", "192.0.2.1/32"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %q in the policy:\n%s", want, policy)
		}
	}
}

// TestLearnStandardOutput: without a file the policy is printed, nothing else is, and it can be
// a pipe into the daemon.
func TestLearnStandardOutput(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	server := lab.Host("server")
	harness.Echoes(t, server, netip.MustParseAddr("192.0.2.2"), 7000)
	c := server.Command(harness.Program, "--socket", filepath.Join(t.TempDir(), "s"), "learn", "--for",
		"1", "-d", "eth0", "--listeners", "192.0.2.0/24")
	var diagnostics strings.Builder
	c.Env, c.Stderr = append(os.Environ(), "SSH_CONNECTION="), &diagnostics
	out, err := c.Output()
	if err != nil || !strings.HasPrefix(string(out), "# Written by sgfw learn") {
		t.Fatalf("%v\n%s\n%s", err, out, &diagnostics)
	}
	d := harness.Prepare(t, server, string(out))
	if said := d.Must(t, 0, "check", d.Config); !strings.HasPrefix(said, d.Config+" is valid") {
		t.Errorf("check:\n%s", said)
	}
	d.Start()
	client := lab.Host("client")
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Exchange(t, "a listener that was asked for", client, "tcp",
			netip.MustParseAddr("192.0.2.1"), harness.ParseAddrPort("192.0.2.2:7000"))),
		harness.Drops(harness.Ping(t, "what was not", client, netip.MustParseAddr("192.0.2.1"),
			netip.MustParseAddr("192.0.2.2"))),
	})
}

// TestLearnBySockets: where first packets cannot be copied, live connections are learned all the
// same, and the policy says what it lacks.
func TestLearnBySockets(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	// All groups that it tries have listeners.
	if err := server.Do(func() error {
		for group := range nft.ObserveGroups {
			r, err := nflog.Open(group)
			if err != nil {
				return err
			}
			t.Cleanup(func() { r.Close() })
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	in, out := harness.ParseAddrPort("192.0.2.2:7000"), harness.ParseAddrPort("192.0.2.1:7001")
	harness.EchoOn(t, server, in)
	harness.EchoOn(t, client, out)
	var live []net.Conn
	dial := func(h *netlab.Host, from string, to netip.AddrPort) {
		t.Helper()
		c := harness.DialTCP(t, h, harness.ParseAddrPort(from), to, harness.ArrivalTimeout)
		if c == nil || !harness.Talks(c) {
			t.Fatalf("no connection to %s", to)
		}
		t.Cleanup(func() { c.Close() })
		live = append(live, c)
	}
	dial(client, "192.0.2.10:0", in)
	l := learn(t, server, "--device", "eth0")
	dial(server, "192.0.2.2:0", out)
	time.Sleep(500 * time.Millisecond) // it looks a few times a second
	policy, said := l.ends()
	if !strings.Contains(said, "First packets could not be seen") || watches(t, server) {
		t.Errorf("it says %q", said)
	}
	d := harness.Enforce(t, server, policy)
	for _, c := range live {
		if !harness.Talks(c) {
			t.Errorf("a live connection is cut:\n%s", policy)
		}
	}
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Exchange(t, "whoever was there", client, "tcp",
			netip.MustParseAddr("192.0.2.10"), in)),
		harness.Drops(harness.Exchange(t, "a stranger", client, "tcp",
			netip.MustParseAddr("192.0.2.11"), in)),
	})
	d.Stop()
}
