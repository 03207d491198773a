package claims

// datapath is about what is not the same with settings.datapath: offload. The other chapters
// are about the default, userspace; with offload they hold but for this. The reasons are in
// docs/decisions/offload.md.
var datapath = []Claim{
	differs("offload timers", "An idle flow ends when its timer has run out.",
		"With offload it ends up to 2.5 seconds later, 4.5 where both sides have proven themselves: "+
			"the daemon hears of packets that the kernel passed when it reads the counters."),
	differs("offload handshake", "A handshake opens a connection.",
		"Its numbers pass unseen: the flow is `syn_sent`, then `pickup` (300 seconds), and is "+
			"established once data of the side that was asked was counted, or later packets show both "+
			"sides' numbers. Until then, for 2.5 seconds at most, a SYN of that side passes as one "+
			"that crosses."),
	differs("offload full table", "A full table never evicts open TCP connections.",
		"With offload from when data of the side that was asked was counted: within 2.5 seconds."),
	differs("offload ends", "Both sides' FINs and their acknowledgements end a connection.",
		"The last acknowledgement passes unseen: `last_ack` (30 seconds) instead of `time_wait` (120). "+
			"What comes late can pass until `settings.offload.lifetime` (30 seconds) after a packet of "+
			"the connection was last judged. "+
			"Of ends that cross with more than 64 KiB under way the flow stays until it is idle. "+
			"Of one side's FIN alone the acknowledgement passes unseen as well: the connection is "+
			"`established` until a later segment of it is judged, or the other side ends it."),
	differs("offload reset", "A RST with the exact number ends a connection at once.",
		"Of one that comes in the number cannot be checked: the flow is `reset` and makes room before "+
			"others. In host mode it ends within 5 seconds if the machine has no socket for it any more; "+
			"a guest's flow when the guest answers with a RST, or goes idle."),
	differs("offload reuse", "A SYN between the ports of a connection begins another one when it "+
		"is answered.", "Its answer can pass unseen: unless the machine had seen the end of the "+
		"earlier connection the flow goes on, with what it has counted. Up to four packets of both "+
		"may be counted twice."),
	differs("offload stream", "A UDP flow is a stream when a second request was answered.",
		"The order of packets that pass unseen is not known: it is a stream once each side has sent "+
			"twice."),
}
