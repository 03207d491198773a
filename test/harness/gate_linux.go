package harness

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// Ports of a gate's policy: what the far side may and may not open to the
// protected host, where an echo server of the protected host may be, and what
// the protected host may and may not open.
const (
	GateIn       = 1001
	GateInNever  = 1002
	GateEcho     = 1003
	GateOut      = 2001
	GateOutNever = 2002
)

// GatePolicy is the policy of most tests of the life cycle.
func GatePolicy(settings ...string) string {
	return GateOn([]string{"eth0"}, settings...)
}

// GateOn is gatePolicy for other devices. One queue keeps the order of packets.
func GateOn(devices []string, settings ...string) string {
	text := PolicyOn(devices[0],
		[]string{Allow("udp", GateIn), Allow("udp", GateEcho), Allow("tcp", GateEcho)},
		[]string{Allow("udp", GateOut)},
		append([]string{InOrder}, settings...)...)
	for _, d := range devices[1:] {
		text = strings.Replace(text, "settings:",
			fmt.Sprintf("  - device: %q\n    security_groups: [state]\nsettings:", d), 1)
	}
	return text
}

// passage is what gets through a gate.
type passage int

const (
	Filtered passage = iota // what the policy allows and nothing else
	Open                    // everything
	Shut                    // nothing
)

// Gate tries real traffic between the far side and the protected host, in both
// directions and families.
type Gate struct {
	T testing.TB
	// far and near are the addresses of the two sides, IPv4 first.
	FarHost, NearHost *netlab.Host
	Far, Near         []netip.Addr
	// At holds the receivers by their address and port.
	At map[netip.AddrPort]*Inbox
	// Turned is true while the policy allows what it refused at first.
	Turned bool
}

// newGate listens on both ends of a link; far is the unprotected one.
func newGate(t testing.TB, far, near *netlab.Device) *Gate {
	t.Helper()
	return gateBetween(t, far.Host(), BothAddresses(far), near.Host(), BothAddresses(near))
}

func gateBetween(t testing.TB, farHost *netlab.Host, far []netip.Addr, nearHost *netlab.Host,
	near []netip.Addr) *Gate {
	t.Helper()
	g := &Gate{T: t, FarHost: farHost, NearHost: nearHost, Far: far, Near: near,
		At: make(map[netip.AddrPort]*Inbox)}
	for i := range far {
		for _, p := range []int{GateIn, GateInNever} {
			to := AddrPort(near[i], p)
			g.At[to] = NewInbox(t, nearHost, to)
		}
		for _, p := range []int{GateOut, GateOutNever} {
			to := AddrPort(far[i], p)
			g.At[to] = NewInbox(t, farHost, to)
		}
	}
	return g
}

// NewPair is a lab of two hosts and the gate between them; the server is the
// protected one.
func NewPair(t testing.TB) (client, server *netlab.Device, g *Gate) {
	t.Helper()
	lab := labtest.New(t, netlab.Pair())
	client, server = lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	return client, server, newGate(t, client, server)
}

// Path is one way through the gate: a sender's host and address, and where it
// sends to.
type Path struct {
	Host    *netlab.Host
	From    netip.Addr
	To      netip.AddrPort
	allowed bool
}

func (g *Gate) Lanes() (out []Path) {
	for i := range g.Far {
		out = append(out,
			Path{g.FarHost, g.Far[i], AddrPort(g.Near[i], GateInNever), g.Turned},
			Path{g.FarHost, g.Far[i], AddrPort(g.Near[i], GateIn), !g.Turned},
			Path{g.NearHost, g.Near[i], AddrPort(g.Far[i], GateOutNever), g.Turned},
			Path{g.NearHost, g.Near[i], AddrPort(g.Far[i], GateOut), !g.Turned})
	}
	return out
}

// Expect sends one datagram of a new flow along every lane and compares what
// arrives with what should.
func (g *Gate) Expect(t testing.TB, when string, want passage) {
	t.Helper()
	lanes := g.Lanes()
	contents := make([][]byte, len(lanes))
	// What is refused goes first, so that what is allowed arrives behind it.
	for _, allowed := range []bool{false, true} {
		for i, l := range lanes {
			if l.allowed == allowed {
				contents[i] = g.Shoot(t, l)
			}
		}
	}
	wait := EnoughTime(t)
	for _, passes := range []bool{true, false} {
		if want == Shut && !passes {
			time.Sleep(SilenceTimeout)
		}
		for i, l := range lanes {
			if passes != (want == Open || want == Filtered && l.allowed) {
				continue
			}
			if passes {
				if _, ok := g.At[l.To].Receives(contents[i], wait); !ok {
					t.Errorf("%s: a datagram from %s to %s did not arrive", when, l.From, l.To)
					wait = SilenceTimeout
				}
			} else if _, ok := g.At[l.To].Has(contents[i]); ok {
				t.Errorf("%s: a datagram from %s to %s arrived", when, l.From, l.To)
			}
		}
	}
}

// Soon is expect for a state that comes about by itself in a moment: it waits
// until the allowed lanes pass. Only then it judges.
func (g *Gate) Soon(t testing.TB, when string, want passage) {
	t.Helper()
	deadline := time.Now().Add(EnoughTime(t))
	for _, l := range g.Lanes() {
		for l.allowed && time.Now().Before(deadline) {
			if _, ok := g.At[l.To].Receives(g.Shoot(t, l), 50*time.Millisecond); ok {
				break
			}
		}
	}
	g.Expect(t, when, want)
}

// Shoot sends one datagram of a new flow and returns its content.
func (g *Gate) Shoot(t testing.TB, l Path) []byte {
	t.Helper()
	content := Nonce()
	c, err := l.Host.Dial(labtest.Within(t, ArrivalTimeout), "udp", l.To,
		netlab.From(AddrPort(l.From, UnusedPort())))
	if err != nil {
		t.Errorf("%s to %s: %v", l.From, l.To, err)
		return content
	}
	defer c.Close()
	// A packet dropped on the output hook is EPERM for its sender.
	_, _ = c.Write(content)
	return content
}

// KeepTrying sends what must never arrive along the forbidden lanes until the
// siege is lifted, which fails the test if anything got through. g must not be
// opened meanwhile.
func (g *Gate) KeepTrying(t testing.TB) (lift func()) {
	t.Helper()
	mark := "siege " + string(Nonce()) + " "
	var wg sync.WaitGroup
	var over atomic.Bool
	var sent atomic.Int64
	for _, l := range g.Lanes() {
		if l.allowed {
			continue
		}
		c, err := l.Host.ListenPacket(t.Context(), "udp", AddrPort(l.From, 0))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			to := net.UDPAddrFromAddrPort(l.To)
			for n := 0; !over.Load(); n++ {
				_, _ = c.WriteTo(fmt.Appendf(nil, mark+"%d", n), to)
				sent.Add(1)
				time.Sleep(200 * time.Microsecond)
			}
		})
	}
	lift = sync.OnceFunc(func() {
		over.Store(true)
		wg.Wait()
		arrived := 0
		for _, in := range g.At {
			in.Mu.Lock()
			for content := range in.Got {
				if strings.HasPrefix(content, mark) {
					arrived++
				}
			}
			in.Mu.Unlock()
		}
		if arrived > 0 {
			t.Errorf("%d of %d datagrams that no rule allows arrived", arrived, sent.Load())
		}
		if sent.Load() < 10 {
			t.Errorf("the siege sent %d datagrams only", sent.Load())
		}
	})
	t.Cleanup(lift)
	return lift
}

// Turn makes the gate expect the other policy.
func (g *Gate) Turn() { g.Turned = !g.Turned }
