package claims

// tracking is about flows: which are remembered, for how long, and what becomes
// of them when rules change.
var tracking = []Claim{
	same("T1", "Groups are stateful: packets of a tracked flow pass in both directions, whatever "+
		"the rules say."),
	same("T2", "A flow of TCP or UDP is not tracked if a rule permits it from or to everywhere, and "+
		"a rule of the other direction permits everywhere on all ports. (`tracking: aws`)"),
	same("T3", "Each family counts by itself: without the outbound rule for IPv4 every IPv4 flow is "+
		"tracked, and IPv6 flows stay as they were."),
	same("T4", "ICMP is always tracked."),
	absent("T5", "Flows through some products are always tracked: gateways, load balancers, "+
		"endpoints, functions.", "A host has none of them on its interface."),
	same("T6", "Untracked flows live by the rules: each packet needs one that permits it, in its "+
		"own direction."),
	ours("T7", "Only single rules with a CIDR make a flow untracked: not two halves of the address "+
		"space, not a prefix list. One wide rule that matches is enough, though a narrow one matches "+
		"as well."),
	differs("T8", "AWS has no setting for what is tracked.",
		"`tracking: always`, the default, tracks every flow; `aws` is T2, and `preset: aws` sets it "+
			"with all else that AWS does otherwise. A host has memory for its "+
			"flows, and nobody expects a live session to be cut."),
	same("T9", "TCP and UDP flows are their five-tuple; of ICMP the identifier of an echo counts."),
	same("T10", "Any other protocol is tracked by its two addresses: after P was sent to host B, P "+
		"from B passes for 600 seconds, whatever the rules say."),
	partly("T11", "Three timers can be set for each interface.",
		"Timers of load balancers do not apply."),
	absent("T12", "AWS advises timers as short as tolerable, and keepalives.",
		"Advice, which nothing can prove."),
	same("T13", "FIN and RST end the tracking of a connection early."),
	same("T14", "The defaults are those of Linux: 432,000, 30, 180 and 600 seconds."),
	same("T15", "After a rule is removed, tracked flows that it let in go on until they end. "+
		"Untracked ones are cut with the next packet."),
	same("T16", "A tracked ping goes on after its rule is removed, as long as it does not pause."),
	ours("T17", "Swapping or detaching a group is like removing its rules: tracked flows go on. "+
		"`flows revoke` cuts them."),
	ours("T18", "A new rule holds for the next packet: refusals are not cached."),
	ours("T19", "If the return rule of an untracked flow is removed and its opening rule stays, the "+
		"opener's next packet makes the flow tracked, and it goes on."),
	ours("T20", "A shortened timer holds for live flows, too."),
	same("T21", "After a rule change nothing is answered from the old rules: cached answers are "+
		"looked up anew, and tracked flows are kept."),
	ours("T22", "A mid-stream TCP packet without a flow is judged by the rules of its own "+
		"direction. If they permit it the flow is picked up; if it could only have been an answer it "+
		"is dropped. With `tracking: aws`, one that may be the answer of an untracked flow passes by "+
		"its rule and begins none."),
	same("T23", "After a timer has run out, further packets of the flow are dropped in silence, "+
		"without RST."),
	differs("T24", "ICMP errors need an inbound rule, those for path MTU discovery included. So "+
		"says AWS's latest text; earlier ones differ.",
		"Dropping them breaks TCP in ways that are hard to find. An error that quotes a live flow, "+
			"tracked or not, passes if it comes from where it may; so does one of the router's own about a "+
			"packet that rules permitted and that it could not route. `icmp_errors: rules` is AWS's way."),
	ours("T25", "Fragments are put together before they are judged; a later fragment never counts "+
		"as a port."),
	ours("T26", "Flows belong to one interface. Those of several can be shared by giving them one "+
		"`scope`."),
	ours("T27", "A packet with impossible flags begins no flow: rules decide about it. One with a "+
		"bad checksum that would begin a flow is dropped, unless the kernel or the device vouches for "+
		"its checksum or has yet to fill it in."),
	ours("T28", "Simultaneous open works. A RST or a segment outside the window changes no state, "+
		"because anybody can send those."),
	same("T29", "There are no helpers (ALGs) for protocols that open further connections."),
	partly("T30", "Tracked flows have a maximum. At the limit new ones are dropped, in both "+
		"directions, and those that live go on.",
		"AWS has it by the type of the machine, for each interface. `max_flows` sets it for all "+
			"devices together, and for each device how much is set aside for it."),
	partly("T31", "Counters say how many packets were lost to a full table, and how many entries "+
		"are left.",
		"Allowances of bandwidth and packets per second are about AWS's network."),
	same("T32", "Untracked flows need no entry: they can begin with a full table, too."),
	ours("T33", "A full table never evicts open TCP connections. Everything else makes room, "+
		"first of what there is most; if nothing can, new flows are dropped."),
}
