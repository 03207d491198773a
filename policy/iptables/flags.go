package iptables

import (
	"math/bits"
	"strings"

	"sgfw/policy/chains"
)

// Flags are a condition on those of TCP: of Mask, exactly Set are there, or not.
type Flags struct {
	Mask, Set uint8
	Not       bool
}

const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	allFlags = fin | syn | rst | psh | ack | urg
)

// FlagsOf reads names of flags with commas between them.
func FlagsOf(s string) (f uint8) {
	for part := range strings.SplitSeq(strings.ToUpper(s), ",") {
		switch part {
		case "FIN":
			f |= fin
		case "SYN":
			f |= syn
		case "RST":
			f |= rst
		case "PSH":
			f |= psh
		case "ACK":
			f |= ack
		case "URG":
			f |= urg
		case "ALL":
			f |= allFlags
		}
	}
	return f
}

// begins reports whether a packet that begins a connection satisfies the condition.
func (f *Flags) begins() bool { return (syn&f.Mask == f.Set) != f.Not }

// strange reports whether no packet of TCP has those flags.
func (f *Flags) strange() bool {
	s := f.Set
	return !f.Not && (bits.OnesCount8(s&(fin|syn|rst)) > 1 ||
		s == 0 && f.Mask&(syn|ack|rst) == syn|ack|rst ||
		s&(fin|psh|urg) != 0 && s&(ack|rst|syn) == 0 && f.Mask&ack != 0)
}

// Restrict turns the condition into one on states, which it adds to a match. It is false if that
// is not the whole condition.
func (f *Flags) Restrict(m *chains.Match) bool {
	only := func(s chains.State) {
		if m.States == 0 {
			m.States = chains.AnyState
		}
		if m.States &= s; m.States == 0 {
			m.Never = true
		}
	}
	isSyn := f.Mask&(syn|ack) == syn|ack && f.Set == syn
	switch {
	case f.strange():
		m.Never = true
	case isSyn && !f.Not:
		only(chains.New)
	case isSyn:
		only(chains.AnyState &^ chains.New)
	case f.begins():
		return false
	default:
		only(chains.AnyState &^ chains.New)
		return false
	}
	return true
}
