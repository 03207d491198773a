package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// open begins a flow of each kind in each way of access, packet by packet, and
// returns those that come about.
func (l *liveLab) open(t *testing.T, when string, w liveWorld, p *livePolicy) (open []*liveFlow) {
	t.Helper()
	var fresh []*liveFlow
	for family := range 2 {
		for access := range liveAccesses {
			for i := range liveKinds {
				k := &liveKinds[i]
				if access == byEverybody && k.protocol != wire.ProtoTCP && k.protocol != wire.ProtoUDP {
					continue // everybody would be all others, too
				}
				l.n++
				f := &liveFlow{
					kind: k, access: access, near: w.near, port: 20000 + l.n%40000,
					known: make(map[string]*liveEntry), next: [2]uint32{1000, 5000},
				}
				f.ends[w.remote()] = w.peer(family, access)
				f.ends[1-w.remote()] = liveAddr(1-w.remote(), family, byte(100+l.n>>8), byte(l.n))
				fresh = append(fresh, f)
			}
		}
	}
	var probes []liveProbe
	for nth := range len(liveKinds[0].opens) {
		for _, f := range fresh {
			if nth >= len(f.kind.opens) || nth > 0 && !slices.Contains(open, f) {
				continue
			}
			f.begins = nth == 0 && f.kind.protocol == wire.ProtoTCP
			probe := l.says(p, f, f.kind.opens[nth] == 'o', nth, "new")
			f.begins = false
			if nth == 0 && probe.pass {
				open = append(open, f)
			}
			probes = append(probes, probe)
		}
	}
	l.send(t, when, probes)
	return open
}

// says is the next packet of a flow. The numbers of TCP are taken now.
func (l *liveLab) says(p *livePolicy, f *liveFlow, fromOpener bool, nth int,
	what string) liveProbe {
	probe := liveProbe{what: fmt.Sprintf("%s %s, packet of the opener: %t", what, f, fromOpener),
		fromNear: f.fromNear(fromOpener), pass: p.passes(f, fromOpener)}
	g := *f
	probe.packet = func(content []byte) []byte { return g.packet(fromOpener, nth, content) }
	if probe.pass {
		f.passed(fromOpener, nth, len(liveContent(0)))
	}
	return probe
}

// goOn has both sides of all flows speak, and errors come about both.
func (l *liveLab) goOn(t *testing.T, when string, p *livePolicy, flows []*liveFlow) {
	t.Helper()
	const later = 9
	var probes []liveProbe
	for _, f := range flows {
		// The side that was asked first: nothing but what is known of the flow, or a
		// rule of its own direction, lets it.
		for _, fromOpener := range []bool{false, true, false} {
			probes = append(probes, l.says(p, f, fromOpener, later, "live"))
		}
		for _, opener := range []bool{true, false} {
			g := *f
			probes = append(probes, liveProbe{
				what:     fmt.Sprintf("error about %s, to the opener: %t", f, opener),
				fromNear: !f.fromNear(opener), pass: p.relates(f),
				packet: func(content []byte) []byte {
					_, dst := g.between(opener)
					return wire.TooBig(dst.Addr(), 1400, g.packet(opener, later, content))
				},
			})
		}
	}
	l.send(t, when, probes)
}

// liveAnswer is what a reload says about flows.
type liveAnswer struct {
	Orphans, Cut struct{ Flows []harness.ListedFlow }
	Changes      json.RawMessage
}

// keys are those of the flows that are ours, sorted.
func (l *liveLab) keys(list []harness.ListedFlow, ours map[string]bool) (out []string) {
	numbers := map[string]string{"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
	for _, f := range list {
		n, ok := numbers[f.Protocol]
		if !ok {
			n = f.Protocol
		}
		if key := n + " " + f.Local + " " + f.Remote; ours[key] {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// lists says which flows a reload must name: those that go on without a rule, and
// those that end.
func lists(flows []*liveFlow, before, after *livePolicy) (orphans, cut []string,
	ours map[string]bool) {
	ours = make(map[string]bool)
	permitted := func(p *livePolicy, f *liveFlow, e *liveEntry) bool {
		return p.permits(p.ingress(f.fromNear(e.byOpener)), f.protocol(), f.peer(p), f.asked(e.byOpener))
	}
	for _, f := range flows {
		for home, e := range f.known {
			key := f.key(strings.HasPrefix(home, "true"))
			ours[key] = true
			held := home == after.home()
			switch {
			case !after.managed():
			case e.tracked && held && !permitted(after, f, e):
				orphans = append(orphans, key)
			case e.tracked && !held && !(before.managed() && home != before.home()),
				!e.tracked && !(held && permitted(after, f, e)) && before.managed() && home == before.home() &&
					permitted(before, f, e):
				cut = append(cut, key)
			}
		}
	}
	slices.Sort(orphans)
	slices.Sort(cut)
	return orphans, cut, ours
}

// change puts the policy in force, after a dry run, and compares what both say.
func (l *liveLab) change(t *testing.T, when string, before, after *livePolicy, flows []*liveFlow) {
	t.Helper()
	l.d.Write(after.text())
	orphans, cut, ours := lists(flows, before, after)
	var changes string
	for _, request := range []string{`{"dry_run":true}`, `{}`} {
		status, reply := l.d.Answer("/v1/reload", request)
		if status != http.StatusOK {
			t.Fatalf("%s: reload %s: status %d\n%s", when, request, status, reply)
		}
		var a liveAnswer
		if err := json.Unmarshal([]byte(reply), &a); err != nil {
			t.Fatal(err)
		}
		if got := l.keys(a.Orphans.Flows, ours); !slices.Equal(got, orphans) {
			t.Errorf("%s: reload %s: orphans\n%s\nwant\n%s", when, request, strings.Join(got, "\n"),
				strings.Join(orphans, "\n"))
		}
		if got := l.keys(a.Cut.Flows, ours); !slices.Equal(got, cut) {
			t.Errorf("%s: reload %s: cut\n%s\nwant\n%s", when, request, strings.Join(got, "\n"),
				strings.Join(cut, "\n"))
		}
		if changes == "" {
			changes = string(a.Changes)
		} else if changes != string(a.Changes) {
			t.Errorf("%s: the dry run says %s, the reload %s", when, changes, a.Changes)
		}
	}
}

func (w liveWorld) changes(t *testing.T) {
	oneCPU(t)
	base := w.policy()
	l := newLiveLab(t, base.text())
	harness.EchoOn(t, l.sides[1].Host(), harness.AddrPort(pumpEnds[1], pumpPort))
	beside := harness.StartEchoExchange(t, l.sides[0].Host(), harness.AddrPort(pumpEnds[1], pumpPort),
		time.Millisecond)
	var past []*livePolicy
	for i, c := range liveChanges {
		if c.hosts && w.guest {
			continue
		}
		if c.moves && beside != nil {
			beside.Finish() // its flow ends here as well
			beside = nil
		}
		t.Run(c.name, func(t *testing.T) {
			parity.Proves(t, c.proves...)
			// The daemon's methods fail the test that they are called for.
			d := *l.d
			d.T = t
			here := *l
			here.d = &d
			defer func() { l.n, l.sent = here.n, here.sent }()
			if i > 0 {
				d.ReloadNow(base.text())
			}
			p := base.clone()
			past = append(past, &base)
			p.past = past
			flows := here.open(t, "before", w, &p)
			for n, step := range c.steps {
				when := fmt.Sprintf("after step %d", n+1)
				before := p.clone()
				if !step(w, &p) {
					d.Write(p.text())
					if status, reply := d.Answer("/v1/reload", "{}"); status == http.StatusOK {
						t.Errorf("%s: not refused\n%s", when, reply)
					}
					p = before
				} else {
					after := p.clone()
					past = append(past, &after)
					p.past = past
					here.change(t, when, &before, &p, flows)
				}
				here.goOn(t, when, &p, flows)
				flows = append(flows, here.open(t, when, w, &p)...)
			}
			// Lists have an end, and the flows of the next change shall be on them.
			for family, bits := range []int{21, 48} {
				peers := netip.PrefixFrom(w.peer(family, byCIDR), bits).Masked()
				d.Answer("/v1/revoke", fmt.Sprintf(`{"flows":{"address":%q}}`, peers))
			}
		})
	}
	if beside != nil {
		beside.Finish()
	}
}
