package nfqueue

// This file calls the handler. A panic in it costs the packet, not the loop.

import "sgfw/conntrack"

func (l *loop) begin() (ready bool) {
	defer l.recoverPanic()
	l.handler.Begin()
	return true
}

func (l *loop) decide() (accept bool) {
	defer l.recoverPanic()
	return l.handler.Decide(&l.msg.ev)
}

func (l *loop) end() {
	defer l.recoverPanic()
	l.handler.End()
}

// recoverPanic recovers a panic of the handler and counts it. The function that panicked
// returns false.
func (l *loop) recoverPanic() {
	if recover() != nil {
		l.batch.Panics++
	}
}

// carriage asks the handler about the packet that it has accepted.
func (l *loop) carriage() conntrack.Carriage {
	if l.carrier == nil {
		return conntrack.CarryNone
	}
	return l.carrier.Carriage()
}
