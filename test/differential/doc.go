// Package differential makes random policies and random traffic, interesting ones,
// and compares what different firewalls make of them: the engine with the naive one
// of package naive, and, on real packets, the program with the kernel's own
// firewall, rulesets that the program exports with the naive one, and the two datapaths of
// the program with each other. Everything comes from a seed. What the engine does otherwise
// is cut down to a few packets before it is reported.
package differential
