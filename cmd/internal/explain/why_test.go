package explain

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
)

// TestFoldDrops: a scan is one line, and so is what a program sends to many; reasons,
// directions and sources stay apart.
func TestFoldDrops(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0).UTC() }
	first := at(1)
	drop := func(second int, d, proto, from, to string, flags ...string) api.LogRecord {
		return api.LogRecord{Type: api.LogVerdict, Time: at(second), Verdict: api.VerdictDrop,
			Reason: "no-rule", Interface: "eth0", Direction: d, Protocol: proto, From: from, To: to,
			TCPFlags: flags}
	}
	scan := drop(9, "ingress", "tcp", "203.0.113.9:50000", "192.0.2.1:23", "syn")
	scan.Count, scan.First = 40, &first
	kind, code := uint8(8), uint8(0)
	ping := drop(6, "ingress", "icmp", "203.0.113.9", "192.0.2.2")
	ping.ICMPType, ping.ICMPCode = &kind, &code
	stray := drop(7, "ingress", "tcp", "203.0.113.9:443", "192.0.2.1:50000", "ack")
	stray.Reason = "not-a-flow"
	curl := drop(8, "egress", "tcp", "192.0.2.1:40000", "198.51.100.1:443", "syn")
	curl.Process = &api.Process{Name: "curl", PID: 7}
	accepted := drop(9, "ingress", "tcp", "203.0.113.9:1", "192.0.2.1:80", "syn")
	accepted.Verdict = api.VerdictAccept
	unreadable := api.LogRecord{Type: api.LogVerdict, Time: at(3), Verdict: api.VerdictDrop,
		Reason: "packet: truncated", Count: 2}
	got := FoldDrops([]api.LogRecord{
		drop(2, "ingress", "tcp", "203.0.113.9:50000", "192.0.2.1:22", "syn"), unreadable, scan, ping,
		stray, curl, drop(9, "egress", "tcp", "192.0.2.1:40001", "198.51.100.2:443", "syn"),
		drop(9, "egress", "udp", "192.0.2.1:40001", "198.51.100.2:53"), accepted,
		{Type: api.LogLost, Time: at(9)}})
	want := []api.DropsOfSource{
		{Count: 42, First: first, Last: at(9), Reason: "no-rule", Interface: "eth0",
			Direction: "ingress", From: "203.0.113.9", To: 2,
			Services: []string{"tcp 23", "tcp 22", "icmp type 8 code 0"},
			Most: &api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp",
				From: "203.0.113.9:50000", To: "192.0.2.1:23", Segment: "syn"}},
		{Count: 2, First: at(3), Last: at(3), Reason: "packet: truncated"},
		{Count: 2, First: at(8), Last: at(9), Reason: "no-rule", Interface: "eth0",
			Direction: "egress", From: "192.0.2.1", To: 2, Services: []string{"tcp 443"},
			Most: &api.Query{Interface: "eth0", Direction: "egress", Protocol: "tcp",
				From: "192.0.2.1:40000", To: "198.51.100.1:443", Segment: "syn"},
			Process: &api.Process{Name: "curl", PID: 7}},
		{Count: 1, First: at(7), Last: at(7), Reason: "not-a-flow", Interface: "eth0",
			Direction: "ingress", From: "203.0.113.9", To: 1, Services: []string{"tcp from port 443"},
			Most: &api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp",
				From: "203.0.113.9:443", To: "192.0.2.1:50000", Segment: "ack"}},
		{Count: 1, First: at(9), Last: at(9), Reason: "no-rule", Interface: "eth0",
			Direction: "egress", From: "192.0.2.1", To: 1, Services: []string{"udp 53"},
			Most: &api.Query{Interface: "eth0", Direction: "egress", Protocol: "udp",
				From: "192.0.2.1:40001", To: "198.51.100.2:53"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
