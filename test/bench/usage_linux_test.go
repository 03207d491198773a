package main

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestBusyTime(t *testing.T) {
	for _, tt := range []struct {
		stat string
		want time.Duration
		ok   bool
	}{
		// user nice system idle iowait irq softirq steal guest guest_nice
		{"cpu  1 2 4 1000 2000 8 16 4000 9000 9000\ncpu0 7 7 7 7 7 7 7 7 7 7\n",
			310 * time.Millisecond, true},
		{"cpu0 1 2 4 1000 2000 8 16 4000\n", 0, false},
		{"cpu  1 2 x 1000 2000 8 16 4000\n", 0, false},
		{"cpu  1 2\n", 0, false},
		{"", 0, false},
	} {
		if got, err := busyTime([]byte(tt.stat)); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %v, %v", tt.stat, got, err)
		}
	}
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := busyTime(b); err != nil || d == 0 {
		t.Errorf("this machine: %v, %v", d, err)
	}
}

func TestPacketsOf(t *testing.T) {
	const devices = "Inter-|   Receive                            |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n" +
		"    lo:     100       1    0    0    0     0    0    0      100       1    0 0 0 0 0 0\n" +
		"  eth0: 4000000   12345    0    0    0     0    0    0  5000000     600    0 0 0 0 0 0\n" +
		"  eth1:1 x 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
	for _, tt := range []struct {
		device string
		want   uint64
		ok     bool
	}{{"eth0", 12945, true}, {"lo", 2, true}, {"eth", 0, false}, {"eth1", 0, false}} {
		if got, err := packetsOf([]byte(devices), tt.device); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: %d, %v", tt.device, got, err)
		}
	}
}

func TestSegmentsOf(t *testing.T) {
	for _, tt := range []struct {
		snmp        string
		sent, again uint64
		ok          bool
	}{
		{"Ip: A OutSegs\nIp: 1 99\nTcp: A OutSegs RetransSegs B\nTcp: 7 100 5 9\nUdp: X\nUdp: 1\n",
			105, 5, true},
		{"Tcp: A OutSegs B\nTcp: 7 100 5\n", 0, 0, false},
		{"Tcp: OutSegs RetransSegs\nTcp: 100\n", 0, 0, false},
		{"Tcp: OutSegs RetransSegs\nTcp: 100 x\n", 0, 0, false},
		{"", 0, 0, false},
	} {
		sent, again, err := segmentsOf([]byte(tt.snmp))
		if (err == nil) != tt.ok || tt.ok && (sent != tt.sent || again != tt.again) {
			t.Errorf("%q: %d, %d, %v", tt.snmp, sent, again, err)
		}
	}
}

func TestExpense(t *testing.T) {
	var e, idle expense
	l := load{name: "x", unit: "kpps"}
	const tenth = 100 * time.Millisecond
	e.add(usage{machine: time.Second, process: tenth, packets: 50_000, segments: 200, resent: 3},
		&l, time.Second)
	e.add(usage{machine: time.Second}, &l, time.Second) // no packet, no number
	idle.add(usage{machine: time.Second, process: tenth, packets: 3}, &load{name: "idle"},
		2*time.Second)
	for _, tt := range []struct{ got, want sample }{
		{e.machine, sample{20}}, {e.process, sample{2}}, {e.resent, sample{1.5}}, {idle.resent, nil},
		{idle.machine, sample{50}}, {idle.process, sample{5}},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%v, want %v", tt.got, tt.want)
		}
	}
}

// TestChoose: a text is one choice, commas and all.
func TestChoose(t *testing.T) {
	all := []string{nameNFTables, nameSGFW, nameSGFWMany, "sgfw, datapath: offload", "forward"}
	for _, tt := range []struct {
		only []string
		want []string
	}{
		{nil, all},
		{[]string{"nothing of these"}, all},
		{[]string{"SGFW userspace, 10 rules"}, []string{nameSGFW}},
		{[]string{"forward", "sgfw, datapath: offload"}, all[3:]},
		{[]string{"sgfw"}, all[1:4]},
	} {
		if got := choose(tt.only, all, func(s string) string { return s }); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.only, got, tt.want)
		}
	}
}

func TestIperfReceived(t *testing.T) {
	for _, tt := range []struct {
		report string
		want   float64
		ok     bool
	}{
		{`{"end":{"sum_sent":{"bits_per_second":2e9},"sum_received":{"bits_per_second":1.5e9}}}`,
			1.5e9, true},
		{`{"start":{}, "end":{}, "error":"unable to connect to server: Connection timed out"}`, 0, false},
		{`{"end":{"sum_received":{"bits_per_second":0}}}`, 0, false},
		{`iperf3: parameter error`, 0, false},
		{``, 0, false},
	} {
		if got, err := iperfReceived([]byte(tt.report)); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: %v, %v", tt.report, got, err)
		}
	}
}
