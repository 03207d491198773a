// Package peers is a benchmark of sgfw's decision, packet in and verdict out, beside two widely
// used firewalls in Go: that of nebula (github.com/slackhq/nebula) and the packet filter of
// tailscale (tailscale.com/wgengine/filter). It is a module of its own, so that sgfw depends on
// neither. `go test -mod=mod -bench . -cpu=1` runs it here.
//
// All three get the same rules and packets. Rule i permits TCP port 1000+i%64 from 10.x.y.0/24,
// with another network for each rule. Packets are IPv4 of 40 bytes. TestSameAnswers checks that
// all three decide the same.
//
// They do different work. nebula checks the sender against its certificate on each new flow. It
// keeps flows without TCP state, under one lock. tailscale keeps no TCP state: a segment without
// SYN always passes. So its established flows are UDP here, of which it remembers the last 512.
// sgfw tracks TCP states and sequence numbers and has a timer for each flow.
package peers
