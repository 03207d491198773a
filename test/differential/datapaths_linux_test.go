package differential

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/wire"
)

// datapathTime is how long the trials of TestDatapaths take together. `make fuzz` has more.
var datapathTime = flag.Duration("datapath-time", 6*time.Second,
	"how long TestDatapaths sends packets")

// datapathTrials are the worlds of TestDatapaths: which devices have a guest behind them, and
// whether flows are tracked as in AWS.
var datapathTrials = []struct {
	guests []string
	asAWS  bool
}{
	{nil, false}, {[]string{"eth1", "veth-b"}, false}, {[]string{"veth-b", "veth-*"}, true},
}

// datapathTrialTime is how long a trial takes: shorter than every timer.
const datapathTrialTime = 2 * time.Second

// TestDatapaths sends the same random packets, one after another, through two daemons with the
// same policies: one judges every packet, with the other one the kernel carries on with flows.
// From, to and through the machine the same ones arrive, and in the end there are the same
// flows with the same counters, and the same verdicts, but for what the list of differences
// has.
func TestDatapaths(t *testing.T) {
	seed := kernelSeed(t)
	sum := datapathSum{differs: make(map[string]int), states: make(map[string]int)}
	begun := time.Now()
	for i := 0; sum.took < *datapathTime || sum.little() && sum.took < 4**datapathTime; i++ {
		x := newDatapathTrial(t, rand.New(rand.NewPCG(seed, 200+uint64(i))), i%len(datapathTrials))
		for time.Since(x.begun) < datapathTrialTime {
			if !x.next(t) {
				t.Fatalf("again with %s=%d, trial %d", kernelSeedEnv, seed, i)
			}
		}
		sum.took += time.Since(x.begun)
		if !x.agree(t, &sum) {
			t.Fatalf("again with %s=%d, trial %d", kernelSeedEnv, seed, i)
		}
		x.close()
	}
	t.Logf("%+v in %v", sum, time.Since(begun).Round(time.Second/10))
	if sum.little() {
		t.Error("this shows little")
	}
}

// datapathSum is what trials have shown.
type datapathSum struct {
	// packets were sent, passed of them arrived, the kernel carried some.
	packets, passed, carried int
	// flows were compared in all they have, connections of them are TCP; apart were not.
	flows, connections, apart int
	// differs is in what was not compared, states how often states are named otherwise.
	differs, states map[string]int
	took            time.Duration
}

// little reports whether that is not enough to have found much.
func (s *datapathSum) little() bool {
	differ := s.apart
	for _, n := range s.differs {
		differ += n
	}
	return s.packets < 1000 || s.passed < s.packets/5 || s.passed > s.packets*19/20 ||
		s.carried < s.packets/10 || s.flows < 60 || s.connections < 12 || differ > s.flows
}

// datapathSide is one of the two machines.
type datapathSide struct {
	crossing
	machine *inside
	daemon  *harness.Daemon
}

// datapathTrial is two machines, and the traffic.
type datapathTrial struct {
	world   *World
	asAWS   bool
	sides   [2]datapathSide // userspace, offload
	traffic *Traffic
	policy  *naive.Policy
	number  uint16
	begun   time.Time
	known   map[conversation]*datapathTalk
	history []past
	sum     datapathSum
}

// datapathTalk is what was seen of a conversation.
type datapathTalk struct {
	// ended: one side's FIN passed; reset: a RST did; reused: a SYN did in its middle, whose
	// answer the kernel may pass; half: one of two devices refused a packet, which opens
	// nothing and is in the counts of the other one; apart: not the same passed.
	ended, reset, reused, half, apart bool
	// passed is how many segments did, syn the number of the latest SYN; opener sent the first
	// one, if the first segment was one.
	passed int
	syn    uint32
	opener netip.Addr
	// loose is how many packets it had since one of these: their reasons may differ.
	loose int
}

// datapathNames are the datapaths of the two sides.
var datapathNames = [2]string{"userspace", "offload"}

func newDatapathTrial(t *testing.T, r *rand.Rand, which int) *datapathTrial {
	t.Helper()
	kind := datapathTrials[which]
	w := Gateway(kind.guests...)
	first := w.Policy(r)
	first.AsAWS = kind.asAWS
	x := &datapathTrial{world: w, asAWS: kind.asAWS, traffic: w.NewTraffic(r, first),
		known: make(map[conversation]*datapathTalk)}
	x.traffic.calm = true
	x.sum.differs, x.sum.states = make(map[string]int), make(map[string]int)
	for i := range x.sides {
		s := &x.sides[i]
		s.crossing = newCrossing(t, w)
		s.machine = newInside(t, s.host, w)
		silence(t, s.host)
	}
	x.apply(t, first)
	x.begun = time.Now()
	return x
}

// apply puts a policy in force on both machines, with a group for the markers.
func (x *datapathTrial) apply(t *testing.T, p *naive.Policy) {
	t.Helper()
	x.policy = withMarkers(p)
	for i := range x.sides {
		s := &x.sides[i]
		text := Text(x.policy, "queues: { count: 1 }, datapath: "+datapathNames[i])
		if s.daemon == nil {
			s.daemon = harness.Enforce(t, s.host, text)
		} else {
			s.daemon.Reload(text)
		}
	}
}

// close ends both daemons.
func (x *datapathTrial) close() {
	for _, s := range x.sides {
		s.daemon.Stop()
	}
}

// next goes one step. It returns false when there is nothing to learn any more.
func (x *datapathTrial) next(t *testing.T) bool {
	t.Helper()
	s := x.traffic.Next()
	if s.Policy != nil {
		x.apply(t, s.Policy)
		x.history = append(x.history, past{step: "another policy"})
	}
	p := s.Packet
	if x.number += 2; x.number == 0 {
		x.number = 2
	}
	from, to := farEnd(s.In), farEnd(s.Out)
	switch s.Hook {
	case naive.Input:
		to = x.world.own(s.In)
	case naive.Output:
		from = x.world.own(s.Out)
	}
	raw := Bytes(p, make([]byte, 8), numbered(x.number)...)
	end := wire.Proto(from, to, marker, nil, numbered(x.number+1)...)
	for i := range x.sides {
		x.sides[i].send(t, s.Way, p.Dst, raw)
		x.sides[i].send(t, s.Way, to, end)
	}
	var passed [2]bool
	for i := range x.sides {
		ok := false
		if passed[i], ok = x.sides[i].through(s.Way, x.number); !ok {
			x.tell(t, fmt.Sprintf("%s: no marker came %s", datapathNames[i], s.Way))
			return false
		}
	}
	x.traffic.Delivered(passed[0])
	x.sum.packets++
	if passed[0] {
		x.sum.passed++
	}
	return x.compare(t, s, passed)
}

// send sends bytes that way.
func (s *datapathSide) send(t *testing.T, way Way, dst netip.Addr, b []byte) {
	t.Helper()
	if way.Hook == naive.Output {
		s.machine.send(t, way.Out, s.host.Device(way.Out).Index(), dst, b)
		return
	}
	if err := s.sides[way.In].device.Send(b); err != nil {
		t.Fatal(err)
	}
}

// through reports whether packet n came to who gets what goes that way; ok is false if its
// marker did not.
func (s *datapathSide) through(way Way, n uint16) (passed, ok bool) {
	if way.Hook == naive.Input {
		return s.machine.through(n)
	}
	return s.sides[way.Out].through(n)
}

// tell shows the packets of the latest conversation.
func (x *datapathTrial) tell(t *testing.T, what string) {
	t.Helper()
	x.tellOf(t, what, x.history[len(x.history)-1].about)
}

// tellOf shows the packets of a conversation that led to a difference.
func (x *datapathTrial) tellOf(t *testing.T, what string, c conversation) {
	t.Helper()
	t.Errorf("%s\n%s", what, Text(x.policy, ""))
	for _, p := range x.history {
		if p.about == c || p.about == (conversation{}) {
			t.Log(p.step)
		}
	}
}
