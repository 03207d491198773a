package main

import (
	"bytes"
	"fmt"
	"strings"
)

// glossary says of each firewall and each load in a few words what it is. The names of other
// settings of sgfw say what they are.
var glossary = map[string]string{
	nameNone:        "Packets pass without a rule.",
	nameNFTables:    "The kernel's own firewall with connection tracking and seven rules.",
	nameOffload:     "`datapath: offload`: the kernel passes packets of flows that sgfw let in.",
	nameOffloadMany: "The same with a thousand times as many rules.",
	nameSGFW:        "`datapath: userspace`: sgfw judges every packet.",
	nameSGFWMany:    "The same with a thousand times as many rules.",
	nameRawNetlink: "Judges nothing and accepts every packet: 32 in each system call, on one " +
		"queue. What NFQUEUE allows a program.",
	nameLibnetfilterQueue: "Judges nothing and accepts every packet, as the library's example does.",
	nameGoNFQueue:         "Judges nothing and accepts every packet, as that library's example does.",
	nameSuricata:          "An intrusion detection system that accepts every packet.",
	nameOpenSnitch:        "Judges the first packet of each connection that the client opens.",

	"idle":                            "No traffic.",
	"TCP, 1 stream":                   "One connection that sends as fast as it can.",
	"TCP, 1 stream, iperf3":           "The same made by iperf3.",
	"TCP, 8 streams":                  "Eight of them.",
	"TCP, 8 streams, iperf3":          "The same made by iperf3.",
	"UDP 64 B, overload":              "Datagrams as fast as one thread sends: those that arrive.",
	"UDP 64 B, 256 in flight":         "Another datagram as soon as one arrives: nothing is lost.",
	"UDP 64 B, 64 flows with replies": "Questions and answers, four at a time in each flow.",
	nameSteady: "Questions and answers of one flow, 200,000 packets a second or what the " +
		"machine carries: what established traffic costs.",
	"TCP connect/close":    "Connections that send a byte to and fro and end, for six windows.",
	"round trip, two CPUs": "A datagram to and fro, client and server on a CPU each.",
	"round trip, one CPU":  "A datagram to and fro, client and server on the same CPU.",
	"round trip at 1,000 packets/s": "Questions at an even distance, and their answers: a " +
		"machine with little to do.",
	"round trip at 20,000 packets/s": "The same with 20 times as much.",
}

// markdownGlossary says what was measured.
func (r *results) markdownGlossary(w *bytes.Buffer) {
	fmt.Fprint(w, "\n## What is measured\n\n| firewall | |\n|---|---|\n")
	for _, f := range r.firewalls {
		text := glossary[f]
		if text == "" && strings.HasPrefix(f, "sgfw") {
			text = "Ten rules, with this setting."
		}
		fmt.Fprintf(w, "| %s | %s |\n", f, text)
	}
	fmt.Fprint(w, "\n| load | |\n|---|---|\n")
	for _, l := range r.loads {
		fmt.Fprintf(w, "| %s | %s |\n", l.name, glossary[l.name])
	}
}
