// Package query is the language that people select packets and flows with: terms
// such as port:443, -proto:icmp or group:"front ends". All terms have to hold, one with
// a minus must not, and values with commas between them are alternatives.
//
// Parse knows the shape and the keys. What a value means is for those who select.
package query
