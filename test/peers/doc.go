// Package peers compares the decision of sgfw, packet in and verdict out, with
// that of two Go firewalls in wide use: the one of nebula
// (github.com/slackhq/nebula) and the packet filter of tailscale
// (tailscale.com/wgengine/filter). It is a module of its own, so that sgfw
// itself depends on neither. `make bench-peers` runs it.
//
// All three meet the same work: rule i permits TCP port 1000+i%64 from
// 10.x.y.0/24, another network for each rule; packets are IPv4 of 40 bytes.
//
// What they do differs. nebula proves the sender against its certificate on each
// new flow, keeps flows without TCP state and one lock around all of them.
// tailscale keeps no state of TCP at all: a segment without SYN always passes, so
// its established flows are UDP here, of which it remembers the last 512. sgfw
// follows TCP states and sequence numbers, and has timers for each.
package peers
