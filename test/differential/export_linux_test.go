package differential

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy/file"
	"sgfw/policy/nftables"
	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/wire"
)

// exportTrials are the devices that have a guest behind them, if the policy manages them.
var exportTrials = [][]string{
	{}, {"eth1"}, {"veth-b", "veth-*"}, {"eth1", "veth-b"}, {"veth-*"}, {"eth1", "veth-b", "veth-*"},
}

const (
	// exportRounds is how often each is tried.
	exportRounds = 2
	// exportPackets is how many packets a trial of an exported ruleset has.
	exportPackets = 1500
	// exportTime is how long all of them may take.
	exportTime = 20 * time.Second
)

// TestExportedRuleset loads what `sgfw export nftables` writes of random policies with nft,
// the later ones over the earlier ones, sends random traffic through, from and to the machine,
// and asks receivers what arrived: what the semantics say, or what the list of allowed
// differences has. Another table is left alone.
func TestExportedRuleset(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("NOT TESTED that exported rulesets do what policies say: it needs nft (nftables)")
	}
	seed := kernelSeed(t)
	counts, reasons, hooks := make(map[string]int), make(Counts), make(map[naive.Hook]int)
	var passed, total, loads int
	begun := time.Now()
	for i := range exportRounds * len(exportTrials) {
		if time.Since(begun) > exportTime {
			break
		}
		trial := newExportTrial(t, rand.New(rand.NewPCG(seed, 100+uint64(i))),
			Gateway(exportTrials[i%len(exportTrials)]...))
		for n := 0; n < exportPackets && time.Since(trial.begun) < kernelTime &&
			time.Since(begun) < exportTime; n++ {
			if !trial.next(t) {
				t.Fatalf("again with %s=%d", kernelSeedEnv, seed)
			}
		}
		trial.leavesOthersAlone(t)
		for name, n := range trial.differs {
			counts[name] += n
		}
		for reason, n := range trial.reasons {
			if total += n; reason.Passes() {
				passed += n
			}
			reasons[reason] += n
		}
		for h, n := range trial.hooks {
			hooks[h] += n
		}
		loads += trial.loads
	}
	t.Logf("%d packets, %d of them passed, %d loads, %v", total, passed, loads,
		time.Since(begun).Round(time.Second/10))
	differ := 0
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		differ += counts[name]
		t.Logf("differs, %s: %d", name, counts[name])
	}
	for _, reason := range []naive.Reason{naive.OfFlow, naive.OfRule, naive.Related, naive.Failsafe,
		naive.NoRule, naive.NotAFlow, naive.Misplaced, naive.Unmanaged} {
		t.Logf("%s: %d", reason, reasons[reason])
		if reasons[reason] < total/1000 || reasons[reason] == 0 {
			t.Errorf("hardly a packet fared %q: %d", reason, reasons[reason])
		}
	}
	for h := naive.Input; h <= naive.Output; h++ {
		if hooks[h] < total/10 {
			t.Errorf("hardly a packet went %v: %d", h, hooks[h])
		}
	}
	if total < 1000 || passed < total/5 || passed > total*4/5 || differ > total/10 || loads < 20 {
		t.Errorf("this shows little: %d differ", differ)
	}
}

// exportTrial is a machine with an exported ruleset, and the traffic.
type exportTrial struct {
	crossing
	machine *inside
	world   *World
	naive   *naive.Machine
	traffic *Traffic
	dir     string
	policy  *naive.Policy
	ruleset string
	muzzle  string // as nft lists it

	number  uint16
	tracked *tracked
	begun   time.Time
	known   map[exchange]*knowledge
	history []past

	differs map[string]int
	reasons Counts
	hooks   map[naive.Hook]int
	loads   int
}

func newExportTrial(t *testing.T, r *rand.Rand, w *World) *exportTrial {
	t.Helper()
	first := w.Policy(r)
	x := &exportTrial{
		crossing: newCrossing(t, w), world: w, naive: naive.NewMachine(w.Devices),
		traffic: w.NewTraffic(r, first), dir: t.TempDir(),
		known: make(map[exchange]*knowledge), differs: make(map[string]int),
		reasons: make(Counts), hooks: make(map[naive.Hook]int),
	}
	// The kernel is told to be as liberal about numbers as we are.
	for _, key := range []string{"tcp_be_liberal", "tcp_ignore_invalid_rst", "tcp_loose"} {
		if err := x.host.SetSysctl("net.netfilter.nf_conntrack_"+key, "1"); err != nil {
			t.Fatal(err)
		}
	}
	x.tracked = newTracked(t, x.host)
	x.machine = newInside(t, x.host, w)
	x.nft(t, fmt.Sprintf(muzzle, ownMark))
	x.muzzle = x.list(t, "inet", "muzzle")
	x.apply(t, first)
	x.nft(t, x.ruleset) // once more over itself
	x.begun = time.Now()
	return x
}

// nft loads a ruleset.
func (x *exportTrial) nft(t *testing.T, ruleset string) {
	t.Helper()
	c := x.host.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader(ruleset)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s\n%s", err, out, ruleset)
	}
}

func (x *exportTrial) list(t *testing.T, family, table string) string {
	t.Helper()
	out, err := x.host.Command("nft", "list", "table", family, table).CombinedOutput()
	if err != nil {
		t.Fatalf("nft list: %v\n%s", err, out)
	}
	return string(out)
}

// leavesOthersAlone fails if the other table is not as it was.
func (x *exportTrial) leavesOthersAlone(t *testing.T) {
	t.Helper()
	if now := x.list(t, "inet", "muzzle"); now != x.muzzle {
		t.Errorf("another table was\n%s\nand is\n%s", x.muzzle, now)
	}
}

// apply exports a policy and loads it over what there is, with a group for the markers. The
// first one is exported by the program, as by its users, the others by its package.
func (x *exportTrial) apply(t *testing.T, p *naive.Policy) {
	t.Helper()
	marked := withMarkers(p)
	text := Text(marked, "")
	if x.loads == 0 {
		path := filepath.Join(x.dir, "sgfw.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(harness.Program, "export", "nftables", path).Output()
		if err != nil {
			t.Fatalf("export: %v\n%s", err, text)
		}
		x.ruleset = string(out)
	} else {
		read, problems, err := file.Parse("trial.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", problems, text)
		}
		out, problems := nftables.Export(read)
		if out == nil {
			t.Fatalf("%v\n%s", problems, text)
		}
		x.ruleset = string(out)
	}
	x.nft(t, x.ruleset)
	x.policy = marked
	x.loads++
	x.naive.Apply(marked)
}

// next goes one step. It returns false when there is nothing to learn any more.
func (x *exportTrial) next(t *testing.T) bool {
	t.Helper()
	s := x.traffic.Next()
	if s.Policy != nil {
		x.apply(t, s.Policy)
	}
	p := s.Packet
	if x.number += 2; x.number == 0 {
		x.number = 2
	}
	x.send(t, s.Way, p.Dst, Bytes(p, make([]byte, 8), numbered(x.number)...))
	var from, to netip.Addr
	switch s.Hook {
	case naive.Input:
		from, to = farEnd(s.In), x.world.own(s.In)
	case naive.Forward:
		from, to = farEnd(s.In), farEnd(s.Out)
	case naive.Output:
		from, to = x.world.own(s.Out), farEnd(s.Out)
	}
	x.send(t, s.Way, to, wire.Proto(from, to, marker, nil, numbered(x.number+1)...))
	passed, ok := x.through(s.Way)
	if !ok {
		x.tell(t, fmt.Sprintf("no marker came %s", s.Way))
		return false
	}
	x.naive.Now = time.Since(x.begun)
	verdict := x.naive.Decide(s.Hook, s.In, s.Out, p)
	ours := verdict.Reason.Passes() || verdict.Reason == naive.Unmanaged
	x.traffic.Delivered(ours)
	x.reasons[verdict.Reason]++
	x.hooks[s.Hook]++
	return x.compare(t, s, verdict.Reason, ours, passed)
}

// compare holds what arrived against what the semantics say.
func (x *exportTrial) compare(t *testing.T, s Step, reason naive.Reason, ours, passed bool) bool {
	t.Helper()
	p := s.Packet
	talk := x.of(p)
	about := x.of(cmp.Or(p.Quote, p))
	x.history = append(x.history, past{conversationOf(cmp.Or(p.Quote, p)),
		fmt.Sprintf("%s: %s, passed: %t", s, reason, passed)})
	if q := cmp.Or(p.Quote, p); IsQuery(q) && q.Code != 0 {
		about.coded = true
	}
	place := x.place(s.Way)
	elsewhere := len(about.places) > 1 || len(about.places) == 1 && !about.places[place]
	c := &Case{
		Packet: p, Ours: ours, Reason: reason, Invalid: x.tracked.invalid(t), Way: s.Way,
		Reset: about.reset, Asked: about.asked, Coded: about.coded, Half: about.half,
		Elsewhere: elsewhere, Crossed: talk.asking[p.Dst],
		Reloaded: len(about.from) < 2 && about.loads < x.loads,
	}
	if p.Protocol == naive.TCP {
		talk.reset = talk.reset || p.Flags&naive.RST != 0 && (ours || passed)
		talk.asked = talk.asked || p.Flags&naive.SYN != 0 && !passed
	}
	if passed && p.Quote == nil {
		asks := p.Protocol == naive.TCP && p.Flags&(naive.SYN|naive.ACK) == naive.SYN
		if asks {
			talk.asking[p.Src] = true
		}
		if len(talk.places) == 0 || asks {
			talk.loads = x.loads
			clear(talk.from)
		}
		talk.places[place] = true
		talk.from[p.Src] = true
	}
	if !ours && s.Hook == naive.Forward && x.policy.Manages(s.In) != nil &&
		x.policy.Manages(s.Out) != nil {
		talk.half = true
	}
	switch {
	case ours == passed:
	case talk.apart, about.apart:
		x.differs["after one of these"]++
	default:
		allowed := Explains(c, AllowedDifferences, ExportDifferences)
		if allowed == nil {
			x.tell(t, fmt.Sprintf("the semantics pass it: %t (%s), the exported ruleset: %t (invalid: %t)",
				ours, reason, passed, c.Invalid))
			return false
		}
		x.differs[allowed.Name]++
		talk.apart = true
	}
	return true
}

// farEnd is an address behind a device, which a guest there has.
func farEnd(device string) netip.Addr {
	return Networks(device)[0].Addr().Next()
}

// send sends bytes that way.
func (x *exportTrial) send(t *testing.T, way Way, dst netip.Addr, b []byte) {
	t.Helper()
	if way.Hook == naive.Output {
		x.machine.send(t, way.Out, x.host.Device(way.Out).Index(), dst, b)
		return
	}
	if err := x.sides[way.In].device.Send(b); err != nil {
		t.Fatal(err)
	}
}

// through reports whether the latest packet came to who gets what goes that way; ok is
// false if its marker did not.
func (x *exportTrial) through(way Way) (passed, ok bool) {
	if way.Hook == naive.Input {
		return x.machine.through(x.number)
	}
	return x.sides[way.Out].through(x.number)
}

// tell shows the packets of a conversation that led to a difference.
func (x *exportTrial) tell(t *testing.T, what string) {
	t.Helper()
	t.Errorf("%s\n%s\n%s", what, Text(x.policy, ""), x.ruleset)
	for _, p := range x.history {
		if p.about == x.history[len(x.history)-1].about {
			t.Log(p.step)
		}
	}
}
