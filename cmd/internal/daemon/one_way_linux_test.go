package daemon

import (
	"fmt"
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestOneWay: a flow of which this machine sees one direction alone (direct return,
// asymmetric routes) lives by what passes of it, also once its rule is gone: whichever
// side is seen, and in whichever protocol. It ends with its timer, as others do (T15).
func TestOneWay(t *testing.T) {
	parity.Proves(t, "T15", "timer syn sent")
	r := newRelay(t, fmt.Sprintf(halfClosedPolicy, questions, ""))
	for _, c := range []struct {
		what   string
		begins []says
		goesOn says
		pause  time.Duration // shorter than the timer
	}{
		{"TCP", []says{syn, ack, request}, request, 110 * time.Second},
		{"TCP, acknowledgements", []says{syn, ack}, dataAck, 110 * time.Second},
		{"TCP, the answers after a SYN-ACK", []says{syn, synAck}, data, 50 * time.Second},
		{"TCP, met mid-stream", []says{request}, request, 290 * time.Second},
		{"UDP", []says{datagram(true)}, datagram(true), 28 * time.Second},
		{"ping", []says{echo(true)}, echo(true), 28 * time.Second},
	} {
		for role, sides := range map[string][2]*side{
			"opened from outside": {r.sides[0], r.sides[2]},
			"opened from inside":  {r.sides[2], r.sides[0]},
		} {
			for family := range 2 {
				what := fmt.Sprintf("%s, %s, IPv%d", c.what, role, 4+2*family)
				r.apply(t, fmt.Sprintf(halfClosedPolicy, questions, ""))
				flow := r.openTo(t, sides[0], sides[1], family, c.begins)
				r.apply(t, fmt.Sprintf(halfClosedPolicy, sentinels, ""))
				for i := range 5 {
					r.wait(c.pause)
					if !flow.say(t, c.goesOn) {
						t.Errorf("%s: cut %v after its rule", what, time.Duration(i+1)*c.pause)
						break
					}
				}
				r.wait(c.pause + 30*time.Second)
				flow.goesUnanswered(t, what+": idle", c.goesOn)
			}
		}
	}
}
