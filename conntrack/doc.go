// Package conntrack is a flow table: the connection tracking behind AWS security
// groups. A packet of a live flow passes in either direction, whatever the rules
// say (T1). So the table decides most packets, and the rules only the first one of
// a flow.
//
// The package knows tuples, TCP states with sequence numbers, timers and limits.
// It knows nothing of rules, packet formats or the kernel.
//
// For each packet the caller takes these steps:
//
//  1. [Table.Lock] locks the entry of the packet's tuple.
//  2. If [Entry.Flow] is a live flow, [Flow.Assess] says what the packet means for
//     it, and [Entry.Update] applies a packet that passed.
//  3. If there is no flow, or the outcome is [OutcomeReopen], the caller consults
//     its rules and, if they permit the packet, calls [Entry.Insert].
//  4. [Entry.Unlock] releases the entry.
//
// Every packet of a live TCP flow passes, whatever its sequence number (T28).
// Sequence numbers decide how long the flow lives. It gets the long timer, and
// protection from eviction, only by a number that the other side chose, and loses
// them only by such a number. An attacker who forges one side does not know it.
package conntrack
