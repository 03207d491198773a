package claims

// timers is about how long an idle flow is remembered.
var timers = []Claim{
	same("timer tcp established", "432,000 seconds, or from 60 to that. (350 on the newest machines "+
		"of AWS.)"),
	same("timer udp", "30 seconds, or from 30 to 60, for one request and its response."),
	same("timer udp stream", "180 seconds, or from 60 to 180, after more than one request and "+
		"response."),
	same("timer other", "600 seconds for all that is not TCP, UDP or ICMP; it cannot be set."),
	ours("timer icmp", "30 seconds, as in Linux."),
	ours("timer syn sent", "120 seconds, as in Linux: a SYN without an answer."),
	ours("timer syn recv", "60 seconds, as in Linux: an answered SYN."),
	ours("timer fin wait", "120 seconds, as in Linux: one side has ended."),
	ours("timer close wait", "60 seconds, as in Linux: the other side has acknowledged that."),
	ours("timer last ack", "30 seconds, as in Linux: both sides have ended."),
	ours("timer time wait", "120 seconds, as in Linux: both ends are acknowledged."),
	ours("timer close", "10 seconds, as in Linux: after a RST."),
	ours("timer unacknowledged", "300 seconds, as in Linux: data that nobody acknowledges."),
}
