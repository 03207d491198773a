// Package conntrack follows flows the way an AWS security group does: a packet
// of a live flow passes in either direction whatever the rules say
// (aws-semantics T1), so the table decides most packets and the rules only
// first ones. It knows tuples, TCP states with sequence numbers, the relation
// between an ICMP error and the flow that it quotes, timers and limits, and
// nothing of rules, packets or the kernel.
package conntrack
