package test

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
	gateIn       = 1001
	gateInNever  = 1002
	gateEcho     = 1003
	gateOut      = 2001
	gateOutNever = 2002
)

// gatePolicy is the policy of most tests of the life cycle.
func gatePolicy(settings ...string) string {
	return gateOn([]string{"eth0"}, settings...)
}

// gateOn is gatePolicy for other devices. One queue keeps the order of packets.
func gateOn(devices []string, settings ...string) string {
	text := policyOn(devices[0],
		[]string{allow("udp", gateIn), allow("udp", gateEcho), allow("tcp", gateEcho)}, []string{allow("udp", gateOut)},
		append([]string{"queues: { count: 1 }"}, settings...)...)
	for _, d := range devices[1:] {
		text = strings.Replace(text, "settings:", fmt.Sprintf("  - device: %q\n    security_groups: [state]\nsettings:", d), 1)
	}
	return text
}

// passage is what gets through a gate.
type passage int

const (
	filtered passage = iota // what the policy allows and nothing else
	open                    // everything
	shut                    // nothing
)

// gate tries real traffic between the far side and the protected host, in both
// directions and families.
type gate struct {
	t testing.TB
	// far and near are the addresses of the two sides, IPv4 first.
	farHost, nearHost *netlab.Host
	far, near         []netip.Addr
	// at holds the receivers by their address and port.
	at map[netip.AddrPort]*inbox
	// turned is true while the policy allows what it refused at first.
	turned bool
}

// newGate listens on both ends of a link; far is the unprotected one.
func newGate(t testing.TB, far, near *netlab.Device) *gate {
	t.Helper()
	return gateBetween(t, far.Host(), families(far), near.Host(), families(near))
}

func gateBetween(t testing.TB, farHost *netlab.Host, far []netip.Addr, nearHost *netlab.Host, near []netip.Addr) *gate {
	t.Helper()
	g := &gate{t: t, farHost: farHost, nearHost: nearHost, far: far, near: near, at: make(map[netip.AddrPort]*inbox)}
	for i := range far {
		for _, p := range []int{gateIn, gateInNever} {
			to := port(near[i], p)
			g.at[to] = newInbox(t, nearHost, to)
		}
		for _, p := range []int{gateOut, gateOutNever} {
			to := port(far[i], p)
			g.at[to] = newInbox(t, farHost, to)
		}
	}
	return g
}

// newPair is a lab of two hosts and the gate between them; the server is the
// protected one.
func newPair(t testing.TB) (client, server *netlab.Device, g *gate) {
	t.Helper()
	lab := labtest.New(t, netlab.Pair())
	client, server = lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	return client, server, newGate(t, client, server)
}

// lane is one way through the gate: a sender's host and address, and where it
// sends to.
type lane struct {
	host    *netlab.Host
	from    netip.Addr
	to      netip.AddrPort
	allowed bool
}

func (g *gate) lanes() (out []lane) {
	for i := range g.far {
		out = append(out,
			lane{g.farHost, g.far[i], port(g.near[i], gateInNever), g.turned},
			lane{g.farHost, g.far[i], port(g.near[i], gateIn), !g.turned},
			lane{g.nearHost, g.near[i], port(g.far[i], gateOutNever), g.turned},
			lane{g.nearHost, g.near[i], port(g.far[i], gateOut), !g.turned})
	}
	return out
}

// expect sends one datagram of a new flow along every lane and compares what
// arrives with what should.
func (g *gate) expect(t testing.TB, when string, want passage) {
	t.Helper()
	lanes := g.lanes()
	contents := make([][]byte, len(lanes))
	// What is refused goes first, so that what is allowed arrives behind it.
	for _, allowed := range []bool{false, true} {
		for i, l := range lanes {
			if l.allowed == allowed {
				contents[i] = g.shoot(t, l)
			}
		}
	}
	wait := enough(t)
	for _, passes := range []bool{true, false} {
		if want == shut && !passes {
			time.Sleep(silence)
		}
		for i, l := range lanes {
			if passes != (want == open || want == filtered && l.allowed) {
				continue
			}
			if passes {
				if _, ok := g.at[l.to].receives(contents[i], wait); !ok {
					t.Errorf("%s: a datagram from %s to %s did not arrive", when, l.from, l.to)
					wait = silence
				}
			} else if _, ok := g.at[l.to].has(contents[i]); ok {
				t.Errorf("%s: a datagram from %s to %s arrived", when, l.from, l.to)
			}
		}
	}
}

// soon is expect for a state that comes about by itself in a moment: it waits
// until the allowed lanes pass. Only then it judges.
func (g *gate) soon(t testing.TB, when string, want passage) {
	t.Helper()
	deadline := time.Now().Add(enough(t))
	for _, l := range g.lanes() {
		for l.allowed && time.Now().Before(deadline) {
			if _, ok := g.at[l.to].receives(g.shoot(t, l), 50*time.Millisecond); ok {
				break
			}
		}
	}
	g.expect(t, when, want)
}

// shoot sends one datagram of a new flow and returns its content.
func (g *gate) shoot(t testing.TB, l lane) []byte {
	t.Helper()
	content := nonce()
	c, err := l.host.Dial(labtest.Within(t, patience), "udp", l.to, netlab.From(port(l.from, freshPort())))
	if err != nil {
		t.Errorf("%s to %s: %v", l.from, l.to, err)
		return content
	}
	defer c.Close()
	// A packet dropped on the output hook is EPERM for its sender.
	_, _ = c.Write(content)
	return content
}

// besiege sends what must never arrive along the forbidden lanes until the
// siege is lifted, which fails the test if anything got through. g must not be
// opened meanwhile.
func (g *gate) besiege(t testing.TB) (lift func()) {
	t.Helper()
	mark := "siege " + string(nonce()) + " "
	var wg sync.WaitGroup
	var over atomic.Bool
	var sent atomic.Int64
	for _, l := range g.lanes() {
		if l.allowed {
			continue
		}
		c, err := l.host.ListenPacket(t.Context(), "udp", port(l.from, 0))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			to := net.UDPAddrFromAddrPort(l.to)
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
		for _, in := range g.at {
			in.mu.Lock()
			for content := range in.got {
				if strings.HasPrefix(content, mark) {
					arrived++
				}
			}
			in.mu.Unlock()
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

// lastPort is the last one that freshPort gave.
var lastPort atomic.Uint32

// freshPort is a source port that belongs to no flow yet, unless 20000 came
// before, and that no socket gets by itself.
func freshPort() int { return 10000 + int(lastPort.Add(1)%20000) }
