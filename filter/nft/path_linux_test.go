package nft

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
)

// TestDeviceNames: whole names, prefixes, devices that come later, and lo.
func TestDeviceNames(t *testing.T) {
	for _, c := range []struct {
		device string
		closed bool
	}{
		{"eth0", true}, {"eth*", true}, {"e*", true}, {"*", true},
		{"eth", false}, {"eth00", false}, {"eth00*", false}, {"th0", false},
	} {
		t.Run(c.device, func(t *testing.T) {
			host, peer := newLab(t), newLab(t)
			table := host.open()
			host.apply(table, plan(policy.FailDrop, c.device))
			// The device comes after its rule.
			join(host, "eth0", []string{"10.7.0.1/24"}, peer, "eth0", []string{"10.7.0.2/24"})
			knock(t, host, peer, !c.closed, "in")
			out, at := host.udp("10.7.0.1:0"), peer.udp("10.7.0.2:0")
			send(t, out, at.LocalAddr().String(), []byte("out"))
			if got := gets(at, "out", waitFor(!c.closed)); got == c.closed {
				t.Errorf("out: passes: %v", got)
			}
			for _, own := range []string{"127.0.0.1:0", "10.7.0.1:0", "[::1]:0"} {
				at := host.udp(own)
				send(t, at, at.LocalAddr().String(), []byte("self"))
				if !gets(at, "self", arrives) {
					t.Errorf("the machine cannot reach itself at %s", own)
				}
			}
		})
	}
}

// street is left - router - right, with a route each way.
func street(t *testing.T) (left, router, right *lab) {
	t.Helper()
	left, router, right = newLab(t), newLab(t), newLab(t)
	join(router, "west", []string{"10.1.0.1/24", "fd01::1/64"}, left, "eth0",
		[]string{"10.1.0.2/24", "fd01::2/64"})
	join(router, "east", []string{"10.2.0.1/24", "fd02::1/64"}, right, "eth0",
		[]string{"10.2.0.2/24", "fd02::2/64"})
	for _, path := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		router.sysctl(path, "1")
	}
	left.route("10.2.0.0/24", "10.1.0.1")
	left.route("fd02::/64", "fd01::1")
	right.route("10.1.0.0/24", "10.2.0.1")
	right.route("fd01::/64", "fd02::1")
	return left, router, right
}

// TestForward: one queue event for a packet that crosses one or two managed
// devices, none for one that crosses none.
func TestForward(t *testing.T) {
	left, router, right := street(t)
	table := router.open()
	q := router.answer(4270, func(queuedPacket) bool { return true })
	from := map[string]*net.UDPConn{
		"10.2.0.2:700": left.udp("10.1.0.2:0"), "[fd02::2]:700": left.udp("[fd01::2]:0")}
	for _, c := range []struct {
		devices []string
		events  int
	}{
		{nil, 0}, {[]string{"west"}, 1}, {[]string{"east"}, 1}, {[]string{"east", "west"}, 1},
		{[]string{"south"}, 0},
	} {
		p := plan(policy.FailDrop, c.devices...)
		p.QueueCount = 1
		router.apply(table, p)
		for to, out := range from {
			at := right.udp(to)
			q.forget()
			send(t, out, to, []byte("through"))
			if !gets(at, "through", arrives) {
				t.Errorf("%v: %s does not arrive", c.devices, to)
			}
			_ = at.Close()
			if got := q.seen(hookForward); got != c.events {
				t.Errorf("%v: %s: %d events", c.devices, to, got)
			}
		}
	}
	// And without an answer nothing crosses.
	p := plan(policy.FailDrop, "east")
	p.QueueBase = 5000
	router.apply(table, p)
	for to, out := range from {
		at := right.udp(to)
		send(t, out, to, []byte("through"))
		if gets(at, "through", silence) {
			t.Errorf("%s arrives without a verdict", to)
		}
	}
}

// TestReassembly: with the holder, every hook sees whole packets; without one,
// this kernel shows fragments, so the test can fail.
func TestReassembly(t *testing.T) {
	for _, kind := range []Reassembly{ReassemblyTProxy, ReassemblyConntrack, ReassemblyNone} {
		t.Run(string(kind), func(t *testing.T) {
			left, router, right := street(t)
			table := router.open()
			table.features.reassembly = kind
			q := router.answer(4270, func(queuedPacket) bool { return true })
			p := plan(policy.FailDrop, "west")
			p.QueueCount = 1
			router.apply(table, p)
			conntrack := router.tracked()
			for _, c := range []struct {
				name, from, to string
				at             *lab
				hook           uint8
				raw            bool // fragments are seen without a holder
			}{
				{"IPv4 input", "10.1.0.2:0", "10.1.0.1:700", router, hookInput, false},
				{"IPv6 input", "[fd01::2]:0", "[fd01::1]:700", router, hookInput, true},
				{"IPv4 forward", "10.1.0.2:0", "10.2.0.2:700", right, hookForward, true},
				{"IPv6 forward", "[fd01::2]:0", "[fd02::2]:700", right, hookForward, true},
			} {
				out, at := left.udp(c.from), c.at.udp(c.to)
				q.forget()
				text := strings.Repeat("x", 4000)
				send(t, out, c.to, []byte(text))
				if !gets(at, text, arrives) {
					t.Errorf("%s: does not arrive", c.name)
				}
				whole := 0
				for _, packet := range q.all() {
					if packet.hook == c.hook && len(packet.bytes) >= 4000 {
						whole++
					}
				}
				seen := q.seen(c.hook)
				if c.raw && kind == ReassemblyNone {
					if seen < 3 || whole != 0 {
						t.Errorf("%s: %d packets, %d whole: fragments were expected", c.name, seen, whole)
					}
				} else if seen != 1 || whole != 1 {
					t.Errorf("%s: %d packets, %d whole", c.name, seen, whole)
				}
			}
			if got := router.tracked() - conntrack; (got > 0) != (kind == ReassemblyConntrack) {
				t.Errorf("kernel tracked %d connections", got)
			}
		})
	}
}

// tracked is the number of connections that the kernel tracks in the namespace.
func (l *lab) tracked() (n int) {
	l.t.Helper()
	b := l.readFile("/proc/sys/net/netfilter/nf_conntrack_count")
	if _, err := fmt.Sscan(b, &n); err != nil {
		l.t.Skipf("kernel without conntrack: %v", err)
	}
	return n
}

// TestBothDirectionsMeetOneQueue: the balance is a symmetric hash of addresses.
func TestBothDirectionsMeetOneQueue(t *testing.T) {
	host, peer := pair(t)
	const queues = 4
	var answers [queues]*listener
	for i := range answers {
		answers[i] = host.answer(4270+uint16(i), func(queuedPacket) bool { return true })
	}
	table := host.open()
	p := plan(policy.FailDrop, "eth0")
	p.QueueCount = queues
	host.apply(table, p)
	used := make(map[int]bool)
	for n := 10; n < 26; n++ {
		own := fmt.Sprintf("10.7.0.%d", n)
		peer.addAddress("eth0", own+"/24")
		at, from := host.udp("10.7.0.1:0"), peer.udp(own+":0")
		for _, a := range answers {
			a.forget()
		}
		send(t, from, at.LocalAddr().String(), []byte("ask"))
		if !gets(at, "ask", arrives) {
			t.Fatal("ask does not arrive")
		}
		send(t, at, from.LocalAddr().String(), []byte("answer"))
		if !gets(from, "answer", arrives) {
			t.Fatal("answer does not arrive")
		}
		for i, a := range answers {
			in, out := a.seen(hookInput), a.seen(hookOutput)
			if in != out {
				t.Errorf("%s: queue %d saw %d in, %d out", own, 4270+i, in, out)
			}
			if in > 0 {
				used[i] = true
			}
		}
	}
	if len(used) < 2 {
		t.Errorf("16 address pairs used %d queues of %d", len(used), queues)
	}
}

// TestApplyLeavesNoGap replaces the rules again and again under traffic that
// nobody answers.
func TestApplyLeavesNoGap(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	host.apply(table, plan(policy.FailDrop, "eth0"))
	before := host.handles()
	start := time.Now()
	const (
		rounds = 100
		most   = 10 * time.Second // on a machine that is busy with others
	)
	done := 0
	leaked, sent := flood(t, host, peer, func() {
		for i := 0; i < rounds && time.Since(start) < most; i++ {
			done++
			p := plan(policy.FailDrop, "eth0", fmt.Sprintf("dummy%d", i), "veth-*")
			p.QueueBase += uint16(i % 7)
			host.apply(table, p)
		}
	})
	t.Logf("%d datagrams during %d updates in %v", sent, done, time.Since(start)-silence)
	if leaked != 0 || sent < 1000 {
		t.Errorf("%d of %d datagrams passed", leaked, sent)
	}
	for name, handle := range host.handles() {
		if before[name] != handle {
			t.Errorf("chain %s was made anew", name)
		}
	}
	// The same traffic passes when nothing is managed: the flood would show a gap.
	leaked, sent = flood(t, host, peer,
		func() { host.apply(table, plan(policy.FailDrop)); time.Sleep(silence) })
	if leaked == 0 {
		t.Errorf("0 of %d datagrams passed an open device", sent)
	}
}

// TestApplyKeepsWaitingPackets: replacing rules loses no packet that waits for
// its verdict; that is why base chains are never made anew.
func TestApplyKeepsWaitingPackets(t *testing.T) {
	host, peer := pair(t)
	release := make(chan struct{})
	q := host.answer(4270, func(queuedPacket) bool { <-release; return true })
	table := host.open()
	p := plan(policy.FailDrop, "eth0")
	p.QueueCount = 1
	host.apply(table, p)
	at := host.udp("10.7.0.1:0")
	send(t, peer.udp("10.7.0.2:0"), at.LocalAddr().String(), []byte("waiting"))
	for deadline := time.Now().Add(arrives); q.seen(hookInput) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		host.apply(table, p)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	close(release)
	if !gets(at, "waiting", arrives) {
		t.Error("a waiting packet was lost")
	}
}

// TestFlush: the first half of an ordered stop opens the devices and keeps the
// chains; the second leaves nothing.
func TestFlush(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	if err := table.Flush(); err != nil {
		t.Errorf("Flush before Apply: %v", err)
	}
	host.apply(table, plan(policy.FailDrop, "eth0"))
	before := host.handles()
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	knock(t, host, peer, true, "after Flush")
	for name, handle := range host.handles() {
		if before[name] != handle {
			t.Errorf("chain %s was made anew", name)
		}
	}
	if err := table.Verify(); err != nil {
		t.Errorf("after Flush: %v", err)
	}
	host.apply(table, plan(policy.FailDrop, "eth0"))
	knock(t, host, peer, false, "after Flush and Apply")
	for range 2 {
		if err := table.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if got := host.tables(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if chains, err := host.foreign().ListChains(); err != nil || len(chains) != 0 {
		t.Errorf("left behind: %v, %v", chains, err)
	}
	knock(t, host, peer, true, "after Remove")
}

// TestManyDevices: a plan of a thousand devices, whose rules are one transaction.
func TestManyDevices(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("tap%d", i))
	}
	start := time.Now()
	host.apply(table, plan(policy.FailDrop, append(names, "eth0")...))
	t.Logf("1001 devices in %v", time.Since(start))
	knock(t, host, peer, false, "one device of a thousand")
	if err := table.Verify(); err != nil {
		t.Error(err)
	}
}
