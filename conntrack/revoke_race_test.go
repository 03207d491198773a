package conntrack

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRevokeUnderTraffic revokes flows while workers pass their packets: no packet is a
// member of a flow after it was revoked.
func TestRevokeUnderTraffic(t *testing.T) {
	const flows, workers = 256, 4
	table := NewTable(Config{MaxFlows: 4 * flows})
	now := Time(time.Hour)
	tuples := make([]Tuple, flows)
	for i := range tuples {
		tuples[i] = NewTuple(1, Ingress, ProtoTCP,
			Addr4([4]byte{203, 0, 113, 9}), Addr4([4]byte{192, 0, 2, 1}), uint16(i), 443)
		establish(t, table, &tuples[i], now)
	}
	var over atomic.Bool
	var dead [flows]atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tmo := DefaultTimeouts()
			s := tcpPacket(in, ACK, 101, 901)
			if w&1 == 1 {
				s = tcpPacket(out, ACK, 901, 101)
			}
			s.Bytes = 40
			for i := w; !over.Load(); i = (i + 1) % flows {
				was := dead[i].Load()
				e := table.Lock(&tuples[i], now)
				o := e.Flow().Assess(&s)
				e.Update(&s, o, &tmo, now)
				e.Unlock()
				if was && o != OutcomeRevoked {
					t.Errorf("flow %d: a packet is %v after the flow was revoked", i, o)
					return
				}
			}
		})
	}
	for n := range flows {
		table.Range(now, func(f FlowInfo) bool {
			i := int(f.Tuple.RemotePort)
			if i%flows != n%flows || f.State == StateRevoked {
				return true
			}
			if !table.Revoke(&f, now) {
				t.Errorf("flow %d is not revoked", i)
			}
			dead[i].Store(true)
			return true
		})
	}
	over.Store(true)
	wg.Wait()
	if st := table.Stats(); st.Revoked != flows || st.Flows != flows {
		t.Errorf("%d flows revoked of %d, want %d", st.Revoked, st.Flows, flows)
	}
}
