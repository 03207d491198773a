package differential

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// kernelTrials are what is tried: at which device, and on which side of it the
// protected machine is.
var kernelTrials = []struct {
	device string
	guest  bool
}{
	{"eth0", false}, {"eth1", false}, {"eth0", true}, {"eth1", true},
}

const (
	// kernelPackets is how many packets a trial has.
	kernelPackets = 2500
	// kernelTime is how long a trial may take: shorter than every timer.
	kernelTime = 8 * time.Second
	// kernelSeedEnv names a seed, 0 for one that nobody has tried; without it the test
	// does the same each time.
	kernelSeedEnv = "SGFW_KERNEL_SEED"
)

// TestKernel sends the same random packets through the program and through the
// kernel's own firewall with the same policy, and asks those on the other side what
// arrived. The program must do what the semantics say, packet for packet. From the
// kernel it may differ where the list of allowed differences says so.
func TestKernel(t *testing.T) {
	parity.Proves(t, "R4", "R5", "R6", "R12", "R20", "D3", "D6", "T1", "T9", "T10", "T15", "T17",
		"T18", "T22", "T24", "T28")
	seed := kernelSeed(t)
	counts := make(map[string]int)
	var both, neither int
	for i, k := range kernelTrials {
		trial := newKernelTrial(t, rand.New(rand.NewPCG(seed, uint64(i))), Passage(k.device, k.guest))
		for n := 0; n < kernelPackets && time.Since(trial.begun) < kernelTime; n++ {
			if !trial.next(t, counts) {
				t.Fatalf("again with %s=%d", kernelSeedEnv, seed)
			}
		}
		both, neither = both+trial.both, neither+trial.neither
	}
	total := both + neither
	for name, n := range counts {
		total += n
		t.Logf("differs, %s: %d", name, n)
	}
	t.Logf("passed by both: %d, dropped by both: %d, of %d", both, neither, total)
	if total < 1000 || both < total/10 || neither < total/10 || total-both-neither > total/20 {
		t.Error("this shows little")
	}
}

// kernelSeed is the seed of tests on real packets.
func kernelSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	if set := os.Getenv(kernelSeedEnv); set != "" {
		var err error
		if seed, err = strconv.ParseUint(set, 10, 64); err != nil {
			t.Fatal(err)
		}
		if seed == 0 {
			seed = rand.Uint64()
		}
	}
	return seed
}

// kernelTrial is two labs of the same shape and the traffic between them.
type kernelTrial struct {
	ours, twin crossing
	daemon     *harness.Daemon
	kernel     *Kernel
	naive      *naive.Machine
	traffic    *Traffic

	number     uint16 // of the latest packet
	invalid    uint64
	begun      time.Time
	reset      map[conversation]bool
	asked      map[conversation]bool
	coded      map[conversation]bool
	apart      map[conversation]bool // the two know different things of it
	both       int
	neither    int
	history    []past
	policyText string
}

// conversation is what packets have in common that may influence each other.
type conversation struct {
	protocol int
	ends     [2]netip.AddrPort
}

func conversationOf(p *naive.Packet) conversation {
	a, b := netip.AddrPortFrom(p.Src, 0), netip.AddrPortFrom(p.Dst, 0)
	if p.Protocol == naive.TCP || p.Protocol == naive.UDP {
		a, b = netip.AddrPortFrom(p.Src, uint16(p.SrcPort)), netip.AddrPortFrom(p.Dst, uint16(p.DstPort))
	}
	ends := [2]netip.AddrPort{a, b}
	slices.SortFunc(ends[:], netip.AddrPort.Compare)
	return conversation{p.Protocol, ends}
}

func newKernelTrial(t *testing.T, r *rand.Rand, w *World) *kernelTrial {
	t.Helper()
	first := w.Policy(r)
	k := &kernelTrial{
		traffic: w.NewTraffic(r, first), naive: naive.NewMachine(w.Devices), begun: time.Now(),
		reset: make(map[conversation]bool), asked: make(map[conversation]bool),
		coded: make(map[conversation]bool), apart: make(map[conversation]bool),
	}
	k.ours, k.twin = newCrossing(t, w), newCrossing(t, w)
	// The kernel is told to be as liberal about numbers as we are.
	for _, key := range []string{"tcp_be_liberal", "tcp_ignore_invalid_rst", "tcp_loose"} {
		if err := k.twin.host.SetSysctl("net.netfilter.nf_conntrack_"+key, "1"); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if k.kernel, err = NewKernel(k.twin.host.NetNS(), w.Devices); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.kernel.Close() })
	k.apply(t, first)
	return k
}

// apply puts a policy in force in both firewalls, with a group for the markers.
func (k *kernelTrial) apply(t *testing.T, p *naive.Policy) {
	t.Helper()
	marked := withMarkers(p)
	k.policyText = Text(marked, "queues: { count: 1 }")
	if k.daemon == nil {
		k.daemon = harness.Enforce(t, k.ours.host, k.policyText)
	} else {
		k.daemon.Reload(k.policyText)
	}
	if err := k.kernel.Apply(marked); err != nil {
		t.Fatal(err)
	}
	k.naive.Apply(marked)
}

// next goes one step. It returns false when there is nothing to learn any more.
func (k *kernelTrial) next(t *testing.T, counts map[string]int) bool {
	t.Helper()
	s := k.traffic.Next()
	if s.Policy != nil {
		k.apply(t, s.Policy)
	}
	p := s.Packet
	k.number += 2
	if k.number == 0 {
		k.number = 2
	}
	raw := Bytes(p, make([]byte, 8), numbered(k.number)...)
	end := wire.Proto(k.edge(s.In), k.edge(s.Out), marker, nil, numbered(k.number+1)...)
	var passed [2]bool
	for _, way := range []crossing{k.ours, k.twin} {
		for _, b := range [][]byte{raw, end} {
			if err := way.sides[s.In].device.Send(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, way := range []crossing{k.ours, k.twin} {
		ok := false
		if passed[i], ok = way.sides[s.Out].through(k.number); !ok {
			t.Errorf("no marker came through the firewall %d", i)
			return false
		}
	}
	talk := conversationOf(p)
	about := talk
	if p.Quote != nil {
		about = conversationOf(p.Quote)
	}
	k.naive.Now = time.Since(k.begun)
	verdict := k.naive.Decide(s.Hook, s.In, s.Out, p)
	k.history = append(k.history, past{about, fmt.Sprintf("%s: %s", s, verdict.Reason)})
	k.traffic.Delivered(passed[0])
	if passed[0] != verdict.Reason.Passes() {
		k.tell(t, fmt.Sprintf("the program passed it: %t; the semantics: %s", passed[0], verdict.Reason))
		return false
	}
	invalid, err := k.kernel.Invalid()
	if err != nil {
		t.Fatal(err)
	}
	if q := cmp.Or(p.Quote, p); IsQuery(q) && q.Code != 0 {
		k.coded[about] = true
	}
	c := &Case{
		Packet: p, Ours: passed[0], Reason: verdict.Reason, Invalid: invalid != k.invalid,
		Reset: k.reset[about], Asked: k.asked[about], Coded: k.coded[about],
	}
	k.invalid = invalid
	if p.Protocol == naive.TCP {
		k.reset[talk] = k.reset[talk] || p.Flags&naive.RST != 0 && (passed[0] || passed[1])
		k.asked[talk] = k.asked[talk] || p.Flags&naive.SYN != 0 && !passed[1]
	}
	switch {
	case passed[0] && passed[1]:
		k.both++
	case !passed[0] && !passed[1]:
		k.neither++
	case k.apart[talk], k.apart[about]:
		counts["after one of these"]++
	default:
		allowed := Explains(c, AllowedDifferences)
		if allowed == nil {
			k.tell(t, fmt.Sprintf("the program passed it: %t (%s), the kernel: %t (invalid: %t)", passed[0],
				verdict.Reason, passed[1], c.Invalid))
			return false
		}
		counts[allowed.Name]++
		k.apart[talk] = true
	}
	return true
}

// edge is an address behind a device.
func (k *kernelTrial) edge(device string) netip.Addr {
	return Networks(device)[0].Addr().Next()
}

// past is a packet that went by.
type past struct {
	about conversation
	step  string
}

// tell shows the packets of a conversation that led to a difference.
func (k *kernelTrial) tell(t *testing.T, what string) {
	t.Helper()
	t.Errorf("%s\n%s", what, k.policyText)
	for _, p := range k.history {
		if p.about == k.history[len(k.history)-1].about {
			t.Log(p.step)
		}
	}
}
