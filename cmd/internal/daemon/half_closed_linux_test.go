package daemon

import (
	"fmt"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// halfClosedPolicy admits connections to port 443 both ways, with timers for eth0.
const halfClosedPolicy = `version: 1
security_groups:
  - name: both
    description: Either side may ask
    ingress: [%[1]s]
    egress: [%[1]s]
interfaces:
  - { device: eth0, security_groups: [both], connection_tracking: { %[2]s } }
settings: { queues: { count: 1 } }
`

// TestHalfClosed: a connection that one side has ended lives on for the other one,
// which may think for longer than a minute before it answers: whichever side opened it
// and whichever ended it, without a rule, for the time that the interface says. An
// established connection is the most that it may be (T13).
func TestHalfClosed(t *testing.T) {
	parity.Proves(t, "timer close wait", "T13")
	ends, endAcked := segment(false, wire.FIN|wire.ACK, 1, 1, ""), segment(true, wire.ACK, 1, 2, "")
	lateData := segment(true, wire.ACK|wire.PSH, 1, 2, "late")
	closings := map[string]struct {
		script []says
		then   says
	}{
		"the asker ends":  {[]says{syn, synAck, ack, fin, finAcked}, data},
		"the server ends": {[]says{syn, synAck, ack, ends, endAcked}, lateData},
	}
	r := newRelay(t, fmt.Sprintf(halfClosedPolicy, questions, ""))
	for _, timer := range []struct {
		keys string
		idle time.Duration
	}{
		{"", time.Hour},
		{"tcp_half_closed_timeout: 90", 90 * time.Second},
		{"tcp_half_closed_timeout: 7200", 2 * time.Hour},
		{"tcp_established_timeout: 350", 350 * time.Second},
	} {
		for name, c := range closings {
			for role, sides := range map[string][2]*side{
				"opened from outside": {r.sides[0], r.sides[2]},
				"opened from inside":  {r.sides[2], r.sides[0]},
			} {
				for family := range 2 {
					what := fmt.Sprintf("%q, %s, %s, IPv%d", timer.keys, name, role, 4+2*family)
					r.apply(t, fmt.Sprintf(halfClosedPolicy, questions, timer.keys))
					begin := func() *dialogue {
						return r.openTo(t, sides[0], sides[1], family, c.script)
					}
					within, beyond := begin(), begin()
					if got := r.state(within.n); len(got) != 1 || got[0] != conntrack.StateCloseWait {
						t.Errorf("%s: states %v", what, got)
					}
					r.apply(t, fmt.Sprintf(halfClosedPolicy, sentinels, timer.keys))
					r.wait(timer.idle - time.Second)
					if !within.say(t, c.then) {
						t.Errorf("%s: the other side cannot go on after %v", what, timer.idle-time.Second)
					}
					r.wait(2 * time.Second)
					beyond.goesUnanswered(t, fmt.Sprintf("%s: after %v", what, timer.idle+time.Second), c.then)
				}
			}
		}
	}
}
