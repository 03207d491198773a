package harness

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// DeniedTraffic sends along the forbidden lanes of a gate and knows when it sent what, so
// that it can tell for how long something passed.
type DeniedTraffic struct {
	t    testing.TB
	g    *Gate
	mark string
	over atomic.Bool
	wg   sync.WaitGroup
	to   []*Inbox
	// sent is when each datagram of a lane was sent; its number is its content.
	sent [][]sending
	// count is how many were sent on all lanes.
	count atomic.Int64
}

// sending is the time around the sending of a datagram, which others may interrupt.
type sending struct{ begun, done time.Time }

// DeniedTraffic begins one. It is to be lifted before it is asked anything.
func (g *Gate) DeniedTraffic(t testing.TB) *DeniedTraffic {
	t.Helper()
	s := &DeniedTraffic{t: t, g: g, mark: "siege " + string(Nonce())}
	for _, l := range g.Lanes() {
		if l.allowed {
			continue
		}
		c, err := l.Host.ListenPacket(t.Context(), "udp", AddrPort(l.From, 0))
		if err != nil {
			t.Fatal(err)
		}
		i, to := len(s.sent), net.UDPAddrFromAddrPort(l.To)
		s.to, s.sent = append(s.to, g.At[l.To]), append(s.sent, nil)
		s.wg.Go(func() {
			defer c.Close()
			for n := 0; !s.over.Load(); n++ {
				begun := time.Now()
				_, _ = c.WriteTo(s.content(i, n), to)
				// Written by this goroutine alone until the siege is lifted.
				s.sent[i] = append(s.sent[i], sending{begun, time.Now()})
				s.count.Add(1)
				time.Sleep(200 * time.Microsecond)
			}
		})
	}
	t.Cleanup(s.Stop)
	return s
}

func (s *DeniedTraffic) content(lane, n int) []byte {
	return fmt.Appendf(nil, "%s/%d/%d", s.mark, lane, n)
}

// WaitForMore waits until enough more was sent for held to tell something.
func (s *DeniedTraffic) WaitForMore() {
	s.t.Helper()
	until := s.count.Load() + 40
	for deadline := time.Now().Add(ArrivalTimeout); s.count.Load() < until; time.Sleep(
		time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("the siege does not go on")
		}
	}
}

// Arrives waits until something of the siege has arrived.
func (s *DeniedTraffic) Arrives() {
	s.t.Helper()
	for deadline := time.Now().Add(ArrivalTimeout); ; time.Sleep(time.Millisecond) {
		for _, in := range s.to {
			if in.hasPrefix(s.mark) {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatal("nothing of the siege arrives where everything may")
		}
	}
}

// Stop ends the siege.
func (s *DeniedTraffic) Stop() {
	s.over.Store(true)
	s.wg.Wait()
}

// Passed tells of what was sent from a moment until another, how much of it
// arrived, and when the last of that was sent.
func (s *DeniedTraffic) Passed(from, until time.Time) (arrived, sent int, last time.Time) {
	s.Stop()
	for i, times := range s.sent {
		for n, at := range times {
			if at.begun.Before(from) || !at.done.Before(until) {
				continue
			}
			sent++
			if _, ok := s.to[i].Has(s.content(i, n)); ok {
				arrived++
				if at.begun.After(last) {
					last = at.begun
				}
			}
		}
	}
	return arrived, sent, last
}

// DropsAll fails the test if anything passed that was sent from a moment until another,
// or if nothing was sent.
func (s *DeniedTraffic) DropsAll(what string, from, until time.Time) {
	s.t.Helper()
	if !s.over.Load() && time.Now().Before(until) {
		s.WaitForMore()
	}
	if n, sent, last := s.Passed(from, until); n > 0 {
		s.t.Errorf("%s: %d of %d datagrams that no rule allows passed, the last after %v", what, n, sent,
			last.Sub(from))
	} else if sent < 10 {
		s.t.Errorf("%s: the siege sent %d datagrams only", what, sent)
	}
}

// ClosesWithin tells for how long something passed from a moment on, and fails the test
// if that was longer than within.
func (s *DeniedTraffic) ClosesWithin(what string, from, until time.Time, within time.Duration) {
	s.t.Helper()
	n, sent, last := s.Passed(from, until)
	if n == 0 {
		s.t.Logf("%s: nothing of %d datagrams passed", what, sent)
		return
	}
	s.t.Logf("%s: %d of %d datagrams passed, the last after %v", what, n, sent, last.Sub(from))
	if last.Sub(from) > within {
		s.t.Errorf("%s: it took longer than %v to close again", what, within)
	}
}
