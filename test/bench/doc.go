// Command bench measures what a firewall costs. Between namespaces client, fw and
// server, which it makes itself, it runs the same loads against several
// firewalls in turn, in interleaved repetitions of one run, and compares medians:
//
//   - no firewall
//   - nftables, stateful: ct state established accept and a handful of rules
//   - sgfw with 10, 1,000 and 10,000 rules
//   - sgfw with its packets spread over the queues by hash, or by loops pinned to CPUs
//   - sgfw over go-nfqueue's own receive path
//   - go-nfqueue as its documentation shows it, accepting everything
//   - a C program on libnetfilter_queue, accepting everything
//   - Suricata in NFQ mode, and OpenSnitch, where they are installed
//
// It needs root and Linux. `make bench` runs it and writes docs/benchmarks.md and
// docs/benchmarks.svg; with -scale it measures what grows with rules, flows,
// interfaces and queues, and writes docs/scale.md.
//
// Loads are made by threads of this program with plain system calls: no
// goroutine switch, no poller and no garbage collection lies between a packet
// and its answer.
package main
