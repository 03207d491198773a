package offload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/nftables/expr"

	"sgfw/test/harness"
)

// transferred is what a transfer has each way, in bytes.
const transferred = 20 << 20

// TestTransfer has megabytes go both ways over TCP: they arrive as they were sent, next to
// none of the segments is judged, and the flow's counters have them all.
func TestTransfer(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	servers(t, h, p)
	for _, w := range ways(h) {
		t.Run(w.name, func(t *testing.T) {
			watch, before := newWitness(t, h.Fw), d.Status()
			watch.counts("asked", askedAt(p)...)
			watch.counts("answers", answersOf(p)...)
			watch.counts("marks", bits(expr.MetaKeyMARK, markBits)...)
			c := w.dial(t, "tcp", p)
			if err := echoed(c, random(transferred)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // the last acknowledgements
			carried, judged := carriedSince(t, d, before)
			seen := watch.tallies()
			total := seen["asked"].packets + seen["answers"].packets
			if judged > 50 || carried < total*9/10 {
				t.Errorf("%d packets were judged and %d carried, of %d", judged, carried, total)
			}
			if seen["marks"].packets > 0 {
				t.Errorf("%d packets have our marks behind our chains", seen["marks"].packets)
			}
			agrees(t, w, w.listed(t, d, "tcp", c), seen)
			watch.remove()
		})
	}
}

// agrees compares the counters of a flow with those of the witness.
func agrees(t *testing.T, w way, f harness.ListedFlow, seen map[string]tally) {
	t.Helper()
	asked := tally{f.Packets.Egress, f.Bytes.Egress}
	answers := tally{f.Packets.Ingress, f.Bytes.Ingress}
	if w.inward {
		asked, answers = answers, asked
	}
	if !asked.near(seen["asked"]) || !answers.near(seen["answers"]) {
		t.Errorf("%s: the flow has %d/%d, the witness %d/%d", w.name, asked, answers, seen["asked"],
			seen["answers"])
	}
}

// handful is by how many packets counters may differ, and handfulBytes by how many bytes: a
// packet that is judged while the kernel is asked what it carried may be in one of them alone.
const handful, handfulBytes = 4, 400

// near reports whether a count is next to what was seen.
func (n tally) near(seen tally) bool {
	return n.packets+handful >= seen.packets && n.packets <= seen.packets+handful &&
		n.bytes+handfulBytes >= seen.bytes && n.bytes <= seen.bytes+handfulBytes
}

// TestDatagrams asks and is answered over UDP, in flows that are tracked and in such that
// are not: the counters have each packet, and so have the hits of rules that admit each.
func TestDatagrams(t *testing.T) {
	const p, asked = 7000, 500
	for _, c := range []struct {
		name            string
		settings        []string
		ingress, egress []string
		tracked         bool
	}{
		{"tracked", nil, both(p), both(p), true},
		{"untracked", []string{"tracking: aws"}, append(both(p), everything), []string{everything},
			false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := harness.NewHome(t)
			d := harness.Enforce(t, h.Fw, policy(c.ingress, c.egress, c.settings...))
			servers(t, h, p)
			for _, w := range ways(h) {
				own, before := newWitness(t, h.Fw), d.Status()
				own.counts("asked", askedAt(p)...)
				own.counts("answers", answersOf(p)...)
				conn := w.dial(t, "udp", p)
				if lost := asks(conn, asked, harness.ArrivalTimeout); lost > 0 {
					t.Fatalf("%s: %d of %d were not answered", w.name, lost, asked)
				}
				carried, judged := carriedSince(t, d, before)
				if judged > asked/10 || carried < 2*asked*9/10 {
					t.Errorf("%s: %d packets were judged and %d carried, of %d", w.name, judged, carried,
						2*asked)
				}
				f := w.listed(t, d, "udp", conn)
				if f.Tracked != c.tracked {
					t.Errorf("%s: %+v, want tracked %t", w.name, f, c.tracked)
				}
				agrees(t, w, f, own.tallies())
				own.remove()
			}
			// What is forwarded is judged at both of its devices.
			var doc struct{ Rules []harness.ListedRule }
			d.Document(&doc, "rules")
			var hits uint64
			for _, r := range doc.Rules {
				hits += r.Hits
			}
			const flows = 4*1 + 4*2
			least, most := uint64(flows), uint64(flows)
			if !c.tracked {
				least, most = flows*(2*asked-2*handful), flows*(2*asked+2*handful)
			}
			if hits < least || hits > most {
				t.Errorf("rules were hit %d times, want %d to %d: %+v", hits, least, most, doc.Rules)
			}
		})
	}
}

// TestHitsOfEachDirection compares the hits of rules for flows that are not tracked with
// those of the datapath that judges every packet.
func TestHitsOfEachDirection(t *testing.T) {
	t.Parallel()
	const p, asked = 7000, 100
	hits := func(datapath string) map[string]uint64 {
		h := harness.NewHome(t)
		text := strings.Replace(policy(both(p), []string{everything}, "tracking: aws"),
			"datapath: offload", "datapath: "+datapath, 1)
		d := harness.Enforce(t, h.Fw, text)
		servers(t, h, p)
		w := ways(h)[0]
		if lost := asks(w.dial(t, "udp", p), asked, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("%s: %d were not answered", datapath, lost)
		}
		time.Sleep(refreshPause)
		out := make(map[string]uint64)
		for _, r := range d.Rules() {
			out[r.Direction+" "+r.Ports+" "+r.Peer] = r.Hits
		}
		return out
	}
	userspace, offload := hits("userspace"), hits("offload")
	for rule, want := range userspace {
		if got := offload[rule]; got+handful < want || want == 0 && got > 0 || got > want+handful {
			t.Errorf("%s was hit %d times, want %d", rule, got, want)
		}
	}
}
