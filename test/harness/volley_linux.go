package harness

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// VolleyEach sends all shots and compares what arrived with what should. Unlike
// Volley it waits for what must not arrive: failsafes pass by the queue, so nothing
// that is sent behind tells when it is empty.
func VolleyEach(t *testing.T, when string, shots []Shot) {
	t.Helper()
	stated(t, shots)
	contents := make([][]byte, len(shots))
	for i, s := range shots {
		contents[i] = s.Send()
	}
	wait, drops := ArrivalTimeout, 0
	for i, s := range shots {
		if s.Want == Drop {
			drops++
		} else if !s.Arrived(contents[i], wait) {
			t.Errorf("%s: %s: did not arrive", when, s.What)
			wait = SilenceTimeout
		}
	}
	if drops == 0 {
		return
	}
	time.Sleep(SilenceTimeout)
	for i, s := range shots {
		if s.Want == Drop && s.Arrived(contents[i], 0) {
			t.Errorf("%s: %s: arrived", when, s.What)
		}
	}
}

// Shot is one datagram: it is sent with fresh content, and has arrived when
// that content is at the receiver.
type Shot struct {
	What string
	Send func() []byte
	// Arrived waits for the content, not at all if wait is 0.
	Arrived func(content []byte, wait time.Duration) bool
	Want    Verdict
}

// Volley sends the shots that must not arrive and behind them those that must.
// Once the latter are there, none of the former may be. The policy should have
// one queue.
func Volley(t *testing.T, shots []Shot) {
	t.Helper()
	stated(t, shots)
	contents := make([][]byte, len(shots))
	for _, v := range []Verdict{Drop, Pass} {
		for i, s := range shots {
			if s.Want == v {
				contents[i] = s.Send()
			}
		}
	}
	wait, allowed := ArrivalTimeout, 0
	if t.Failed() {
		wait = SilenceTimeout
	}
	for i, s := range shots {
		if s.Want == Drop {
			continue
		}
		allowed++
		if !s.Arrived(contents[i], wait) {
			t.Errorf("%s: did not arrive", s.What)
			wait = 0
		}
	}
	if allowed == 0 {
		t.Fatal("nothing in this volley tells when it is over")
	}
	for i, s := range shots {
		if s.Want == Drop && s.Arrived(contents[i], 0) {
			t.Errorf("%s: arrived", s.What)
		}
	}
}

// Datagram is a shot from one UDP socket to another, which listens at to.
func Datagram(t *testing.T, what string, from, at *Inbox, to netip.AddrPort) Shot {
	return Shot{
		What: what,
		Send: func() []byte { return from.Send(t, to) },
		Arrived: func(content []byte, wait time.Duration) bool {
			_, ok := at.Receives(content, wait)
			return ok
		},
	}
}

// Raw is a shot of a packet that is built byte by byte around the content and
// put on the link as it is.
func Raw(t *testing.T, what string, from *netlab.Device, at *RawInbox,
	build func(content []byte) []byte) Shot {
	return Shot{
		What: what,
		Send: func() []byte {
			content := Nonce()
			if err := from.Send(build(content)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			return content
		},
		Arrived: at.Receives,
	}
}

// stated fails the test if a shot has no verdict.
func stated(t *testing.T, shots []Shot) {
	t.Helper()
	for _, s := range shots {
		if s.Want == 0 {
			t.Fatalf("%s: the test does not say whether this must arrive", s.What)
		}
	}
}
