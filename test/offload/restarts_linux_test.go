package offload

import (
	"net"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestKilledAndStartedWithOtherRules kills the daemon and starts one whose policy has the rule of
// carried flows no more: what the kernel still knows of the dead one's verdicts lets nothing pass.
func TestKilledAndStartedWithOtherRules(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, other = 7000, 7002
	d := harness.Enforce(t, h.Fw, policy(both(p), []string{everything}, "tracking: aws",
		"on_failure: { gone: drop }"))
	servers(t, h, p, other)
	watch := newWitness(t, h.Fw)
	watch.counts("asked", askedAt(p)...)
	var inward []way
	var conns []net.Conn
	for _, w := range ways(h) {
		if w.inward {
			inward, conns = append(inward, w), append(conns, carriedFlow(t, d, w, p))
		}
	}
	d.Kill()
	time.Sleep(20 * time.Millisecond) // what was under way
	passed := watch.tallies()["asked"].packets
	d.Write(policy(both(other), []string{everything}, "tracking: aws", "on_failure: { gone: drop }"))
	d.Start()
	for i, w := range inward {
		stopped(t, w.name+", its rule is gone", conns[i])
		goesOn(t, w.name+", its rule came", w.dial(t, "udp", other))
	}
	if n := watch.tallies()["asked"].packets - passed; n > 0 {
		t.Errorf("%d datagrams passed without a rule", n)
	}
}

// TestKilledAndStartedWithAnotherSize kills the daemon and starts one whose flow table has
// another size, so that the kernel has more sets or fewer: connections go on with what they
// send, are carried again, and a forbidden port stays closed.
func TestKilledAndStartedWithAnotherSize(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, forbidden = 7000, 7009
	of := func(flows string) string {
		return policy(both(p), []string{everything}, "max_flows: "+flows, "on_failure: { gone: drop }")
	}
	d := harness.Enforce(t, h.Fw, of("1000"))
	servers(t, h, p, forbidden)
	w := ways(h)[0]
	stream := w.dial(t, "tcp", p)
	for _, flows := range []string{"1000", "300000", "40000", "1000"} {
		d.Kill()
		d.Write(of(flows))
		d.Start()
		before := d.Status()
		for range 8 {
			if err := echoed(stream, random(1<<18)); err != nil {
				t.Fatalf("%s flows: %v", flows, err)
			}
		}
		if carried, _ := carriedSince(t, d, before); carried == 0 {
			t.Errorf("%s flows: nothing is carried", flows)
		}
		if lost := asks(w.dial(t, "udp", forbidden), 1, 200*time.Millisecond); lost != 1 {
			t.Errorf("%s flows: a forbidden port answers", flows)
		}
	}
}
