// Package naive is the firewall once more, slow and obvious: a list of rules, a
// list of flows with times, and the sentences of docs/aws.md as functions
// with their handles (R4, T2, X3 …). It is what the engine is
// compared with, so it shares nothing with it: it imports the standard library
// alone, has its own words for policies and packets, and reads no bytes.
//
// Where AWS is silent the decision is the project's own, which the comments say.
package naive
