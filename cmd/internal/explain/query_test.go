package explain

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

const text = `version: 1
security_groups:
  - name: web
    description: web
    ingress:
      - { description: HTTPS, protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0],
            ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [198.51.100.0/24] }
      - { protocol: udp, ports: 5000-5010, cidr_blocks: [198.51.100.0/24] }
      - { protocol: "47", cidr_blocks: [198.51.100.7/32] }
    egress: []
  - name: out
    description: default egress
interfaces:
  - { device: eth0, security_groups: [web] }
`

// two interfaces, one of them a pattern.
const several = text + `  - { device: veth*, security_groups: [web, out] }
`

func load(t *testing.T, s string) *policy.Policy {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var facts = member.Facts{Links: []member.Link{
	{Name: "eth0", Index: 2, Addresses: []netip.Addr{
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
	{Name: "veth7", Index: 3},
	{Name: "eth9", Index: 4},
}}

func u8(n uint8) *uint8    { return &n }
func u16(n uint16) *uint16 { return &n }

func TestParseFillsIn(t *testing.T) {
	one := load(t, text)
	for _, tc := range []struct {
		name    string
		in      api.Query
		want    api.Query
		notices int
	}{
		{"interface, own address",
			api.Query{Direction: "ingress", Protocol: "tcp", From: "198.51.100.9", To: ":443"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9:0",
				To: "192.0.2.1:443"}, 0},
		{"own address of the peer's family",
			api.Query{Direction: "ingress", Protocol: "TCP", From: "[2001:db8:9::9]:50000", To: ":443"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp",
				From: "[2001:db8:9::9]:50000", To: "[2001:db8::1]:443"}, 0},
		{"direction from an own destination",
			api.Query{Protocol: "udp", From: "198.51.100.9", To: "192.0.2.1:5000"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "udp", From: "198.51.100.9:0",
				To: "192.0.2.1:5000"}, 0},
		{"direction from an own source",
			api.Query{Protocol: "udp", From: "192.0.2.1:53", To: "198.51.100.9:5000"},
			api.Query{Interface: "eth0", Direction: "egress", Protocol: "udp", From: "192.0.2.1:53",
				To: "198.51.100.9:5000"}, 0},
		{"direction from a destination without address",
			api.Query{Protocol: "tcp", From: "198.51.100.9", To: ":443"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9:0",
				To: "192.0.2.1:443"}, 0},
		{"direction from a source without address",
			api.Query{Protocol: "47", To: "198.51.100.9"},
			api.Query{Interface: "eth0", Direction: "egress", Protocol: "47", From: "192.0.2.1",
				To: "198.51.100.9"}, 0},
		{"multicast is not forwarded",
			api.Query{Direction: "ingress", Protocol: "udp", From: "198.51.100.9", To: "224.0.0.251:5353"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "udp", From: "198.51.100.9:0",
				To: "224.0.0.251:5353"}, 0},
		{"forwarded packet",
			api.Query{Direction: "ingress", Protocol: "tcp", From: "198.51.100.9", To: "10.1.1.1:443"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9:0",
				To: "10.1.1.1:443"}, 1},
		{"device without addresses",
			api.Query{Interface: "veth7", Direction: "egress", Protocol: "47", To: "198.51.100.9"},
			api.Query{Interface: "veth7", Direction: "egress", Protocol: "47", From: "0.0.0.0",
				To: "198.51.100.9"}, 1},
		{"echo request",
			api.Query{Direction: "ingress", Protocol: "icmp", From: "198.51.100.9"},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "icmp", From: "198.51.100.9",
				To:       "192.0.2.1",
				ICMPType: u8(8), ICMPCode: u8(0), ICMPID: u16(0)}, 0},
		{"echo request of IPv6",
			api.Query{Direction: "ingress", Protocol: "icmpv6", From: "2001:db8:9::9", ICMPID: u16(7)},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "icmpv6", From: "2001:db8:9::9",
				To:       "2001:db8::1",
				ICMPType: u8(128), ICMPCode: u8(0), ICMPID: u16(7)}, 0},
		{"ICMP of the other family",
			api.Query{Direction: "ingress", Protocol: "icmp", From: "2001:db8:9::9", ICMPType: u8(3),
				ICMPCode: u8(4)},
			api.Query{Interface: "eth0", Direction: "ingress", Protocol: "icmp", From: "2001:db8:9::9",
				To:       "2001:db8::1",
				ICMPType: u8(3), ICMPCode: u8(4), ICMPID: u16(0)}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q, full, notices, err := Parse(tc.in, one, facts)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, full); d != "" {
				t.Error(d)
			}
			if len(notices) != tc.notices {
				t.Errorf("notices %q, want %d", notices, tc.notices)
			}
			// The completed question is the same question.
			again, same, _, err := Parse(full, one, facts)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(full, same); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(q, again, cmpopts.EquateComparable(netip.Addr{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// guests is a policy of two guests, one of which has no address that is known.
const guests = `version: 1
security_groups:
  - name: app
    description: app
    ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }]
interfaces:
  - { device: veth7, mode: guest, security_groups: [app], addresses: [10.0.1.10] }
  - { device: veth8, mode: guest, security_groups: [app] }
`

// TestParseGuest: the addresses of a guest are those of the policy, not those
// that this machine has on the guest's device.
func TestParseGuest(t *testing.T) {
	p := load(t, guests)
	facts := member.Facts{Links: []member.Link{
		{Name: "veth7", Index: 3, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.1")}},
		{Name: "veth8", Index: 4, Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.1")}},
	}}
	for _, tc := range []struct {
		in, want      api.Query
		notices       int
		verdict, code string
		said          string
	}{
		{api.Query{Interface: "veth7", Protocol: "tcp", From: "198.51.100.9", To: "10.0.1.10:443"},
			api.Query{Interface: "veth7", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9:0",
				To: "10.0.1.10:443"},
			0, api.VerdictAccept, "", "a rule of group app"},
		{api.Query{Interface: "veth7", Protocol: "tcp", From: "10.0.1.10", To: "10.0.1.1:443"},
			api.Query{Interface: "veth7", Direction: "egress", Protocol: "tcp", From: "10.0.1.10:0",
				To: "10.0.1.1:443"},
			0, api.VerdictAccept, "", "a rule of group app"},
		{api.Query{Interface: "veth7", Direction: "egress", Protocol: "tcp", From: "10.0.1.11",
			To: "198.51.100.9:443"},
			api.Query{Interface: "veth7", Direction: "egress", Protocol: "tcp", From: "10.0.1.11:0",
				To: "198.51.100.9:443"},
			0, api.VerdictDrop, "ENI_SOURCE_DEST_CHECK_RESTRICTION", "its source is no address"},
		{api.Query{Interface: "veth7", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9",
			To: "10.0.1.11:443"},
			api.Query{Interface: "veth7", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9:0",
				To: "10.0.1.11:443"},
			0, api.VerdictDrop, "ENI_SOURCE_DEST_CHECK_RESTRICTION", "its destination is no address"},
		{api.Query{Interface: "veth7", Direction: "egress", Protocol: "tcp", To: "[2001:db8::9]:443"},
			api.Query{Interface: "veth7", Direction: "egress", Protocol: "tcp", From: "[::]:0",
				To: "[2001:db8::9]:443"},
			1, api.VerdictDrop, "ENI_SOURCE_DEST_CHECK_RESTRICTION", "its source is no address"},
		{api.Query{Interface: "veth8", Direction: "egress", Protocol: "tcp", To: "198.51.100.9:443"},
			api.Query{Interface: "veth8", Direction: "egress", Protocol: "tcp", From: "0.0.0.0:0",
				To: "198.51.100.9:443"},
			1, api.VerdictAccept, "", "a rule of group app"},
	} {
		q, full, notices, err := Parse(tc.in, p, facts)
		if err != nil {
			t.Errorf("%+v: %v", tc.in, err)
			continue
		}
		if d := cmp.Diff(tc.want, full); d != "" {
			t.Error(d)
		}
		x := Run(filter.Compile(p, nil), nil, 0, q, full)
		if len(notices) != tc.notices || x.Verdict != tc.verdict || x.Code != tc.code ||
			!strings.Contains(x.Detail, tc.said) {
			t.Errorf("%+v: %s, code %s, %q, notices %q", tc.in, x.Verdict, x.Code, x.Detail, notices)
		}
	}
	if _, _, _, err := Parse(api.Query{
		Interface: "veth8", Protocol: "tcp", From: "10.0.2.1", To: "198.51.100.9:443"}, p,
		facts); err == nil {
		t.Error("this machine's address on the guest's device says the direction")
	}
}

func TestParseRefuses(t *testing.T) {
	one, two := load(t, text), load(t, several)
	ok := api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "198.51.100.9",
		To: ":443"}
	with := func(change func(*api.Query)) api.Query {
		q := ok
		change(&q)
		return q
	}
	if _, _, _, err := Parse(ok, one, facts); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		in     api.Query
		policy *policy.Policy
		want   string
	}{
		{with(func(q *api.Query) { q.Interface = "eth7" }), one,
			"no interface eth7, neither in the policy nor on this machine (hint: did you mean eth"},
		{with(func(q *api.Query) { q.Interface = "" }), two, "the policy has eth0, veth*"},
		{with(func(q *api.Query) { q.Protocol = "" }), one, "which protocol"},
		{with(func(q *api.Query) { q.Protocol = "-1" }), one, "one protocol"},
		{with(func(q *api.Query) { q.Protocol = "sctp" }), one, "132"},
		{with(func(q *api.Query) { q.Direction, q.To = "", "203.0.113.9:443" }), one, "which direction"},
		{with(func(q *api.Query) { q.Direction = "in" }), one, "neither ingress nor egress"},
		{with(func(q *api.Query) { q.From = "" }), one, "from: an address is needed"},
		{with(func(q *api.Query) { q.Direction = "egress" }), one, "to: an address is needed"},
		{with(func(q *api.Query) { q.To = "" }), one, "destination port"},
		{with(func(q *api.Query) { q.To = "192.0.2.1" }), one, "destination port"},
		{with(func(q *api.Query) { q.From, q.To = "2001:db8::9", "2001:db8::1:443" }), one,
			"destination port"},
		{with(func(q *api.Query) { q.To = ":65536" }), one, "not a port"},
		{with(func(q *api.Query) { q.To = "[2001:db8::1]:443" }), one, "one is IPv4 and the other IPv6"},
		{with(func(q *api.Query) { q.From = "host" }), one, "none of ADDRESS"},
		{with(func(q *api.Query) { q.From = "fe80::1%eth0" }), one, "zone"},
		{with(func(q *api.Query) { q.From = "::ffff:198.51.100.9" }), one,
			"write the IPv4 address 198.51.100.9"},
		{with(func(q *api.Query) { q.Protocol = "icmp" }), one, "no ports"},
		{with(func(q *api.Query) { q.Protocol, q.To = "47", ":1" }), one, "no ports"},
		{with(func(q *api.Query) { q.ICMPType = u8(8) }), one, "no ICMP type"},
		{with(func(q *api.Query) { q.Segment = "psh" }), one, "none of ack, fin, rst, syn, syn-ack"},
		{with(func(q *api.Query) { q.Protocol, q.Segment = "udp", "syn" }), one, "no TCP segments"},
	} {
		_, _, _, err := Parse(tc.in, tc.policy, facts)
		if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Parse(%+v) = %v, want %q", tc.in, err, tc.want)
		}
	}
}

func TestPorts(t *testing.T) {
	for _, tc := range []struct {
		r    policy.Rule
		want string
	}{
		{policy.Rule{Protocol: policy.TCP, From: 80, To: 80}, "80"},
		{policy.Rule{Protocol: policy.UDP, From: 1, To: 65535}, "1-65535"},
		{policy.Rule{Protocol: policy.ICMP, From: 8, To: -1}, "type 8"},
		{policy.Rule{Protocol: policy.ICMPv6, From: 1, To: 4}, "type 1 code 4"},
		{policy.Rule{Protocol: policy.ICMP, From: -1, To: -1}, ""},
		{policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1}, ""},
		{policy.Rule{Protocol: 47, From: -1, To: -1}, ""},
	} {
		if got := ports(tc.r); got != tc.want {
			t.Errorf("ports(%v) = %q, want %q", tc.r, got, tc.want)
		}
	}
}
