// Package offload keeps established flows in the kernel: how nftables carries on with flows
// that the verdict loop has let pass, and how the loop hears of what was carried.
//
// A verdict that accepts sends its packet through the base chain once more, with two bits of
// its mark set (see [filter.Marks]). A rule there takes the bits away, adds both directions
// of the flow to a set, if the verdict says so, and lets the packet pass. Further packets of
// the flow find themselves in the set and pass without a verdict. Nothing is sent over
// netlink for a flow, and the kernel tracks no connection.
//
// Three sets for each family hold directions of flows of TCP and UDP:
//
//	proven   flows of which both sides have shown that they are there
//	opening  new flows, for some seconds
//	answer   the SYN-ACK that a SYN asked for, likewise
//
// They are apart so that floods of new flows fill none but the last two. For more than 16,384
// flows there are several sets of each, told apart by a hash, because the kernel takes the
// square of its elements to read one. What is in no set,
// or no plain segment or datagram, goes to a queue as ever: SYN, FIN and RST, fragments,
// other protocols, extension headers.
//
// An element has counters, which [Sets.Collect] takes to the flow table, and a lifetime,
// after which the next packet of its flow is judged again.
package offload
