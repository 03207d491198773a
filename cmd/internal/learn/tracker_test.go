package learn

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/learn"
)

var begin = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// own is the machine's own address.
const own = "192.0.2.77"

// view is a machine with a server of SSH, one of syslog and an idle connection to a database.
func view() *View {
	at := netip.MustParseAddrPort
	return NewView([]sockets.Socket{
		{Protocol: 6, Local: at("0.0.0.0:22"), Process: "sshd"},
		{Protocol: 17, Local: at("0.0.0.0:514"), Process: "rsyslogd"},
		{Protocol: 17, Local: at("0.0.0.0:41000"), Process: "resolved"},
		{Protocol: 6, Local: at(own + ":50000"), Remote: at("10.0.0.5:5432"), Process: "app"},
		{Protocol: 6, Local: at(own + ":22"), Remote: at("10.0.0.6:50001"), Process: "sshd"},
	}, []sockets.Tracked{{Protocol: 6, From: at("10.0.0.7:8000"), To: at("10.0.9.9:50000"),
		Established: true}}, []netip.Addr{netip.MustParseAddr(own)})
}

// seen makes a packet of "in eth0 tcp S 10.0.0.1:4000 192.0.2.77:22": the hook, its devices
// with a comma between them, the protocol, and flags of TCP, type and code of ICMP or "-".
func seen(t *testing.T, text string) Seen {
	t.Helper()
	f := strings.Fields(text)
	hook := map[string]filter.Hook{"in": filter.HookInput, "out": filter.HookOutput,
		"through": filter.HookForward}[f[0]]
	p := &packet.Packet{HopLimit: 64}
	s := Seen{At: begin, Hook: hook, Packet: p}
	switch in, out, both := strings.Cut(f[1], ","); {
	case both:
		s.In, s.Out = in, out
	case hook == filter.HookOutput:
		s.Out = in
	default:
		s.In = in
	}
	if s.In == "-" {
		s.In = ""
	}
	if s.Out == "-" {
		s.Out = ""
	}
	end := func(text string) (conntrack.Addr, uint16) {
		if a, err := netip.ParseAddr(text); err == nil {
			return conntrack.AddrFrom(a), 0
		}
		a := netip.MustParseAddrPort(text)
		return conntrack.AddrFrom(a.Addr()), a.Port()
	}
	p.Src, p.SrcPort = end(f[4])
	p.Dst, p.DstPort = end(f[5])
	switch f[2] {
	case "tcp":
		p.Proto, p.Kind = 6, packet.KindTCP
		for flag, bit := range map[string]conntrack.TCPFlags{"S": conntrack.SYN, "A": conntrack.ACK,
			"R": conntrack.RST} {
			if strings.Contains(f[3], flag) {
				p.TCP.Flags |= bit
			}
		}
	case "udp":
		p.Proto, p.Kind = 17, packet.KindUDP
	case "icmp", "icmpv6":
		p.Proto, p.Kind = 1, packet.KindICMP
		if f[2] == "icmpv6" {
			p.Proto, p.Kind = 58, packet.KindICMPv6
		}
		if _, err := fmt.Sscanf(f[3], "%d/%d", &p.ICMPType, &p.ICMPCode); err != nil {
			t.Fatal(err)
		}
	case "gre":
		p.Proto = 47
	default:
		t.Fatal(f[2])
	}
	return s
}

// rules are those of the policy of what was learned on eth0 and eth1.
func rules(t *testing.T, r *learn.Record) (out []string) {
	t.Helper()
	result := r.Policy(learn.Options{Devices: []learn.Device{{Name: "eth0", Group: "eth0"},
		{Name: "eth1", Group: "eth1"}}})
	if result.Policy == nil {
		t.Fatal(result.Problems)
	}
	for i := range result.Policy.Groups {
		g := &result.Policy.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				text := fmt.Sprintf("%s %s %s", g.Name, d, r.String())
				word, _, _ := strings.Cut(r.Description, " ")
				if !slices.Contains([]string{"Port", "Type", "Protocol"}, word) {
					text += " " + word
				}
				out = append(out, text)
			}
		}
	}
	return out
}

// TestTracker: packets become these rules.
func TestTracker(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets []string
		want    []string
		skipped Skipped
	}{
		{"a client, answered", []string{"in eth0 tcp S 10.0.0.1:4000 192.0.2.77:22",
			"out eth0 tcp SA 192.0.2.77:22 10.0.0.1:4000", "in eth0 tcp A 10.0.0.1:4000 192.0.2.77:22"},
			[]string{"eth0 ingress tcp 22 10.0.0.1/32 sshd"}, Skipped{}},
		{"a client, refused", []string{"in eth0 tcp S 10.0.0.1:4000 192.0.2.77:23",
			"out eth0 tcp RA 192.0.2.77:23 10.0.0.1:4000"}, nil, Skipped{Unanswered: 1}},
		{"a client, not answered", []string{"in eth0 tcp S 10.0.0.1:4000 192.0.2.77:23",
			"in eth0 tcp S 10.0.0.1:4000 192.0.2.77:23"}, nil, Skipped{Unanswered: 1}},
		{"asking", []string{"out eth0 tcp S 192.0.2.77:50009 10.0.0.1:443"},
			[]string{"eth0 egress tcp 443 10.0.0.1/32 https"}, Skipped{}},
		{"asking once more from the same port", []string{
			"out eth0 tcp S 192.0.2.77:50009 10.0.0.1:443", "in eth0 tcp SA 10.0.0.1:443 192.0.2.77:50009",
			"out eth0 tcp S 192.0.2.77:50009 10.0.0.1:443", "in eth0 tcp SA 10.0.0.1:443 192.0.2.77:50009",
		}, []string{"eth0 egress tcp 443 10.0.0.1/32 https"}, Skipped{}},
		{"the same ports the other way round", []string{
			"out eth0 tcp S 192.0.2.77:22 10.0.0.1:22", "in eth0 tcp RA 10.0.0.1:22 192.0.2.77:22",
			"in eth0 tcp S 10.0.0.1:22 192.0.2.77:22", "out eth0 tcp SA 192.0.2.77:22 10.0.0.1:22"},
			[]string{"eth0 ingress tcp 22 10.0.0.1/32 sshd", "eth0 egress tcp 22 10.0.0.1/32 sshd"},
			Skipped{}},
		{"a message to a listener needs no answer",
			[]string{"in eth0 udp - 10.0.0.1:4000 192.0.2.77:514"},
			[]string{"eth0 ingress udp 514 10.0.0.1/32 rsyslogd"}, Skipped{}},
		{"a message to nobody", []string{"in eth0 udp - 10.0.0.1:4000 192.0.2.77:515"}, nil,
			Skipped{Unanswered: 1}},
		{"a message to nobody, an error", []string{"in eth0 udp - 10.0.0.1:4000 192.0.2.77:515",
			"out eth0 icmp 3/3 192.0.2.77 10.0.0.1"}, nil, Skipped{Unanswered: 1}},
		{"an answer to a question before", []string{"in eth0 udp - 10.0.0.53:53 192.0.2.77:41000"},
			nil, Skipped{}},
		{"a question and its answer", []string{"out eth0 udp - 192.0.2.77:41000 10.0.0.53:53",
			"in eth0 udp - 10.0.0.53:53 192.0.2.77:41000"},
			[]string{"eth0 egress udp 53 10.0.0.53/32 resolved"}, Skipped{}},
		{"a connection of before, by its socket", []string{
			"in eth0 tcp A 10.0.0.5:5432 192.0.2.77:50000"},
			[]string{"eth0 egress tcp 5432 10.0.0.5/32 app"}, Skipped{}},
		{"one to a listener", []string{"out eth0 tcp A 192.0.2.77:22 10.0.0.6:50001"},
			[]string{"eth0 ingress tcp 22 10.0.0.6/32 sshd"}, Skipped{}},
		{"one that the kernel knows", []string{"through eth1,eth0 tcp A 10.0.9.9:50000 10.0.0.7:8000"},
			[]string{"eth0 ingress tcp 50000 10.0.0.7/32", "eth1 egress tcp 50000 10.0.9.9/32"},
			Skipped{}},
		{"one that nobody knows", []string{"through eth1,eth0 tcp A 10.0.9.9:50000 10.0.0.8:8000",
			"through eth0,eth1 tcp A 10.0.0.8:8000 10.0.9.9:50000"},
			[]string{"eth0 egress tcp 8000 10.0.0.8/32", "eth1 ingress tcp 8000 10.0.9.9/32"},
			Skipped{Guessed: 1}},
		{"the same from the other side", []string{
			"through eth0,eth1 tcp A 10.0.0.8:8000 10.0.9.9:50000",
			"through eth0,eth1 tcp A 10.0.0.8:8000 10.0.9.9:50000",
			"through eth1,eth0 tcp A 10.0.9.9:50000 10.0.0.8:8000"},
			[]string{"eth0 egress tcp 8000 10.0.0.8/32", "eth1 ingress tcp 8000 10.0.9.9/32"},
			Skipped{Guessed: 1}},
		{"one with a listener that the sockets do not show yet", []string{
			"in eth0 tcp A 10.0.0.9:50000 192.0.2.77:22", "out eth0 tcp A 192.0.2.77:22 10.0.0.9:50000"},
			[]string{"eth0 ingress tcp 22 10.0.0.9/32 sshd"}, Skipped{}},
		{"scans in the middle of nothing", []string{
			"in eth0 tcp A 10.0.0.1:4000 192.0.2.77:22", "out eth0 tcp R 192.0.2.77:22 10.0.0.1:4000",
			"in eth0 tcp - 10.0.0.1:4001 192.0.2.77:23", "out eth0 tcp RA 192.0.2.77:23 10.0.0.1:4001",
			"in eth0 tcp - 10.0.0.1:4001 192.0.2.77:23",
			"in eth0 tcp A 10.0.0.1:443 192.0.2.77:50009", "out eth0 tcp R 192.0.2.77:50009 10.0.0.1:443",
			"in eth0 tcp A 10.0.0.1:443 192.0.2.77:50009",
			"through eth0,eth1 tcp A 10.0.0.1:4002 10.0.9.9:80",
			"through eth1,eth0 tcp R 10.0.9.9:80 10.0.0.1:4002"}, nil, Skipped{Unanswered: 4}},
		{"the end of one that nobody saw", []string{"in eth0 tcp R 10.0.0.1:443 192.0.2.77:50009"},
			nil, Skipped{}},
		{"through two devices", []string{"through eth0,eth1 tcp S 10.0.0.1:4000 10.0.9.9:80",
			"through eth1,eth0 tcp SA 10.0.9.9:80 10.0.0.1:4000"},
			[]string{"eth0 ingress tcp 80 10.0.0.1/32 http", "eth1 egress tcp 80 10.0.9.9/32 http"},
			Skipped{}},
		{"through a device that nobody watches", []string{
			"through -,eth1 udp - 10.0.0.1:4000 10.0.9.9:53",
			"through eth1,- udp - 10.0.9.9:53 10.0.0.1:4000"},
			[]string{"eth1 egress udp 53 10.0.9.9/32 dns"}, Skipped{}},
		{"a scan of what is behind", []string{"through eth0,eth1 udp - 10.0.0.1:4000 10.0.9.9:53"}, nil,
			Skipped{Unanswered: 1}},
		{"pings, both ways", []string{"in eth0 icmp 8/0 10.0.0.1 192.0.2.77",
			"out eth0 icmp 0/0 192.0.2.77 10.0.0.1", "out eth0 icmp 8/0 192.0.2.77 10.0.0.1",
			"in eth0 icmp 0/0 10.0.0.1 192.0.2.77"},
			[]string{"eth0 ingress icmp type 8 code 0 10.0.0.1/32 ping",
				"eth0 egress icmp type 8 code 0 10.0.0.1/32 ping"},
			Skipped{}},
		{"errors, redirects and the link's own", []string{"in eth0 icmp 11/0 10.0.0.1 192.0.2.77",
			"in eth0 icmp 5/1 10.0.0.1 192.0.2.77", "in eth0 icmpv6 135/0 fe80::1 fe80::2"}, nil,
			Skipped{}},
		{"the machine's own multicast", []string{"in eth0 udp - 192.0.2.77:514 224.0.0.1:514"}, nil,
			Skipped{}},
		{"a lease", []string{"out eth0 udp - 0.0.0.0:68 255.255.255.255:67",
			"in eth0 udp - 10.0.0.1:67 255.255.255.255:68"}, nil, Skipped{}},
		{"a tunnel", []string{"in eth0 gre - 10.0.0.1 192.0.2.77"},
			[]string{"eth0 ingress 47 10.0.0.1/32"}, Skipped{}},
		{"a device that nobody watches", []string{"in - udp - 10.0.0.1:4000 192.0.2.77:514"}, nil,
			Skipped{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := learn.NewRecord()
			tracker := NewTracker(r, begin)
			tracker.Look(view())
			for _, text := range c.packets {
				tracker.Packet(seen(t, text))
			}
			tracker.Look(view())
			if got := rules(t, r); !slices.Equal(got, c.want) {
				t.Errorf("rules %q, want %q", got, c.want)
			}
			if got := tracker.Skipped(); got != c.skipped {
				t.Errorf("skipped %+v, want %+v", got, c.skipped)
			}
		})
	}
}

// TestAnswersLater: what comes from a server's port long after the beginning is no answer to
// a question of before.
func TestAnswersLater(t *testing.T) {
	r := learn.NewRecord()
	tracker := NewTracker(r, begin)
	tracker.Look(view())
	s := seen(t, "in eth0 udp - 10.0.0.53:53 192.0.2.77:41000")
	s.At = begin.Add(time.Hour)
	tracker.Packet(s)
	tracker.Look(view())
	want := []string{"eth0 ingress udp 41000 10.0.0.53/32 resolved"}
	if got := rules(t, r); !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
}

// TestBounded: any number of conversations takes so much memory, and those that nobody
// answered are counted.
func TestBounded(t *testing.T) {
	r := learn.NewRecord()
	tracker := NewTracker(r, begin)
	tracker.Look(view())
	const n = 5 * maxGeneration
	s := seen(t, "in eth0 tcp S 10.0.0.1:4000 192.0.2.77:23")
	for i := range n {
		p := *s.Packet
		p.SrcPort, p.DstPort = uint16(i), uint16(1000+i>>16)
		tracker.Packet(Seen{At: s.At, Hook: s.Hook, In: s.In, Packet: &p})
	}
	if held := len(tracker.flows.young) + len(tracker.flows.old); held > 2*maxGeneration {
		t.Errorf("%d conversations are held", held)
	}
	if got := tracker.Skipped().Unanswered; got != n || r.Count() != 0 {
		t.Errorf("%d unanswered, want %d; %d counted", got, n, r.Count())
	}
}

// TestIdle: connections of which no packet comes count by what sockets and the kernel say.
func TestIdle(t *testing.T) {
	r := learn.NewRecord()
	tracker := NewTracker(r, begin)
	v := view()
	tracker.Look(v)
	at := netip.MustParseAddrPort
	i := idle{toward: func(a netip.Addr) string {
		return map[bool]string{true: "eth1", false: "eth0"}[a == netip.MustParseAddr("10.0.9.9")]
	}}
	list := []sockets.Socket{
		{Protocol: 6, Local: at("0.0.0.0:22")},
		{Protocol: 6, Local: at(own + ":50000"), Remote: at("10.0.0.5:5432")},
		{Protocol: 6, Local: at(own + ":22"), Remote: at("10.0.0.6:50001")},
		{Protocol: 6, Local: at(own + ":50003"), Remote: at("10.0.0.5:5433"), Process: "busy"},
		{Protocol: 6, Local: at("127.0.0.1:22"), Remote: at("127.0.0.1:50001")},
		{Protocol: 6, Local: at(own + ":22"), Remote: at(own + ":50001")},
		{Protocol: 17, Local: at(own + ":50000"), Remote: at("10.0.0.53:53")},
	}
	i.connections(begin, v, list, false)
	list[1].Process = "app" // found by a later look
	i.connections(begin, v, list, false)
	i.tracked(begin, v, []sockets.Tracked{
		{Protocol: 6, From: at("10.0.0.7:40000"), To: at("10.0.9.9:80"), Established: true},
		{Protocol: 6, From: at("10.0.0.7:40000"), To: at("10.0.9.9:81")},
	})
	tracker.Packet(seen(t, "out eth0 tcp A 192.0.2.77:50003 10.0.0.5:5433"))
	// Its SYN was seen, and the answer lost.
	tracker.Packet(seen(t, "in eth0 tcp S 10.0.0.6:50001 192.0.2.77:22"))
	i.finish(tracker, map[string]bool{"eth0": true, "eth1": true})
	tracker.Look(v)
	want := []string{"eth0 ingress tcp 22 10.0.0.6/32 sshd", "eth0 ingress tcp 80 10.0.0.7/32 http",
		"eth0 egress tcp 5432 10.0.0.5/32 app", "eth0 egress tcp 5433 10.0.0.5/32",
		"eth1 egress tcp 80 10.0.9.9/32 http"}
	if got := rules(t, r); !slices.Equal(got, want) {
		t.Errorf("rules\n%q, want\n%q", got, want)
	}
	if got := tracker.Skipped(); got != (Skipped{Guessed: 1}) {
		t.Errorf("skipped %+v", got)
	}
	if r.Count() != 5 {
		t.Errorf("%d conversations", r.Count()) // forwarded ones count on each device
	}
}
