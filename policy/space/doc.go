// Package space is exact sets of what may pass: which packets, by protocol, port or type,
// and by the peer's address, the rules of security groups permit. Sets of two policies tell
// whether one permits more than the other, whatever rules they are made of.
//
// The idea is that of header spaces (Kazemian, Varghese, McKeown: "Header Space Analysis",
// NSDI 2012): a packet is a point, a rule a box, a group a union of boxes. Rules of security
// groups only ever permit, so a union is all there is.
//
// A point has a [Selector] and a peer: an address of either family, or a member of a group
// whose addresses nobody knows, see [Atom]. Package filter decides by the same points, and a
// test holds the two against each other.
//
// Sets are values: they are never changed, the zero value is empty, and goroutines may share
// them.
package space
