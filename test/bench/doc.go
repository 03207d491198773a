// Command bench is a benchmark of firewalls with real packets. It creates the namespaces
// client, fw and server and runs the same loads through several firewalls in turn, in
// interleaved repetitions of one run. Then it compares medians:
//
//   - no firewall
//   - nftables, stateful: ct state established accept and a handful of rules
//   - sgfw with 10 and 10,000 rules, in both datapaths
//   - a C program on raw netlink, accepting everything
//   - a C program on libnetfilter_queue, accepting everything
//   - go-nfqueue as its documentation shows it, accepting everything
//   - Suricata in NFQ mode, and OpenSnitch, where they are installed
//   - with -settings, sgfw with other queues, views and devices
//
// It needs root and Linux. `make bench` runs it and writes docs/benchmarks.md and
// docs/benchmarks.svg. With -scale it measures how cost grows with rules, flows, interfaces
// and queues, and writes docs/scale.md. With -policies it measures commands that read large
// policies, in each format, and writes docs/large-policies.md; that needs no root.
//
// Of each load it also measures the CPU time of the machine and of the firewall's process for
// each packet, and of TCP what was sent again. TCP streams are measured a second time with
// iperf3, where that is installed: what users measure with. Documents have the smaller ratio.
//
// Threads of this program make the other loads with raw system calls: no goroutine switch, poller
// or garbage collection comes between a packet and its answer.
package main
