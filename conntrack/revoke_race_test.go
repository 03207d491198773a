package conntrack

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRevokeUnderTraffic revokes flows while others pass packets of them: a flow
// that was revoked never has a member again before something begins it anew.
func TestRevokeUnderTraffic(t *testing.T) {
	const flows, workers = 256, 4
	table := NewTable(Config{MaxFlows: 4 * flows})
	now := Time(time.Hour)
	tuples := make([]Tuple, flows)
	for i := range tuples {
		tuples[i] = NewTuple(1, Ingress, ProtoTCP, Addr4([4]byte{203, 0, 113, 9}), Addr4([4]byte{192, 0, 2, 1}), uint16(i), 443)
		establish(t, table, &tuples[i], now)
	}
	var over atomic.Bool
	var dead [flows]atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tmo := DefaultTimeouts()
			s := PacketMeta{Dir: Direction(w & 1), Class: ClassTCP, Bytes: 40, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: ACK}}
			if w&1 == 1 {
				s.TCP = TCPSegment{Seq: 901, Ack: 101, Flags: ACK}
			}
			for i := w; !over.Load(); i = (i + 1) % flows {
				was := dead[i].Load()
				c := table.Lock(&tuples[i], now)
				o := c.Flow().Assess(&s)
				c.Update(&s, o, &tmo, now)
				c.Unlock()
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
