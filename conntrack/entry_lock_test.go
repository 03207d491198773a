package conntrack

import (
	"sync"
	"testing"
	"time"
)

// TestEntryLock: workers that compete for a few flows lose no packet, while others grow
// the index, list, sweep and delete around them.
func TestEntryLock(t *testing.T) {
	const workers, rounds, flows = 4, 20_000, 8
	table := newTable(Config{MaxFlows: 100_000}, 1)
	tuples := manyTuples(flows + 8000)
	for i := range flows {
		establish(t, table, &tuples[i], 0)
	}
	tmo := DefaultTimeouts()
	var wg, background sync.WaitGroup
	stop := make(chan struct{})
	background.Go(func() {
		for i := flows; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			k := &tuples[flows+i%8000]
			s := udpPacket(in)
			e := table.Lock(k, 1)
			if e.Flow() == nil {
				e.Insert(&s, 0, &tmo, 1)
			}
			e.Unlock()
			if i%3 == 0 {
				table.Delete(k, 1)
			}
			if i%1000 == 0 {
				table.Expire(1, 1000)
				live := 0
				table.Range(1, func(fi FlowInfo) bool {
					if fi.State == StateEstablished {
						live++
					}
					return true
				})
				if live != flows {
					t.Errorf("Range shows %d of %d established flows", live, flows)
				}
			}
		}
	})
	for w := range workers {
		wg.Go(func() {
			s := dataSegment
			s.Bytes, s.TCP.Len = 1, 1
			for i := range rounds {
				now := Time(i) * Time(time.Millisecond)
				e := table.Lock(&tuples[(i+w)%flows], now)
				f := e.Flow()
				if f == nil {
					t.Errorf("round %d: no flow", i)
					e.Unlock()
					return
				}
				e.Update(&s, f.Assess(&s), &tmo, now)
				e.Unlock()
			}
		})
	}
	wg.Wait()
	close(stop)
	background.Wait()
	var packets uint32
	var bytes uint64
	table.Range(0, func(fi FlowInfo) bool {
		if fi.State == StateEstablished {
			packets += fi.Packets[Ingress]
			bytes += fi.Bytes[Ingress]
		}
		return true
	})
	// A handshake has two ingress packets of 112 bytes together.
	if packets != workers*rounds+2*flows || bytes != workers*rounds+112*flows {
		t.Errorf("%d packets and %d bytes counted, want %d and %d",
			packets, bytes, workers*rounds+2*flows, workers*rounds+112*flows)
	}
}

// TestConcurrentInsert: of workers that get the first packet of one flow at once, one
// opens it and the others find it.
func TestConcurrentInsert(t *testing.T) {
	const workers, flows = 4, 3000
	table := NewTable(Config{MaxFlows: 2 * flows})
	tuples := manyTuples(flows)
	tmo := DefaultTimeouts()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			s := PacketMeta{Class: ClassOther, Bytes: 1, Lane: uint8(w)}
			for i := range tuples {
				e := table.Lock(&tuples[i], 0)
				if f := e.Flow(); f != nil {
					e.Update(&s, f.Assess(&s), &tmo, 0)
				} else if r := e.Insert(&s, 0, &tmo, 0); r != Inserted {
					t.Errorf("Insert = %v", r)
				}
				e.Unlock()
			}
		})
	}
	wg.Wait()
	if st := table.Stats(); st.Inserted != flows || st.Flows != flows || st.Replaced != 0 {
		t.Errorf("stats %+v, want %d flows inserted once", st, flows)
	}
	table.Range(0, func(fi FlowInfo) bool {
		if fi.Packets[Ingress] != workers {
			t.Errorf("a flow counted %d packets, want %d", fi.Packets[Ingress], workers)
		}
		return !t.Failed()
	})
}
