package nfqueue

import (
	"testing"
	"time"

	"sgfw/filter"
)

// TestHeartbeats: a queue that is served comes round also while nothing arrives,
// and one whose handler hangs does not.
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
				t.Error("an idle queue does not come round")
			}
			k.sendPacket(1, 'd')
			<-hanging
			if moves(2 * IdleInterval) {
				t.Error("a queue whose handler hangs comes round")
			}
			close(release)
			if !moves(patience) {
				t.Error("the queue does not come round again")
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
