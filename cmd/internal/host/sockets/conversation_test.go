package sockets

import (
	"net/netip"
	"slices"
	"testing"
)

// TestConversations: what sockets prove, with who began it; what the kernel's connection
// tracking proves beside them; and what nothing proves.
func TestConversations(t *testing.T) {
	const tcp = 6
	at := netip.MustParseAddrPort
	own := []netip.Addr{netip.MustParseAddr("192.0.2.7")}
	listener := Socket{Protocol: tcp, Local: at("0.0.0.0:22")}
	open := func(protocol uint8, local, remote string) Socket {
		return Socket{Protocol: protocol, Local: at(local), Remote: at(remote), Phase: PhaseOpen}
	}
	half := open(tcp, "192.0.2.7:22", "192.0.2.1:40000")
	half.Phase = PhaseHalfClosed
	halfHere := half
	halfHere.Ended = true
	tracked := func(protocol uint8, from, to string) Tracked {
		return Tracked{Protocol: protocol, From: at(from), Asked: at(to), To: at(to), As: at(from),
			Phase: PhaseOpen, Answered: true, Assured: true}
	}
	unanswered, unassured, ending := tracked(udp, "10.0.0.1:5000", "10.0.1.1:53"),
		tracked(tcp, "10.0.0.1:5000", "10.0.1.1:80"), tracked(tcp, "10.0.0.1:5000", "10.0.1.1:80")
	unanswered.Answered, unanswered.Assured, unassured.Assured = false, false, false
	ending.Phase = phaseOther
	once := tracked(udp, "10.0.0.1:5000", "10.0.1.1:53")
	once.Assured = false
	translated := tracked(tcp, "192.0.2.1:40000", "192.0.2.7:8080")
	translated.Asked = at("192.0.2.7:80")
	type want struct {
		from, to, asked          string
		inbound, outbound, ended bool
		protocol                 uint8
		phase                    Phase
	}
	for _, c := range []struct {
		what    string
		sockets []Socket
		tracked []Tracked
		want    []want
	}{
		{"a server's", []Socket{listener, open(tcp, "192.0.2.7:22", "192.0.2.1:40000")}, nil,
			[]want{{"192.0.2.1:40000", "192.0.2.7:22", "192.0.2.7:22", true, false, false, tcp, PhaseOpen}}},
		{"a client's", []Socket{listener, open(tcp, "192.0.2.7:40000", "192.0.2.1:22")}, nil,
			[]want{{"192.0.2.7:40000", "192.0.2.1:22", "192.0.2.1:22", false, true, false, tcp, PhaseOpen}}},
		{"a listener of the other protocol", []Socket{listener,
			open(udp, "192.0.2.7:22", "192.0.2.1:53")}, nil,
			[]want{{"192.0.2.7:22", "192.0.2.1:53", "192.0.2.1:53", false, true, false, udp, PhaseOpen}}},
		{"ended by the client", []Socket{listener, half}, nil, []want{{"192.0.2.1:40000",
			"192.0.2.7:22", "192.0.2.7:22", true, false, true, tcp, PhaseHalfClosed}}},
		{"ended by the server", []Socket{listener, halfHere}, nil, []want{{"192.0.2.1:40000",
			"192.0.2.7:22", "192.0.2.7:22", true, false, false, tcp, PhaseHalfClosed}}},
		{"the kernel knows who began", []Socket{listener, open(tcp, "192.0.2.7:22", "192.0.2.1:25")},
			[]Tracked{tracked(tcp, "192.0.2.7:22", "192.0.2.1:25")},
			[]want{{"192.0.2.7:22", "192.0.2.1:25", "192.0.2.1:25", false, true, false, tcp, PhaseOpen}}},
		{"translated", []Socket{open(tcp, "192.0.2.7:8080", "192.0.2.1:40000")},
			[]Tracked{translated}, []want{{"192.0.2.1:40000", "192.0.2.7:8080", "192.0.2.7:80", true,
				false, false, tcp, PhaseOpen}}},
		{"its socket is gone", nil, []Tracked{tracked(tcp, "192.0.2.1:40000", "192.0.2.7:22")}, nil},
		{"a UDP server", []Socket{{Protocol: udp, Local: at("[::]:53")}},
			[]Tracked{tracked(udp, "192.0.2.1:40000", "192.0.2.7:53")},
			[]want{{"192.0.2.1:40000", "192.0.2.7:53", "192.0.2.7:53", true, false, false, udp, PhaseOpen}}},
		{"forwarded", nil, []Tracked{tracked(tcp, "10.0.0.1:5000", "10.0.1.1:80"), once},
			[]want{{"10.0.0.1:5000", "10.0.1.1:80", "10.0.1.1:80", false, false, false, tcp, PhaseOpen},
				{"10.0.0.1:5000", "10.0.1.1:53", "10.0.1.1:53", false, false, false, udp, PhaseOpen}}},
		{"not proven", []Socket{{Protocol: tcp, Local: at("192.0.2.7:4"), Remote: at("192.0.2.1:4")}},
			[]Tracked{unanswered, unassured, ending}, nil},
		{"with itself", []Socket{open(tcp, "192.0.2.7:22", "192.0.2.7:40000"),
			open(tcp, "127.0.0.1:22", "127.0.0.1:40000")},
			[]Tracked{tracked(tcp, "192.0.2.7:40000", "192.0.2.7:22")}, nil},
	} {
		var got []want
		for _, x := range Conversations(c.sockets, c.tracked, own) {
			if x.Answered != (x.Protocol == tcp || len(c.tracked) > 0) {
				t.Errorf("%s: answered %t", c.what, x.Answered)
			}
			got = append(got, want{x.From.String(), x.To.String(), x.Asked.String(), x.Inbound,
				x.Outbound, x.OpenerEnded, x.Protocol, x.Phase})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.what, got, c.want)
		}
	}
}
