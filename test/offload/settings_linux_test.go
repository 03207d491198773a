package offload

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestOtherMarks has reloads name other bits of the mark, also one of those before, under
// traffic: transfers go on whole, nothing passes that rules forbid, and nobody behind our
// chains sees bits of ours. A bit that is not ours any more is its sender's.
func TestOtherMarks(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, forbidden = 7000, 7009
	with := func(bits string) string {
		return policy(both(p), []string{harness.Allow("tcp", p), harness.Allow("udp", p)},
			"offload: { mark_bits: "+bits+" }")
	}
	d := harness.Enforce(t, h.Fw, with("[28, 29]"))
	servers(t, h, p)
	list := ways(h)
	watch := newWitness(t, h.Fw)
	watch.counts("marked", &expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)})
	watch.counts("forbidden", askedAt(forbidden)...)
	watch.counts("ranked", bits(expr.MetaKeyPRIORITY, priorityBits)...)

	var over atomic.Bool
	var load sync.WaitGroup
	failed := make(chan error, 2*len(list))
	for _, w := range list {
		stream, intruder := w.dial(t, "tcp", p), w.dial(t, "udp", forbidden)
		load.Go(func() {
			for !over.Load() {
				if err := echoed(stream, random(1<<18)); err != nil {
					failed <- errors.Join(errors.New(w.name), err)
					return
				}
			}
		})
		load.Go(func() {
			for !over.Load() {
				_, _ = intruder.Write(random(16))
				time.Sleep(time.Millisecond)
			}
		})
	}
	for _, bits := range []string{"[29, 30]", "[5, 4]", "[28, 5]", "[29, 28]", "[4, 5]"} {
		before := d.Status()
		d.ReloadNow(with(bits))
		time.Sleep(200 * time.Millisecond)
		if carried, _ := carriedSince(t, d, before); carried == 0 {
			t.Errorf("bits %s: nothing is carried", bits)
		}
	}
	over.Store(true)
	load.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	n := watch.tallies()
	if n["marked"].packets+n["forbidden"].packets+n["ranked"].packets > 0 {
		t.Errorf("the witness has %+v", n)
	}
	for _, w := range list {
		if w.inward {
			continue
		}
		before := watch.tallies()["marked"].packets
		c := w.dial(t, "udp", p, netlab.Sockopt(unix.SOL_SOCKET, unix.SO_MARK, 1<<28))
		if lost := asks(c, 20, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("%s: %d of 20 were not answered", w.name, lost)
		}
		// What a guest sends has no mark here.
		if got := watch.tallies()["marked"].packets - before; w.from == h.Fw && got != 20 {
			t.Errorf("%s: %d of 20 had the mark of their sender", w.name, got)
		}
	}
}

// TestLifetime: proven flows are carried for as long as the policy says, also after a reload
// that says otherwise, and no longer than a quarter of their idle timer.
func TestLifetime(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	with := func(setting string) string {
		return policy(both(p), []string{everything}, "offload: { lifetime: "+setting+" }")
	}
	brief := func(setting string) string { // a quarter of the timer is 15 s
		return strings.ReplaceAll(with(setting), "security_groups: [carried] }",
			"security_groups: [carried], connection_tracking: { udp_stream_timeout: 60 } }")
	}
	d := harness.Enforce(t, h.Fw, with("60"))
	servers(t, h, p)
	w := ways(h)[0]
	c := w.dial(t, "udp", p)
	for _, step := range []struct {
		name, policy string
		proven       time.Duration // 0: not carried as that
	}{
		{"a minute is a third of the timer", with("60"), 0},
		{"as long as a quarter", with("45"), 45 * time.Second},
		{"by another policy", with("10"), 10 * time.Second},
		{"longer than a quarter", brief("20"), 0},
		{"a quarter of a brief timer", brief("15"), 15 * time.Second},
	} {
		d.ReloadNow(step.policy)
		before := d.Status()
		found := map[string]time.Duration{}
		// A flow is new for five seconds, and then it is judged again.
		for deadline := time.Now().Add(7 * time.Second); time.Now().Before(deadline); {
			goesOn(t, step.name, c)
			for set, lifetime := range lifetimes(t, h.Fw) {
				found[set] = lifetime
			}
			if found["proven4"] != 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if found["proven4"] != step.proven {
			t.Errorf("%s: carried for %v, want %v as proven", step.name, found, step.proven)
		}
		if carried, _ := carriedSince(t, d, before); carried == 0 {
			t.Errorf("%s: nothing is carried", step.name)
		}
	}
}

// lifetimes are those of the elements of sets that have any, by the name of the first one of
// the kind: large tables have several of each.
func lifetimes(t testing.TB, h *netlab.Host) map[string]time.Duration {
	t.Helper()
	c, out := harness.Nft(t, h), map[string]time.Duration{}
	table := &nftables.Table{Name: "sgfw", Family: nftables.TableFamilyINet}
	sets, err := c.GetSets(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		kind, _, _ := strings.Cut(s.Name, "-")
		if kind != "proven4" && kind != "opening4" {
			continue
		}
		elements, err := c.GetSetElements(s)
		if err != nil {
			t.Fatalf("set %s: %v", s.Name, err)
		}
		for _, e := range elements {
			out[kind] = e.Timeout
		}
	}
	return out
}
