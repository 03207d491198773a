// Package conntrack follows flows the way an AWS security group does: a packet
// of a live flow passes in either direction whatever the rules say
// (T1), so the table decides most packets and the rules only
// first ones. It knows tuples, TCP states with sequence numbers, the relation
// between an ICMP error and the flow that it quotes, timers and limits, and
// nothing of rules, packets or the kernel.
//
// A packet's way through the table: [Table.Lock] its tuple; if there is a
// [Entry.Flow], ask it with [Flow.Assess], and apply what passes with
// [Entry.Update]; if there is none, or the outcome is [OutcomeReopen], ask the
// rules and then [Entry.Insert]; [Entry.Unlock].
//
// Every packet of a live flow passes, whatever its numbers (T28). What numbers
// are for is the flow's future: it gets the long timer and safety from eviction,
// and loses them, only by a number that the other side chose and that a forger of
// one side does not know.
package conntrack
