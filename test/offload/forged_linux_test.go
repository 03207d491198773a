package offload

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestForgedVerdicts has a program on the machine give its packets the marks and priorities
// by which verdicts are told: nothing arrives that no rule permits, with a daemon and after
// kill -9. What is permitted arrives with the same marks, and is carried.
func TestForgedVerdicts(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const permitted, forbidden = 7000, 7001
	d := harness.Enforce(t, h.Fw, policy(nil, []string{harness.Allow("udp", permitted)},
		"on_failure: { gone: drop }"))
	marks := []int{0, 1 << 28, 1 << 29, 3 << 28, 0xffffffff}
	priorities := []int{0, 1 << 29, 1 << 30, 3 << 29, 0x7fffffff}
	watch := newWitness(t, h.Fw)
	watch.counts("forbidden", askedAt(forbidden)...)
	watch.counts("ranked", bits(expr.MetaKeyPRIORITY, priorityBits)...)
	to := make(map[netip.AddrPort]*harness.Inbox)
	var machine []way
	for _, w := range ways(h) {
		if w.from != h.Fw {
			continue
		}
		machine = append(machine, w)
		for _, p := range []int{permitted, forbidden} {
			at := harness.AddrPort(w.dst, p)
			to[at] = harness.NewInbox(t, w.to, at)
		}
	}
	forge := func(w way, p int) map[string]string { // what was sent, by its content
		sent := make(map[string]string)
		for _, m := range marks {
			for _, prio := range priorities {
				c := w.dial(t, "udp", p, netlab.Sockopt(unix.SOL_SOCKET, unix.SO_MARK, m),
					netlab.Sockopt(unix.SOL_SOCKET, unix.SO_PRIORITY, prio))
				for range 3 {
					content := random(16)
					_, _ = c.Write(content) // EPERM where it is dropped
					sent[string(content)] = fmt.Sprintf("%s, port %d, mark %#x, priority %#x", w.name, p, m, prio)
				}
				c.Close()
			}
		}
		return sent
	}
	refused := make(map[string]string)
	for _, w := range machine {
		maps.Copy(refused, forge(w, forbidden))
		for content, what := range forge(w, permitted) {
			if _, ok := to[harness.AddrPort(w.dst, permitted)].Receives([]byte(content),
				harness.ArrivalTimeout); !ok {
				t.Fatalf("%s: what is permitted did not arrive", what)
			}
		}
	}
	if n := watch.tallies()["ranked"].packets; n > 0 {
		t.Errorf("%d packets have bits of ours in their priority behind our chains", n)
	}
	d.Kill()
	for _, w := range machine {
		for _, p := range []int{permitted, forbidden} {
			for content, what := range forge(w, p) {
				refused[content] = what + ", no daemon"
			}
		}
	}
	time.Sleep(harness.SilenceTimeout)
	for content, what := range refused {
		for at, in := range to {
			if _, ok := in.Has([]byte(content)); ok {
				t.Errorf("%s: arrived at %s", what, at)
			}
		}
	}
	if n := watch.tallies()["forbidden"].packets; n > 0 {
		t.Errorf("%d forged packets passed", n)
	}
}

// TestForgedMarkAddsNothing gives packets that no rule permits the marks of a verdict about a
// proven flow: none is carried.
func TestForgedMarkAddsNothing(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const forbidden = 7001
	d := harness.Enforce(t, h.Fw, policy(nil, []string{harness.Allow("udp", 7000)}))
	w := ways(h)[1]
	for range 100 {
		c := w.dial(t, "udp", forbidden, netlab.Sockopt(unix.SOL_SOCKET, unix.SO_MARK, 1<<29),
			netlab.Sockopt(unix.SOL_SOCKET, unix.SO_PRIORITY, 3<<29))
		_, _ = c.Write(random(16))
		c.Close()
	}
	if s := d.Status(); s.Offload.Flows+s.Offload.Opening > 0 || s.Offload.Packets > 0 {
		t.Errorf("forged packets are carried: %+v", s.Offload)
	}
}
