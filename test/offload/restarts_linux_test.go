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
