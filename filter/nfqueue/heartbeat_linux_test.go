package nfqueue

import (
	"testing"
	"time"

	"sgfw/filter"
)

// TestHeartbeats: the heartbeats of a queue advance while it is served, also without packets, and
// stop while its handler hangs.
func TestHeartbeats(t *testing.T) {
	for _, d := range Drivers() {
		t.Run(string(d), func(t *testing.T) {
			hanging, release := make(chan struct{}), make(chan struct{})
			q, k := openFake(t, d, &recorder{decide: func(*filter.Event) bool {
				close(hanging)
				<-release
				return false
			}})
			wait := run(t, q)
			moves := func(within time.Duration) bool {
				from := q.Stats().Heartbeats
				for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if q.Stats().Heartbeats != from {
						return true
					}
				}
				return false
			}
			if !moves(patience) {
				t.Error("an idle queue has no heartbeat")
			}
			k.sendPacket(1, 'd')
			<-hanging
			if moves(2 * IdleInterval) {
				t.Error("a queue whose handler hangs has a heartbeat")
			}
			close(release)
			if !moves(patience) {
				t.Error("the queue has no heartbeat after the handler returned")
			}
			if err := q.Close(); err != nil {
				t.Error(err)
			}
			if err := wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
