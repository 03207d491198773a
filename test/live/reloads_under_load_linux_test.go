package live

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// Ports of TestReloadsUnderLoad: what set A allows, what set B allows, what
// both do.
const (
	portA    = 1101
	portB    = 1102
	portBoth = 1100
)

const (
	churnReloads = 500
	// churnTime bounds the test on a machine that is busy with others.
	churnTime = 12 * time.Second
	// churnShooters send new flows at the same time, each from an address of its
	// own, so that they spread over the queues.
	churnShooters = 4
	// churnDwell is how many volleys must have been judged under a set before the
	// next one is loaded.
	churnDwell = 2
)

// churn is the state that shooters and reloader share. The epoch counts: it is
// even while a set is in force, A if it is divisible by four, and odd while a
// reload is under way.
type churn struct {
	epoch atomic.Int64
	// judged counts volleys of the present epoch that could be judged, total those
	// of all, mixed those that a reload overtook.
	judged, total, mixed atomic.Int64
	// late counts datagrams that arrived behind the last one of their volley.
	late atomic.Int64
	over atomic.Bool
}

// shooter sends volleys of three datagrams, each with a source port of its own:
// to the port that the set in force refuses, to the one that it allows, and to
// the one that both sets allow, which tells that the queue has passed them all.
type shooter struct {
	t        *testing.T
	c        *churn
	dev      *netlab.Device
	from, to netip.Addr
	id, seq  uint32
	// arrived receives the volley's number and port for each datagram.
	arrived chan [2]uint32
}

func (s *shooter) run() {
	s.pin()
	// The pause leaves the processors to the program under test.
	for ; !s.c.over.Load(); time.Sleep(time.Millisecond) {
		epoch := s.c.epoch.Load()
		if epoch%2 != 0 {
			// Load on the reload itself; nothing that it lets through is judged.
			epoch = -1
		}
		refused, allowed := portB, portA
		if epoch >= 0 && epoch%4 == 2 {
			refused, allowed = portA, portB
		}
		s.seq++
		payload := binary.BigEndian.AppendUint32(nil, s.id)
		payload = binary.BigEndian.AppendUint32(payload, s.seq)
		for _, p := range []int{refused, allowed, portBoth} {
			source := harness.AddrPort(s.from, 1024+int(s.seq%60000))
			if err := s.dev.Send(wire.UDP(source, harness.AddrPort(s.to, p), payload)); err != nil {
				s.t.Error(err)
				return
			}
		}
		got, ok := s.collect()
		if !ok {
			s.t.Errorf("%s: a datagram that both sets allow did not arrive", s.from)
			s.c.over.Store(true)
			return
		}
		now := s.c.epoch.Load()
		if now == epoch && !got[allowed] {
			s.late(got)
		}
		switch {
		case epoch < 0:
		case now == epoch:
			s.c.judged.Add(1)
			s.c.total.Add(1)
			if !got[allowed] || got[refused] {
				s.t.Errorf("epoch %d, volley %d from %s: what is allowed arrived: %t, what is refused: %t",
					epoch, s.seq, s.from, got[allowed], got[refused])
			}
		case now <= epoch+2:
			// A reload came between. The queue keeps the order: what passed first by
			// the new rules was not followed by something under the old ones.
			s.c.mixed.Add(1)
			if got[allowed] && got[refused] {
				s.t.Errorf("epochs %d to %d, volley %d from %s: both sets held at once", epoch, now, s.seq,
					s.from)
			}
		}
	}
}

// pin keeps the shooter on one CPU: each has a backlog of its own for what is
// received, and on a busy machine what is sent on one may overtake what was sent
// on another before. The thread ends with the goroutine.
func (s *shooter) pin() {
	runtime.LockOSThread()
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		s.t.Error(err)
		return
	}
	nth := int(s.id) % max(may.Count(), 1)
	for cpu := range len(may) * 64 {
		if !may.IsSet(cpu) {
			continue
		}
		if nth--; nth < 0 {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		s.t.Error(err)
	}
}

// late waits for a datagram of the volley that its last one overtook.
func (s *shooter) late(got map[int]bool) {
	limit := time.NewTimer(harness.SilenceTimeout)
	defer limit.Stop()
	select {
	case a := <-s.arrived:
		if a[0] == s.seq {
			got[int(a[1])] = true
			s.c.late.Add(1)
		}
	case <-limit.C:
	}
}

// collect waits for the volley's last datagram and returns the ports that
// datagrams of it arrived at before.
func (s *shooter) collect() (map[int]bool, bool) {
	got := make(map[int]bool)
	limit := time.NewTimer(harness.ArrivalTimeout)
	defer limit.Stop()
	for {
		select {
		case a := <-s.arrived:
			if a[0] != s.seq {
				continue
			}
			if a[1] == portBoth {
				return got, true
			}
			got[int(a[1])] = true
		case <-limit.C:
			return nil, false
		}
	}
}

// deliver hands what passes the input hook to its shooter, in order.
func deliver(c *net.IPConn, shooters []*shooter) {
	buf := make([]byte, 2048)
	for {
		n, _, err := c.ReadFromIP(buf)
		if err != nil {
			return
		}
		if n != 16 { // UDP header, number of the shooter, number of the volley
			continue
		}
		if id := binary.BigEndian.Uint32(buf[8:]); int(id) < len(shooters) {
			shooters[id].arrived <- [2]uint32{
				binary.BigEndian.Uint32(buf[12:]), uint32(binary.BigEndian.Uint16(buf[2:]))}
		}
	}
}

// TestReloadsUnderLoad swaps two sets of rules some 500 times while new flows come in
// all the time: none of them meets both sets or neither, and flows that neither
// set would admit any more lose nothing.
func TestReloadsUnderLoad(t *testing.T) {
	parity.Proves(t, "D5", "T21")
	client, server, _ := harness.NewPair(t)
	set := func(ports ...int) string {
		var rules []string
		for _, p := range ports {
			rules = append(rules, harness.Allow("udp", p), harness.Allow("tcp", p))
		}
		return harness.PolicyWith(rules, nil, "queues: { count: 2 }")
	}
	d := harness.Enforce(t, server.Host(), set(harness.GateEcho))
	var pumps []*harness.EchoExchange
	var streams []*harness.Transfer
	for _, a := range harness.BothAddresses(server) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateEcho))
		pumps = append(pumps, harness.StartEchoExchange(t, client.Host(),
			harness.AddrPort(a, harness.GateEcho), time.Millisecond))
		streams = append(streams, harness.StartTransfer(t, client.Host(),
			harness.AddrPort(a, harness.GateEcho), time.Millisecond))
	}
	sets := []string{set(portBoth, portA), set(portBoth, portB)}
	d.ReloadNow(sets[0])

	c := new(churn)
	var shooters []*shooter
	for i, to := range harness.BothAddresses(server) {
		raw, err := server.Host().ListenRaw(t.Context(), wire.ProtoUDP, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		for k := range churnShooters / 2 {
			s := &shooter{t: t, c: c, dev: client, to: to, id: uint32(len(shooters)),
				arrived: make(chan [2]uint32, 64)}
			s.from = harness.IP(fmt.Sprintf([]string{"192.0.2.%d", "2001:db8::%d"}[i], 100+k))
			shooters = append(shooters, s)
		}
		// Nobody reads these, but with them there is no port unreachable.
		for _, p := range []int{portA, portB, portBoth} {
			l, err := server.Host().ListenPacket(t.Context(), "udp", harness.AddrPort(to, p))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}
		go deliver(raw, shooters)
	}
	var wg sync.WaitGroup
	for _, s := range shooters {
		wg.Go(s.run)
	}
	started := time.Now()
	reloads := 0
	for ; reloads < churnReloads && time.Since(started) < churnTime; reloads++ {
		for deadline := time.Now().Add(harness.ArrivalTimeout); c.judged.Load() < churnDwell &&
			!c.over.Load(); time.Sleep(200 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Error("no new flow was judged")
				c.over.Store(true)
			}
		}
		if c.over.Load() || t.Failed() {
			break
		}
		c.epoch.Add(1)
		d.ReloadNow(sets[(reloads+1)%2])
		c.judged.Store(0)
		c.epoch.Add(1)
	}
	c.over.Store(true)
	wg.Wait()
	for _, p := range pumps {
		p.WaitForMore(5)
		p.Finish()
	}
	for _, s := range streams {
		s.Finish()
	}
	t.Logf("%d reloads, %d volleys judged, %d overtaken by a reload, %d datagrams late", reloads,
		c.total.Load(), c.mixed.Load(), c.late.Load())
}
