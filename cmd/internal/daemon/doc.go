// Package daemon is the life of `sgfw run`: it starts what package enforce needs, runs
// the tasks around it, answers the control socket, and stops in order.
//
// The order of a start is the order of what must not be missing when the next
// thing exists: ruleset, lock, queues, rules, readiness. That of an ordered
// stop is the reverse: rules out (chains stay), queues drained, table removed.
package daemon
