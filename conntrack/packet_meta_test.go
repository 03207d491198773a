package conntrack

import (
	"testing"

	"sgfw/test/parity"
)

// TestOpens: which packets may open a flow and which never do (T22, T27).
func TestOpens(t *testing.T) {
	parity.Proves(t, "T27")
	for _, tc := range []struct {
		flags TCPFlags
		want  bool
	}{
		{SYN, true}, {SYN | ECE | CWR, true}, {SYN | URG, true},
		{ACK, true}, {ACK | PSH, true}, {ACK | PSH | URG, true},
		{SYN | ACK, false}, {RST, false}, {RST | ACK, false}, {FIN | ACK, false},
		{0, false}, {PSH, false}, {FIN, false}, {SYN | FIN, false}, {SYN | RST, false},
		{FIN | PSH | URG, false}, {0xff, false},
	} {
		s := tcpPacket(in, tc.flags, 0, 0)
		if got := Opens(&s); got != tc.want {
			t.Errorf("Opens(TCP flags %#02x) = %v, want %v", tc.flags, got, tc.want)
		}
		table, k := NewTable(Config{}), manyTuples(1)[0]
		tmo := DefaultTimeouts()
		e := table.Lock(&k, 0)
		if got := e.Insert(&s, 0, &tmo, 0) == Inserted; got != tc.want || (e.Flow() != nil) != tc.want {
			t.Errorf("Insert(TCP flags %#02x): inserted = %v, want %v", tc.flags, got, tc.want)
		}
		e.Unlock()
	}
	for _, tc := range []struct {
		s    PacketMeta
		want bool
	}{
		{udpPacket(in), true},
		{PacketMeta{Class: ClassOther}, true},
		{PacketMeta{Class: ClassQuery}, true},
		{PacketMeta{Class: ClassQuery, Reply: true}, false},
	} {
		if got := Opens(&tc.s); got != tc.want {
			t.Errorf("Opens(%+v) = %v, want %v", tc.s, got, tc.want)
		}
	}
}
