// Package pcap reads and writes captures: files of packets in the formats pcap (the
// savefile format of libpcap, draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
// It knows neither what packets mean nor this machine.
//
// It is our own, since gopacket's reader and writer of pcapng leave out what verdicts are
// carried by: the options of a packet. Tests compare the two.
package pcap
