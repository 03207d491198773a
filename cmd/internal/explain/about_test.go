package explain

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy/member"
)

// routed is the policy of a router with a guest behind a device of its own, and some behind a
// bridge.
const routed = `version: 1
security_groups:
  - name: app
    description: Out to web servers
    ingress: []
    egress: [{ protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
interfaces:
  - { device: tap7, mode: guest, security_groups: [app], addresses: [10.0.1.10, "2001:db8:1::10"] }
  - { device: br0, mode: guest, security_groups: [app], addresses: [10.0.2.0/28] }
  - { device: eth0, security_groups: [app], view: wire }
`

var router = Machine{
	Facts: member.Facts{Links: []member.Link{
		{Name: "tap7", Index: 3, Addresses: []netip.Addr{
			netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("2001:db8:1::1")}},
		{Name: "br0", Index: 4, Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.1")}},
		{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
	}},
	Bridges: []string{"br0"},
}

// TestAbout: an ICMP error is judged by the packet that it is about, as the daemon does: of
// this machine's own by what the guest may send, of others by the live flow alone.
func TestAbout(t *testing.T) {
	p := load(t, routed)
	rs := filter.Compile(p, member.Resolve(p, router.Facts)).WithLinks(router.Links)
	flows := conntrack.NewTable(conntrack.Config{})
	live := conntrack.NewTuple(rs.Device("tap7").Scope, conntrack.Egress, 6,
		conntrack.AddrFrom(netip.MustParseAddr("10.0.1.10")),
		conntrack.AddrFrom(netip.MustParseAddr("203.0.113.5")), 50000, 443)
	timeouts := conntrack.DefaultTimeouts()
	cell := flows.Lock(&live, 0)
	cell.Insert(&conntrack.PacketMeta{Class: conntrack.ClassTCP, Dir: conntrack.Egress,
		TCP: conntrack.TCPSegment{Seq: 1, Flags: conntrack.SYN}}, 1, &timeouts, 0)
	cell.Unlock()
	kind := u8(11)
	for _, tc := range []struct {
		what    string
		in      api.Query
		reason  string
		about   string // in full
		notices int
	}{
		{"may be sent", api.Query{From: "10.0.1.1", To: "10.0.1.10",
			About: "tcp,:50000,203.0.113.9:443"}, "related",
			"tcp 10.0.1.10:50000 -> 203.0.113.9:443", 0},
		{"no source", api.Query{From: "10.0.1.1", To: "10.0.1.10", ICMPType: kind,
			About: "tcp,203.0.113.9:443"}, "related", "tcp 10.0.1.10:0 -> 203.0.113.9:443", 0},
		{"IPv6", api.Query{From: "2001:db8:1::1", To: "2001:db8:1::10",
			About: "tcp [2001:db8:1::10]:7 -> [2001:db8:9::9]:443"}, "related",
			"tcp [2001:db8:1::10]:7 -> [2001:db8:9::9]:443", 0},
		{"a link-local router", api.Query{From: "fe80::1", To: "2001:db8:1::10",
			About: "tcp [2001:db8:9::9]:443"}, "related",
			"tcp [2001:db8:1::10]:0 -> [2001:db8:9::9]:443", 0},
		{"may not be sent", api.Query{From: "10.0.1.1", To: "10.0.1.10", About: "tcp 203.0.113.9:80"},
			"no-rule", "tcp 10.0.1.10:0 -> 203.0.113.9:80", 0},
		{"another protocol", api.Query{From: "10.0.1.1", To: "10.0.1.10", About: "icmp 203.0.113.9"},
			"no-rule", "icmp 10.0.1.10 -> 203.0.113.9", 0},
		{"another router", api.Query{From: "198.51.100.1", To: "10.0.1.10",
			About: "tcp 203.0.113.9:443"}, "no-rule", "tcp 10.0.1.10:0 -> 203.0.113.9:443", 0},
		{"another router, a live flow", api.Query{From: "198.51.100.1", To: "10.0.1.10",
			About: "tcp :50000 -> 203.0.113.5:443"}, "related",
			"tcp 10.0.1.10:50000 -> 203.0.113.5:443", 0},
		{"of somebody else", api.Query{From: "10.0.1.1", To: "10.0.1.10",
			About: "tcp 10.0.1.11:50000 -> 203.0.113.9:443"}, "no-rule",
			"tcp 10.0.1.11:50000 -> 203.0.113.9:443", 1},
		{"nothing is said", api.Query{From: "10.0.1.1", To: "10.0.1.10", Protocol: "icmp",
			ICMPType: kind}, "no-rule", "", 1},
		{"no error", api.Query{From: "10.0.1.1", To: "10.0.1.10", Protocol: "icmp"}, "no-rule", "", 0},
	} {
		x, err := Answer(tc.in, rs, flows, 1, router)
		if err != nil {
			t.Errorf("%s: %v", tc.what, err)
			continue
		}
		if x.Reason != tc.reason || x.Query.About != tc.about || len(x.Notices) != tc.notices ||
			x.Query.Interface != "tap7" || x.Query.Direction != "ingress" {
			t.Errorf("%s: %s, about %q, %q, %+v", tc.what, x.Reason, x.Query.About, x.Notices, x.Query)
		}
		if tc.reason == "related" && (x.Rule == nil || x.Rule.Direction != "egress") {
			t.Errorf("%s: rule %+v", tc.what, x.Rule)
		}
		if again, err := Answer(x.Query, rs, flows, 1, router); err != nil || again.Reason != x.Reason {
			t.Errorf("%s: the full question: %s, %v", tc.what, again.Reason, err)
		}
	}
	for _, tc := range []struct{ proto, about, says string }{
		{"tcp", "tcp 203.0.113.9:443", "no errors about other packets"},
		{"", "tcp", "PROTO,FROM,TO"},
		{"", "tcp 1.2.3.4:5 -> 203.0.113.9:443 and more", "PROTO,FROM,TO"},
		{"", "tcp 203.0.113.9", "destination port"},
		{"", "tcp :443", "needs an address"},
		{"", "icmp 203.0.113.9:443", "no ports"},
		{"", "tcp [2001:db8::9]:443", "two families"},
		{"", "all 203.0.113.9", "one protocol"},
		{"", "tcp there:443", "none of"},
	} {
		_, err := Answer(api.Query{From: "10.0.1.1", To: "10.0.1.10", Protocol: tc.proto,
			About: tc.about}, rs, nil, 0, router)
		if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: %v, want %q", tc.about, err, tc.says)
		}
	}
	if _, err := Answer(api.Query{From: "10.0.1.1", To: "10.0.1.10", Protocol: "icmp",
		ICMPType: u8(8), About: "tcp 203.0.113.9:443"}, rs, nil, 0, router); err == nil {
		t.Error("an echo request is about a packet")
	}
}

// TestBridged: what stays on a bridge is not judged, and an answer that cannot know it
// says so.
func TestBridged(t *testing.T) {
	p := load(t, routed)
	rs := filter.Compile(p, member.Resolve(p, router.Facts)).WithLinks(router.Links)
	// With the view of the wire that is not always so.
	for view, want := range map[string]bool{"local": false, "wire": true} {
		p := load(t, strings.Replace(routed, "device: br0,", "device: br0, view: "+view+",", 1))
		rs := filter.Compile(p, member.Resolve(p, router.Facts)).WithLinks(router.Links)
		for _, q := range []api.Query{
			{Protocol: "tcp", From: "10.0.2.5", To: "10.0.2.6:80"},
			{Protocol: "tcp", From: "10.0.2.5", To: "203.0.113.9:80"},
		} {
			x, err := Answer(q, rs, nil, 0, router)
			said := strings.Join(append(x.Notices, x.Detail), " ")
			if err != nil || strings.Contains(said, "unless br_netfilter") != want {
				t.Errorf("view %s, %+v: %q, %v", view, q, said, err)
			}
		}
	}
	for _, tc := range []struct {
		in     api.Query
		reason string
		bridge bool // a notice speaks of it
	}{
		{api.Query{From: "10.0.2.5", To: "10.0.2.6:80"}, "bridged", false},
		{api.Query{Interface: "br0", From: "10.0.2.5", To: "10.0.2.6:80"}, "bridged", false},
		{api.Query{Direction: "egress", From: "10.0.2.5", To: "10.0.2.6:80"}, "no-rule", true},
		{api.Query{From: "10.0.2.5", To: "203.0.113.9:80"}, "no-rule", true},
		{api.Query{From: "10.0.2.5", To: "10.0.2.1:80"}, "no-rule", false}, // this machine
		{api.Query{From: "10.0.1.10", To: "203.0.113.9:80"}, "no-rule", false},
	} {
		tc.in.Protocol = "tcp"
		x, err := Answer(tc.in, rs, nil, 0, router)
		if err != nil {
			t.Errorf("%+v: %v", tc.in, err)
			continue
		}
		spoken := strings.Contains(strings.Join(x.Notices, " "), "br0 is a bridge")
		if x.Reason != tc.reason || spoken != tc.bridge ||
			(x.Verdict == api.VerdictAccept) != (tc.reason == "bridged") {
			t.Errorf("%+v: %s (%s), %q", tc.in, x.Verdict, x.Reason, x.Notices)
		}
	}
}

// TestGuestWithinANetwork: of two guests an address is that of the one which has less beside
// it.
func TestGuestWithinANetwork(t *testing.T) {
	p := load(t, routed+"  - { device: tap8, mode: guest, security_groups: [app], "+
		"addresses: [10.0.2.7] }\n")
	for a, want := range map[string]string{"10.0.2.7": "tap8", "10.0.2.6": "br0", "10.0.2.1": "",
		"10.0.3.7": ""} {
		if got := guestOf(p, router.Facts, netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is behind %q, want %q", a, got, want)
		}
	}
}

// TestSees: an answer says which view judges, and what it shows the rules.
func TestSees(t *testing.T) {
	p := load(t, routed)
	rs := filter.Compile(p, member.Resolve(p, router.Facts)).WithLinks(router.Links)
	for _, tc := range []struct{ from, to, view, sees string }{
		{"198.51.100.7", "192.0.2.1:443", "wire", "before any redirect (DNAT), to 192.0.2.1:443"},
		{"192.0.2.1", "198.51.100.7:443", "wire", "after any masquerading (SNAT), from 192.0.2.1"},
		{"10.0.1.10", "198.51.100.7:443", "local", "after any redirect (DNAT), to 198.51.100.7:443"},
		{"198.51.100.7", "10.0.1.10:443", "local",
			"before any masquerading (SNAT), from 198.51.100.7"},
	} {
		x, err := Answer(api.Query{Protocol: "tcp", From: tc.from, To: tc.to}, rs, nil, 0, router)
		if err != nil || x.View != tc.view || !strings.HasSuffix(x.Sees, tc.sees) {
			t.Errorf("%s to %s: %s, %q, %v", tc.from, tc.to, x.View, x.Sees, err)
		}
	}
}
