package packet_test

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

func parsed(t *testing.T, f packet.Frame) *packet.Packet {
	t.Helper()
	var p packet.Packet
	if fault := p.Parse(f); fault != packet.NoFault {
		t.Fatal("fault:", fault)
	}
	return &p
}

// TestTuple pairs packets with their answers: each pair is one flow, seen from
// either end, and nothing else is.
func TestTuple(t *testing.T) {
	const scope = 7
	flows := []struct {
		name          string
		there, back   packet.Frame
		proto         uint8
		local, remote uint16 // as the left end sees it
		replies       bool
	}{
		{"tcp4", packet.Frame{Bytes: tcp4},
			whole("45 00 0028 0001 4000 40 06 0000", back4,
				"01bb 9c40 00000000 00000002 50 12 ffff 0000 0000"), 6, 40000, 443, false},
		{"udp6", packet.Frame{Bytes: udp6}, whole("60000000 0008 11 40", back6, "0035 9c40 0008 0000"),
			17, 40000, 53, false},
		{"gre", whole("45 00 0018 0001 4000 40 2f 0000", addrs4, "00000800"),
			whole("45 00 0018 0001 4000 40 2f 0000", back4, "00000800"), 47, 0, 0, false},
		{"icmp echo", packet.Frame{Bytes: ping4},
			whole("45 00 001c 0001 0000 40 01 0000", back4, "00 00 0000 1234 0001"), 1, 0x1234, 8<<8 | 1,
			true},
		{"icmp timestamp", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "0d 00 0000 1234 0001"),
			whole("45 00 001c 0001 0000 40 01 0000", back4, "0e 00 0000 1234 0001"), 1, 0x1234, 13<<8 | 1,
			true},
		{"icmp information", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "0f 00 0000 1234 0001"),
			whole("45 00 001c 0001 0000 40 01 0000", back4, "10 00 0000 1234 0001"), 1, 0x1234, 15<<8 | 1,
			true},
		{"icmp mask", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "11 00 0000 1234 0001"),
			whole("45 00 001c 0001 0000 40 01 0000", back4, "12 00 0000 1234 0001"), 1, 0x1234, 17<<8 | 1,
			true},
		{"icmpv6 echo", packet.Frame{Bytes: ping6},
			whole("60000000 0008 3a 40", back6, "81 00 0000 1234 0001"), 58, 0x1234, 128<<8 | 1, true},
		{"icmpv6 inside IPv4 by address pair", whole("45 00 001c 0001 0000 40 3a 0000", addrs4, echo6),
			whole("45 00 001c 0001 0000 40 3a 0000", back4, "81 00 0000 1234 0001"), 58, 0, 0, false},
	}
	seen := map[conntrack.Tuple]string{}
	for _, f := range flows {
		there, back := parsed(t, f.there), parsed(t, f.back)
		for _, p := range []*packet.Packet{there, back} {
			if !p.Trackable() {
				t.Error(f.name, "is not trackable")
			}
		}
		if there.IsReply() || back.IsReply() != f.replies {
			t.Errorf("%s: replies %v, %v", f.name, there.IsReply(), back.IsReply())
		}
		left := conntrack.NewTuple(scope, conntrack.Egress, f.proto, there.Src, there.Dst, f.local,
			f.remote)
		right := conntrack.NewTuple(scope, conntrack.Ingress, f.proto, there.Src, there.Dst, f.local,
			f.remote)
		for _, c := range []struct {
			what      string
			got, want conntrack.Tuple
		}{
			{"query, left end", there.Tuple(scope, conntrack.Egress), left},
			{"reply, left end", back.Tuple(scope, conntrack.Ingress), left},
			{"query, right end", there.Tuple(scope, conntrack.Ingress), right},
			{"reply, right end", back.Tuple(scope, conntrack.Egress), right},
		} {
			if c.got != c.want {
				t.Errorf("%s, %s:\ngot  %+v\nwant %+v", f.name, c.what, c.got, c.want)
			}
		}
		// A packet that crosses in the wrong direction belongs to another flow.
		if back.Tuple(scope, conntrack.Egress) == left || there.Tuple(scope, conntrack.Ingress) == left {
			t.Error(f.name, "hits its flow from the wrong side")
		}
		if there.Tuple(scope+1, conntrack.Egress) == left {
			t.Error(f.name, "hits its flow in another scope")
		}
		for _, k := range []conntrack.Tuple{left, right} {
			if other := seen[k]; other != "" {
				t.Errorf("%s and %s are one flow", f.name, other)
			}
			seen[k] = f.name
		}
		var filled conntrack.Tuple
		for _, d := range []conntrack.Direction{conntrack.Ingress, conntrack.Egress} {
			if there.FillTuple(&filled, scope, d); filled != there.Tuple(scope, d) {
				t.Error(f.name, "filled differs", d)
			}
		}
	}
}

// TestTuplePings: two machines that ping each other with one identifier have
// two flows, and so have two identifiers and two kinds of query.
func TestTuplePings(t *testing.T) {
	seen := map[conntrack.Tuple]bool{}
	for _, f := range []packet.Frame{
		{Bytes: ping4},
		whole("45 00 001c 0001 0000 40 01 0000", addrs4, "08 00 0000 1235 0001"),
		whole("45 00 001c 0001 0000 40 01 0000", addrs4, "0d 00 0000 1234 0001"),
		// answers a ping from the other side
		whole("45 00 001c 0001 0000 40 01 0000", addrs4, "00 00 0000 1234 0001"),
	} {
		seen[parsed(t, f).Tuple(1, conntrack.Egress)] = true
	}
	if len(seen) != 4 {
		t.Error(len(seen), "flows")
	}
}

// TestQuoteTuple: an error that comes in quotes what went out, and the other
// way round.
func TestQuoteTuple(t *testing.T) {
	for _, c := range []struct {
		name         string
		sent, errors packet.Frame
	}{
		{"tcp4", packet.Frame{Bytes: tcp4}, packet.Frame{Bytes: tooBig4}},
		{"tcp6", packet.Frame{Bytes: tcp6}, packet.Frame{Bytes: tooBig6}},
		{"icmp echo", packet.Frame{Bytes: ping4},
			whole("45 00 0038 0001 0000 40 01 0000", back4, "0b 00 0000 00000000",
				"45 00 001c 0001 0000 01 01 0000", addrs4, echo)},
		{"icmp echo reply", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "00 00 0000 1234 0001"),
			whole("45 00 0038 0001 0000 40 01 0000", back4, "0b 00 0000 00000000",
				"45 00 001c 0001 0000 01 01 0000", addrs4, "00 00 0000 1234 0001")},
		{"icmpv6 echo", packet.Frame{Bytes: ping6},
			whole("60000000 0038 3a 40", back6, "03 00 0000 00000000", "60000000 0008 3a 01", addrs6,
				echo6)},
		{"gre", whole("45 00 0018 0001 4000 40 2f 0000", addrs4, "00000800"),
			whole("45 00 0030 0001 0000 40 01 0000", back4, "03 02 0000 00000000",
				"45 00 0018 0001 4000 3f 2f 0000", addrs4)},
	} {
		p, e := parsed(t, c.sent), parsed(t, c.errors)
		if !e.Quoted || !e.Quote.Trackable() || e.Trackable() || e.IsReply() {
			t.Errorf("%s: quoted %v, quote trackable %v, error trackable %v, reply %v", c.name, e.Quoted,
				e.Quote.Trackable(), e.Trackable(), e.IsReply())
		}
		for _, d := range []conntrack.Direction{conntrack.Ingress, conntrack.Egress} {
			if got, want := e.Quote.Tuple(3, d), p.Tuple(3, d); got != want {
				t.Errorf("%s %v:\ngot  %+v\nwant %+v", c.name, d, got, want)
			}
			if e.Quote.Tuple(3, d) == p.Tuple(3, d.Reverse()) {
				t.Errorf("%s: direction does not matter", c.name)
			}
		}
	}
}

// TestUntrackable: fragments, and ICMP that neither asks nor answers.
func TestUntrackable(t *testing.T) {
	for _, g := range goods {
		w := g.want
		want := w.Kind != packet.KindFragment && !w.First
		if w.Kind == packet.KindICMP {
			want = want && (w.ICMPType == 0 || w.ICMPType == 8 || w.ICMPType >= 13 && w.ICMPType <= 18)
		}
		if w.Kind == packet.KindICMPv6 {
			want = want && (w.ICMPType == 128 || w.ICMPType == 129)
		}
		p := parsed(t, g.frame)
		if p.Trackable() != want {
			t.Errorf("%s: trackable %v", g.name, p.Trackable())
		}
		if tuple := p.Tuple(1, conntrack.Egress); !want && !w.First &&
			(tuple.LocalPort != 0 || tuple.RemotePort != 0) {
			t.Errorf("%s: ports in %+v", g.name, tuple)
		}
		if p.Quoted {
			q := p.Quote
			if want := q.Kind != packet.KindFragment &&
				!(q.Kind == packet.KindICMP && q.ICMPType == 3); q.Trackable() != want {
				t.Errorf("%s: quote trackable %v", g.name, q.Trackable())
			}
		}
	}
}
