package offload

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// crowd is many senders outside that nobody has, and a receiver that counts what each sent.
type crowd struct {
	t      *testing.T
	device *netlab.Device
	to     netip.AddrPort
	conn   net.PacketConn
	// got counts what came of each sender, total of all, strange what none of them sent.
	got            []atomic.Uint32
	total, strange atomic.Int64
}

// inFlight is how many packets may be under way: fewer than a queue or a socket takes.
const inFlight = 400

func newCrowd(t *testing.T, h harness.Home, to netip.AddrPort, senders int) *crowd {
	t.Helper()
	conn, err := h.Fw.ListenPacket(t.Context(), "udp", to,
		netlab.Sockopt(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &crowd{t: t, device: h.Outside.Device("eth0"), to: to, conn: conn,
		got: make([]atomic.Uint32, senders)}
	go func() {
		for buf := make([]byte, 64); ; {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			sender := int(binary.BigEndian.Uint32(buf))
			if err != nil || n != 4 || sender >= senders ||
				from.(*net.UDPAddr).AddrPort() != c.at(sender) {
				c.strange.Add(1)
				continue
			}
			c.got[sender].Add(1)
			c.total.Add(1)
		}
	}()
	return c
}

// at is where a sender sends from.
func (c *crowd) at(sender int) netip.AddrPort {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 100<<24|uint32(sender)>>8<<2|1)
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(20000+sender&255))
}

// sends sends a datagram of a sender to a port.
func (c *crowd) sends(sender int, port uint16) {
	c.t.Helper()
	content := binary.BigEndian.AppendUint32(nil, uint32(sender))
	if err := c.device.Send(wire.UDP(c.at(sender), netip.AddrPortFrom(c.to.Addr(), port),
		content)); err != nil {
		c.t.Fatal(err)
	}
}

// round has senders send, in turn, no faster than the receiver takes it: all of that arrives.
func (c *crowd) round(senders int) {
	c.t.Helper()
	begun := c.total.Load()
	for n := range senders {
		c.awaits(begun + int64(n) - inFlight)
		c.sends(n, c.to.Port())
	}
	c.awaits(begun + int64(senders))
}

// awaits waits until so many have arrived.
func (c *crowd) awaits(total int64) {
	c.t.Helper()
	for end := time.Now().Add(harness.ArrivalTimeout); c.total.Load() < total; {
		if time.Now().After(end) {
			c.t.Fatalf("%d datagrams arrived, want %d", c.total.Load(), total)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// settled is how many have arrived, as soon as none has for 50 ms.
func (c *crowd) settled() int64 {
	for range 40 {
		was := c.total.Load()
		time.Sleep(50 * time.Millisecond)
		if c.total.Load() == was {
			break
		}
	}
	return c.total.Load()
}

// TestManyFlows has 100,000 flows at once, more than new ones are carried: every packet of them
// arrives, with a verdict or carried, and none is counted twice; what no rule permits between
// them does not. They go on without a rule. Then all of them are revoked while they send, and
// nothing of them arrives after the answer.
func TestManyFlows(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, forbidden, other, flows, again = 7000, 7001, 7002, 100_000, 20_000
	const most = "max_flows: 300000"
	// Of one kind, such as these, there is room for three eighths.
	with := func(ports []string) string { // a busy machine sends for longer than 30 s
		return strings.ReplaceAll(policy(ports, nil, most), "security_groups: [carried] }",
			"security_groups: [carried], connection_tracking: { udp_timeout: 60 } }")
	}
	d := harness.Enforce(t, h.Fw, with(both(p)))
	to := harness.AddrPort(harness.BothAddresses(h.Fw.Device("eth0"))[0], p)
	c := newCrowd(t, h, to, flows)
	none := harness.NewInbox(t, h.Fw, netip.AddrPortFrom(to.Addr(), forbidden))
	type counted struct {
		Flows    struct{ Live, Created int }
		Verdicts []struct {
			Verdict, Reason string
			Packets         int
		}
		Offload struct {
			Packets int
			NoRoom  int `json:"no_room"`
		}
	}
	counts := func() (s counted, accepted, dropped int) {
		time.Sleep(refreshPause)
		d.Document(&s, "status")
		for _, v := range s.Verdicts {
			switch {
			case v.Verdict == "accept" && (v.Reason == "rule" || v.Reason == "flow"):
				accepted += v.Packets
			case v.Verdict == "drop":
				dropped += v.Packets
			}
		}
		return s, accepted, dropped
	}
	begun := time.Now()
	for n := range flows / 10 { // ten of the crowd at a time, then one that is not permitted
		for i := range 10 {
			c.sends(10*n+i, p)
		}
		c.sends(n, forbidden)
		c.awaits(int64(10*n) + 10 - inFlight)
	}
	c.awaits(flows)
	c.round(again)
	took := time.Since(begun)
	s, accepted, dropped := counts()
	t.Logf("%d packets in %v, %d of them counted as carried; %d times there was no room", flows+again,
		took, s.Offload.Packets, s.Offload.NoRoom)
	if s.Flows.Live != flows || s.Flows.Created != flows {
		t.Errorf("%d flows live, %d were created, want %d", s.Flows.Live, s.Flows.Created, flows)
	}
	if accepted != flows+again || dropped < flows/10 {
		t.Errorf("%d accepted, want %d; %d dropped, want at least %d", accepted, flows+again, dropped,
			flows/10)
	}
	for sender := range c.got {
		want := uint32(1)
		if sender < again {
			want = 2
		}
		if n := c.got[sender].Load(); n != want {
			t.Fatalf("of sender %d %d datagrams arrived, want %d", sender, n, want)
		}
	}

	d.ReloadNow(with(both(other)))
	c.round(again)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n = (n + 1) % flows {
			select {
			case <-over:
				return
			case <-time.After(50 * time.Microsecond):
				c.sends(n, p)
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	d.Must(t, 0, "flows", "revoke", "--to", to.String())
	arrived := c.settled() // what had its verdict before the answer
	time.Sleep(300 * time.Millisecond)
	if n := c.total.Load() - arrived; n > 0 {
		t.Errorf("%d datagrams arrived after the revocation", n)
	}
	close(over)
	<-ended
	for n := range again {
		c.sends(n, p)
	}
	last := harness.NewInbox(t, h.Fw, netip.AddrPortFrom(to.Addr(), other))
	if _, ok := last.Receives(harness.NewInbox(t, h.Outside,
		netip.AddrPortFrom(h.OutsideIPs[0], 7003)).Send(t, netip.AddrPortFrom(to.Addr(), other)),
		harness.ArrivalTimeout); !ok {
		t.Error("what rules permit does not arrive")
	}
	if n := c.total.Load() - arrived; n > 0 || c.strange.Load() > 0 {
		t.Errorf("%d datagrams arrived after the revocation; %d are strange", n, c.strange.Load())
	}
	none.Mu.Lock()
	defer none.Mu.Unlock()
	if len(none.Got) > 0 {
		t.Errorf("%d datagrams arrived that no rule permits", len(none.Got))
	}
}
