// Package state tests connection tracking on real packets: handshakes, mid-stream
// pickup, forged segments, time-outs, untracked flows, shared scopes, revocation.
//
// Most tests put a policy in force, open flows under it and then put one in force
// that allows nothing. From there on only the flow table can explain why a packet
// passes. A build that accepts everything shows in new flows, which pass as well.
package state
