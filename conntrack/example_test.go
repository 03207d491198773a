package conntrack_test

import (
	"fmt"
	"net/netip"
	"time"

	"sgfw/conntrack"
)

// A DNS query over UDP and its answer: the answer passes because of the flow.
func Example() {
	table := conntrack.NewTable(conntrack.Config{MaxFlows: 1000})
	timeouts := conntrack.DefaultTimeouts()
	local := conntrack.AddrFrom(netip.MustParseAddr("192.0.2.1"))
	server := conntrack.AddrFrom(netip.MustParseAddr("198.51.100.53"))

	pass := func(now conntrack.Time, s conntrack.PacketMeta, k conntrack.Tuple) string {
		e := table.Lock(&k, now)
		defer e.Unlock()
		f := e.Flow()
		if f == nil { // here the rules decide; they allow what leaves
			if s.Dir == conntrack.Ingress {
				return "no flow: dropped"
			}
			e.Insert(&s, 0, &timeouts, now)
			return "no flow: opened"
		}
		o := f.Assess(&s)
		e.Update(&s, o, &timeouts, now)
		return o.String() + ", " + f.State().String()
	}
	out := conntrack.NewTuple(1, conntrack.Egress, conntrack.ProtoUDP, local, server, 40000, 53)
	in := conntrack.NewTuple(1, conntrack.Ingress, conntrack.ProtoUDP, server, local, 53, 40000)
	query := conntrack.PacketMeta{Dir: conntrack.Egress, Class: conntrack.ClassUDP, Bytes: 60}
	answer := conntrack.PacketMeta{Dir: conntrack.Ingress, Class: conntrack.ClassUDP, Bytes: 300}

	second := conntrack.Time(time.Second)
	fmt.Println(pass(0, query, out))
	fmt.Println(pass(29*second, answer, in))
	fmt.Println(pass(61*second, answer, in))
	// Output:
	// no flow: opened
	// member, replied
	// no flow: dropped
}
