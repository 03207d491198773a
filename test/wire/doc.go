// Package wire builds IP packets for tests, byte by byte and right by default:
// lengths and checksums are those that a correct sender writes unless an option
// says otherwise. Every function returns a new slice that starts at the IP
// header. The family is that of the source address.
//
// It builds and does not parse: what a packet means is for filter/packet to say,
// and for gopacket, which checks this package in its own tests.
//
// Calls that cannot make sense, such as addresses of two families, panic: they
// are mistakes of the test that makes them.
package wire
