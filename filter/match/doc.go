// Package match is a lookup of rules by address and service: which rule permits a peer
// to use a port, or an ICMP type, of a protocol. It is pure: it knows numbers only, no
// policy, packet or flow.
//
// A [Grant] is one rule for one prefix. [New] builds a frozen [Matcher] of many: a
// longest-prefix trie maps an address to a class, and a class holds the ranges of
// [Selector] that the rules around the address permit. A lookup takes the same time with
// ten rules and with ten thousand, and allocates nothing.
//
// [Matcher.Match] answers whether any rule permits, and names one that does; it has no
// order. [Matcher.First] names the one with the lowest number, as network ACLs need it.
package match
