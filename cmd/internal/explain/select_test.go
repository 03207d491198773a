package explain

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

// crowd is a table with one flow of every kind under two policies: the second one
// has lost a rule, and the place of another one.
type crowd struct {
	table *conntrack.Table
	rs    *filter.Ruleset
}

// before permits everything that the crowd does.
const before = `version: 1
security_groups:
  - name: a/b
    description: has a slash
    ingress:
      - { protocol: udp, ports: 53, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
    egress:
      - { protocol: tcp, ports: 8000-8010, cidr_blocks: [0.0.0.0/0] }
interfaces:
  - { device: "eth*", security_groups: [a/b] }
`

// after lacks the rule for port 53, so that 443 stands first.
const after = `version: 1
security_groups:
  - name: a/b
    description: has a slash
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
    egress:
      - { protocol: tcp, ports: 8000-8010, cidr_blocks: [0.0.0.0/0] }
interfaces:
  - { device: "eth*", security_groups: [a/b] }
`

func newCrowd(t *testing.T) crowd {
	t.Helper()
	links := []member.Link{{Name: "eth0", Index: 2}, {Name: "eth1", Index: 3}}
	compiler := filter.NewCompiler()
	compile := func(text string) *filter.Ruleset {
		t.Helper()
		p, _, err := file.Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return compiler.Compile(p.WithIDs(crowdIDs), nil).WithLinks(links)
	}
	rs := compile(before)
	c := crowd{table: conntrack.NewTable(conntrack.Config{MaxFlows: 100})}
	tmo := conntrack.DefaultTimeouts()
	open := func(q filter.Query) {
		t.Helper()
		x := filter.Explain(rs, nil, 0, q)
		if x.Verdict.Reason != filter.ReasonRule {
			t.Fatalf("%+v: %v", q, x.Verdict.Reason)
		}
		s := conntrack.PacketMeta{Dir: q.Direction, Class: conntrack.ClassTCP, Bytes: 60,
			TCP: conntrack.TCPSegment{Flags: conntrack.SYN}}
		src, dst := q.SrcPort, q.DstPort
		switch q.Protocol {
		case conntrack.ProtoUDP:
			s.Class = conntrack.ClassUDP
		case conntrack.ProtoICMP:
			s.Class = conntrack.ClassQuery
			src, dst = q.ICMPID, conntrack.QueryPort(q.ICMPType)
		}
		k := conntrack.NewTuple(x.Verdict.Scope, q.Direction, q.Protocol, conntrack.AddrFrom(q.Src),
			conntrack.AddrFrom(q.Dst), src, dst)
		cell := c.table.Lock(&k, conntrack.Time(time.Hour))
		defer cell.Unlock()
		if cell.Insert(&s, uint32(x.Verdict.Rule), &tmo,
			conntrack.Time(time.Hour)) != conntrack.Inserted {
			t.Fatal("no flow")
		}
	}
	ip := netip.MustParseAddr
	open(filter.Query{Device: "eth0", Protocol: 17, Src: ip("198.51.100.7"), SrcPort: 5000,
		Dst: ip("192.0.2.1"), DstPort: 53})
	open(filter.Query{Device: "eth0", Protocol: 6, Src: ip("198.51.100.7"), SrcPort: 5001,
		Dst: ip("192.0.2.1"), DstPort: 443})
	open(filter.Query{Device: "eth1", Protocol: 6, Src: ip("2001:db8::7"), SrcPort: 8005,
		Dst: ip("2001:db8::1"), DstPort: 443})
	open(filter.Query{Device: "eth0", Protocol: 1, Src: ip("203.0.113.9"), Dst: ip("192.0.2.1"),
		ICMPType: 8, ICMPID: 443})
	open(filter.Query{Device: "eth1", Direction: conntrack.Egress, Protocol: 6, Src: ip("192.0.2.1"),
		SrcPort: 5002, Dst: ip("203.0.113.9"), DstPort: 8005})
	c.rs = compile(after)
	return c
}

// names are the flows that a query selects, by protocol, and the opener's port or
// family where that is not enough.
func (c crowd) names(t *testing.T, q api.FlowQuery) (out []string) {
	t.Helper()
	s, err := Select(q, c.rs)
	if err != nil {
		t.Fatal(err)
	}
	c.table.Range(conntrack.Time(time.Hour), func(f conntrack.FlowInfo) bool {
		if !s.Has(&f) {
			return true
		}
		doc := s.Flow(&f, conntrack.Time(time.Hour))
		name := doc.Protocol
		switch {
		case doc.Protocol != "tcp":
		case doc.Direction == "egress":
			name = "out"
		case f.Tuple.Local.Is4():
			name = "tcp4"
		default:
			name = "tcp6"
		}
		if doc.Rule == nil || doc.Orphan != (name == "udp") || doc.Rule.Gone != doc.Orphan {
			t.Errorf("%s: %+v", name, doc)
		}
		out = append(out, name)
		return true
	})
	slices.Sort(out)
	return out
}

func TestSelect(t *testing.T) {
	c := newCrowd(t)
	for _, tc := range []struct {
		q    api.FlowQuery
		want []string
	}{
		{api.FlowQuery{}, []string{"icmp", "out", "tcp4", "tcp6", "udp"}},
		{api.FlowQuery{Interface: "eth0"}, []string{"icmp", "tcp4", "udp"}},
		{api.FlowQuery{Interface: "eth"}, nil},
		{api.FlowQuery{Protocol: "tcp"}, []string{"out", "tcp4", "tcp6"}},
		{api.FlowQuery{Protocol: "1"}, []string{"icmp"}},
		{api.FlowQuery{Protocol: "-1", Interface: "eth1"}, []string{"out", "tcp6"}},
		{api.FlowQuery{State: "syn_sent"}, []string{"out", "tcp4", "tcp6"}},
		{api.FlowQuery{State: "established"}, nil},
		{api.FlowQuery{Address: "203.0.113.9"}, []string{"icmp", "out"}},
		{api.FlowQuery{Address: "192.0.2.0/24"}, []string{"icmp", "out", "tcp4", "udp"}},
		{api.FlowQuery{Address: "2001:db8::/64"}, []string{"tcp6"}},
		{api.FlowQuery{Address: "0.0.0.0/0"}, []string{"icmp", "out", "tcp4", "udp"}},
		{api.FlowQuery{Port: "443"}, []string{"tcp4", "tcp6"}}, // an identifier is no port
		{api.FlowQuery{Port: "8000-8010"}, []string{"out", "tcp6"}},
		{api.FlowQuery{From: "192.0.2.1"}, []string{"out"}},
		{api.FlowQuery{To: "192.0.2.1"}, []string{"icmp", "tcp4", "udp"}},
		{api.FlowQuery{From: ":8005"}, []string{"tcp6"}},
		{api.FlowQuery{To: ":8005"}, []string{"out"}},
		{api.FlowQuery{From: "198.51.100.7:5001", To: "192.0.2.1:443", Protocol: "tcp"},
			[]string{"tcp4"}},
		{api.FlowQuery{From: "198.51.100.7:5001", To: "192.0.2.1:53"}, nil},
		{api.FlowQuery{From: "[2001:db8::7]:8005"}, []string{"tcp6"}},
		{api.FlowQuery{Group: "a/b"}, []string{"icmp", "out", "tcp4", "tcp6", "udp"}},
		{api.FlowQuery{Rule: "a/b/ingress/0"}, []string{"tcp4", "tcp6"}}, // where it stands now
		{api.FlowQuery{Rule: "a/b/ingress/1"}, []string{"icmp"}},
		{api.FlowQuery{Rule: "a/b/egress/0"}, []string{"out"}},
		{api.FlowQuery{Orphans: true}, []string{"udp"}},
		{api.FlowQuery{Orphans: true, Protocol: "tcp"}, nil},
	} {
		if got := c.names(t, tc.q); !slices.Equal(got, tc.want) {
			t.Errorf("%+v selects %v, want %v", tc.q, got, tc.want)
		}
	}
}

// A rule that is gone is meant where no other one took its place.
func TestSelectByARuleThatIsGone(t *testing.T) {
	c := newCrowd(t)
	// The place behind the last rule is the one that 8/icmp had.
	if _, err := Select(api.FlowQuery{Rule: "a/b/ingress/2"}, c.rs); !errors.Is(err, ErrQuestion) {
		t.Errorf("a place where no rule stands, or stood last: %v", err)
	}
	compiler := filter.NewCompiler()
	p, _, err := file.Parse("p.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	compiler.Compile(p, nil)
	p.Groups[0].Egress = nil
	rs := compiler.Compile(p, nil)
	s, err := Select(api.FlowQuery{Rule: "a/b/egress/0"}, rs)
	if err != nil {
		t.Fatal(err)
	}
	for id := match.NoRule + 1; ; id++ {
		info, ok := rs.Rule(id)
		if !ok {
			break
		}
		f := conntrack.FlowInfo{Rule: uint32(id)}
		if got, want := s.Has(&f), info.Direction == conntrack.Egress; got != want {
			t.Errorf("rule %+v: selected %t, want %t", info, got, want)
		}
	}
}

func TestSelectRefuses(t *testing.T) {
	c := newCrowd(t)
	for _, q := range []api.FlowQuery{
		{Protocol: "ipx"}, {State: "Established"}, {State: "free"}, {Address: "192.0.2"},
		{Address: "192.0.2.1%eth0"},
		{Address: "::ffff:192.0.2.1"}, {Address: "::ffff:192.0.2.0/120"}, {Port: "0-"}, {Port: "65536"},
		{Port: "9-1"}, {From: "host:22"}, {To: "1.2.3.4:x"},
		{Group: "nosuch"}, {Rule: "0"}, {Rule: "a/b"}, {Rule: "a/b/ingress"}, {Rule: "a/b/inbound/0"},
		{Rule: "a/b/ingress/x"}, {Rule: "a/b/ingress/9"},
	} {
		if _, err := Select(q, c.rs); !errors.Is(err, ErrQuestion) {
			t.Errorf("%+v: %v, want ErrQuestion", q, err)
		}
	}
}
