package claims

// timers is about how long an idle flow is remembered.
var timers = []Claim{
	same("timer tcp established", "432,000 seconds, or from 60 to that. (350 on the newest machines "+
		"of AWS.)"),
	same("timer udp", "30 seconds, or from 30 to 60, for one request and its response."),
	same("timer udp stream", "180 seconds, or from 60 to 180, after more than one request and "+
		"response, also where the second request does not wait for the first response."),
	same("timer other", "600 seconds for all that is not TCP, UDP or ICMP; it cannot be set."),
	ours("timer icmp", "30 seconds, as in Linux."),
	ours("timer syn sent", "120 seconds, as in Linux: a SYN without an answer."),
	ours("timer syn recv", "60 seconds, as in Linux: an answered SYN."),
	ours("timer fin wait", "120 seconds, as in Linux: one side has ended."),
	ours("timer close wait", "One hour, or from 60 seconds to 432,000: the other side has "+
		"acknowledged that, and may go on to send. Never longer than an established connection. "+
		"(60 seconds in Linux, an hour in Kubernetes.)"),
	ours("timer last ack", "30 seconds, as in Linux: both sides have ended."),
	ours("timer time wait", "120 seconds, as in Linux: both ends are acknowledged."),
	ours("timer close", "10 seconds, as in Linux: after a RST."),
	ours("timer unacknowledged", "300 seconds at most, as in Linux: data in an established or "+
		"half-closed connection that nobody acknowledges, and a connection met mid-stream."),
}
