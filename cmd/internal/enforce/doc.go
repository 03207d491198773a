// Package enforce is the enforcement of policies: the one way from a revision of a
// policy to the ruleset that judges packets, whatever asks for it.
//
// A reload by command, a signal, a watched file, a roll-back and a change of this
// machine's addresses all end here. A change is compiled off the packet path and
// held against the SSH guard; what it means is told; it is written down, so that a
// crash cannot lose a roll-back; the table and the engine get it without a gap.
// Nothing else publishes a ruleset.
//
// The [Enforcer] also keeps the means of enforcing whole: it repairs the table when
// another program damages it, binds queues again that were taken away, and closes
// the devices while either cannot be had.
package enforce
