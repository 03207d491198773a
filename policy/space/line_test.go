package space

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgfw/policy"
)

func texted(lines []Line) (out []string) {
	for _, l := range lines {
		out = append(out, l.What()+" from "+l.Whose())
	}
	return out
}

// TestLines: what is said of sets, in the fewest lines that are natural.
func TestLines(t *testing.T) {
	group := func(p policy.Protocol, from, to int) policy.Rule {
		return policy.Rule{Protocol: p, From: from, To: to, Peer: policy.Peer{Kind: policy.PeerGroup,
			Name: "app"}}
	}
	cidr := func(p policy.Protocol, from, to int, c string) policy.Rule {
		return policy.Rule{Protocol: p, From: from, To: to,
			Peer: policy.Peer{CIDR: netip.MustParsePrefix(c)}}
	}
	for name, c := range map[string]struct {
		add, less []policy.Rule
		want      []string
	}{
		"nothing": {},
		"one": {add: []policy.Rule{tcp(80, 80, "10.0.0.0/8")},
			want: []string{"tcp 80 from 10.0.0.0/8"}},
		"merged": {add: []policy.Rule{tcp(80, 80, "10.0.0.0/9"), tcp(81, 90, "10.0.0.0/9"),
			tcp(80, 90, "10.128.0.0/9")}, want: []string{"tcp 80-90 from 10.0.0.0/8"}},
		"several ports": {add: []policy.Rule{tcp(80, 80, "0.0.0.0/0"), tcp(80, 80, "::/0"),
			tcp(443, 443, "0.0.0.0/0"), tcp(443, 443, "::/0"), cidr(17, 443, 443, "0.0.0.0/0"),
			cidr(17, 443, 443, "::/0")}, want: []string{"tcp 80, 443, udp 443 from 0.0.0.0/0, ::/0"}},
		"overlap": {add: []policy.Rule{tcp(80, 80, "10.0.0.0/8"), tcp(80, 90, "192.168.0.0/16")},
			want: []string{"tcp 80 from 10.0.0.0/8", "tcp 80-90 from 192.168.0.0/16"}},
		"all but": {add: []policy.Rule{cidr(-1, -1, -1, "10.0.0.0/8")},
			less: []policy.Rule{tcp(22, 22, "10.0.0.0/8"), tcp(80, 90, "10.0.0.0/8")},
			want: []string{"all protocols but tcp 22, 80-90 from 10.0.0.0/8"}},
		"all but in a part": {add: []policy.Rule{cidr(-1, -1, -1, "10.0.0.0/8")},
			less: []policy.Rule{tcp(22, 22, "10.1.0.0/16")},
			want: []string{"all protocols but tcp 22 from 10.0.0.0/8",
				"all protocols from 10.0.0.0/8 but 10.1.0.0/16"}},
		"the world but some, and others": {
			add:  []policy.Rule{tcp(80, 80, "0.0.0.0/0"), tcp(80, 80, "2001:db8::1/128"), group(6, 80, 80)},
			less: []policy.Rule{tcp(80, 80, "10.0.0.0/8"), tcp(80, 80, "192.0.2.1/32")},
			want: []string{"tcp 80 from 0.0.0.0/0 but 10.0.0.0/8 and 192.0.2.1/32, " +
				"2001:db8::1/128, group app (IPv6)"}},
		"some of a network, and others": {add: []policy.Rule{tcp(80, 80, "10.0.0.0/8"),
			tcp(80, 80, "192.0.2.1/32")}, less: []policy.Rule{tcp(80, 80, "10.7.7.7/32")},
			want: []string{"tcp 80 from 10.0.0.0/8 but 10.7.7.7/32, 192.0.2.1/32"}},
		"fewer addresses": {add: []policy.Rule{tcp(80, 80, "10.0.0.0/30")},
			less: []policy.Rule{tcp(80, 80, "10.0.0.0/32")},
			want: []string{"tcp 80 from 10.0.0.1/32, 10.0.0.2/31"}},
		"a group": {add: []policy.Rule{group(6, 80, 80)}, want: []string{"tcp 80 from group app"}},
		"a group less IPv6": {add: []policy.Rule{group(6, 80, 80)},
			less: []policy.Rule{tcp(80, 80, "::/0")},
			want: []string{"tcp 80 from group app (IPv4)"}},
		"ICMP": {add: []policy.Rule{group(policy.ICMP, -1, -1), group(policy.ICMPv6, 128, 0),
			cidr(policy.ICMP, 3, -1, "0.0.0.0/0"), cidr(policy.ICMP, 8, 0, "0.0.0.0/0")},
			want: []string{"icmp from group app", "icmp type 3, type 8 code 0 from 0.0.0.0/0",
				"icmpv6 type 128 code 0 from group app"}},
		"protocols": {add: []policy.Rule{cidr(50, -1, -1, "::/0"), cidr(51, -1, -1, "::/0"),
			cidr(47, -1, -1, "::/0")}, want: []string{"protocol 47, protocols 50-51 from ::/0"}},
		"types": {add: []policy.Rule{cidr(policy.ICMP, -1, -1, "0.0.0.0/0")},
			less: []policy.Rule{cidr(policy.ICMP, 3, 1, "0.0.0.0/0"), cidr(policy.ICMP, 5, -1, "0.0.0.0/0")},
			want: []string{"icmp types 0-2, type 3 code 0, type 3 codes 2-255, type 4, types 6-255 " +
				"from 0.0.0.0/0"}},
		"fragments": {add: []policy.Rule{cidr(-1, -1, -1, "::/0")}, less: func() (out []policy.Rule) {
			for p := range policy.Protocol(256) {
				out = append(out, cidr(p, -1, -1, "::/0"))
				if p.HasPorts() {
					out[p] = cidr(p, 0, 65535, "::/0")
				}
			}
			return out
		}(), want: []string{"icmp, later fragments from ::/0"}},
	} {
		d := nothing.Set(c.add...).Minus(nothing.Set(c.less...))
		if got := texted(d.Lines()); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestLinesAreTheSet: lines say all of a set and nothing else, and what is made of them.
func TestLinesAreTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := smallRules(t, 6), smallRules(t, 6)
		d := nothing.Set(x...).Minus(nothing.Set(y...))
		var all Set
		for _, l := range d.Lines() {
			if l.Box.Empty() || len(l.Peers) == 0 || len(l.Traffic) == 0 {
				t.Fatalf("an empty line: %+v", l)
			}
			all = all.Union(l.Box)
			for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
				phrases := l.peers.of(f).phrases(f)
				var in, but []netip.Prefix
				for _, p := range phrases {
					in, but = append(in, p.cidr), append(but, p.but...)
				}
				if said := PeersOf(in...).Minus(PeersOf(but...)); !said.Equal(PeersOf(l.peers.of(f).prefixes(
					f)...)) || size(phrases) > len(l.peers.of(f).prefixes(f)) {
					t.Fatalf("%v is not %v", phrases, l.peers.of(f).prefixes(f))
				}
			}
		}
		if !all.Equal(d) {
			t.Fatalf("the lines are another set:\n%s\n%s\n%s", texts(x), texts(y),
				fmt.Sprint(texted(d.Lines())))
		}
		again := nothing.Set(x...)
		if n := len(again.Lines()); n > len(x) {
			t.Fatalf("%d lines of %d rules:\n%s\n%s", n, len(x), texts(x), texted(again.Lines()))
		}
	})
}
