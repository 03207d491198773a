// Package chains translates what other firewalls of Linux have, chains of rules in order,
// into groups that only allow: a packet that begins a connection passes by the groups if and
// only if it passes by the chains.
//
// A walk follows all packets of a device at once, as exact sets of package space: each rule
// takes its part of what is still undecided. A rule that accepts becomes rules of a group as
// it stands if nothing of it was dropped before; else what is left of it does. Packets of
// connections that are there already are walked the same way, and have to pass, since they do
// here. What a rule asks that groups cannot say makes it uncertain: then it accepts nothing,
// with a notice, and what it may drop is an error if a later rule accepts it.
package chains
