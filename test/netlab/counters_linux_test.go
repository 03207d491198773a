package netlab

import (
	"maps"
	"testing"
)

func TestCountersParse(t *testing.T) {
	c := make(Counters)
	c.parse([]byte("Ip: Forwarding InReceives\nIp: 2 17\nTcp: MaxConn\nTcp: -1\nUdpLite: " +
		"InDatagrams\nUdpLite: 3\n"))
	c.parse([]byte("Ip6InReceives                   \t4\nIcmp6OutType143\t5\nUdpLite6InDatagrams 6\n"))
	// A line of values with fewer columns than names, as no kernel writes it.
	c.parse([]byte("Short: A B\nShort: 7\n"))
	want := Counters{
		"Ip.Forwarding": 2, "Ip.InReceives": 17, "Tcp.MaxConn": -1, "UdpLite.InDatagrams": 3,
		"Ip6.InReceives": 4, "Icmp6.OutType143": 5, "UdpLite6.InDatagrams": 6, "Short.A": 7,
	}
	if !maps.Equal(c, want) {
		t.Errorf("got  %v\nwant %v", c, want)
	}
}
