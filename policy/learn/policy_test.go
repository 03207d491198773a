package learn_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/learn"
	"sgfw/policy/member"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// saw is a sighting at noon: "eth0 ingress tcp 22 192.0.2.1 sshd"; of ICMP "8/0" in place of
// a port, of other protocols "-".
func saw(t testing.TB, text string) learn.Sighting {
	t.Helper()
	f := strings.Fields(text)
	s := learn.Sighting{At: noon, Peer: netip.MustParseAddr(f[4])}
	s.Device = f[0]
	if f[1] == "egress" {
		s.Direction = policy.Egress
	}
	protocol, bad := policy.ParseProtocol(f[2])
	if bad != nil {
		t.Fatal(*bad)
	}
	s.Protocol = protocol
	var err error
	switch {
	case f[3] == "-":
		s.From, s.To = -1, -1
	case strings.Contains(f[3], "/"):
		_, err = fmt.Sscanf(f[3], "%d/%d", &s.From, &s.To)
	default:
		_, err = fmt.Sscan(f[3], &s.From)
		s.To = s.From
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(f) > 5 {
		s.Process = f[5]
	}
	return s
}

// record has sightings as saw reads them; "3 * " before one has it three times.
func record(t testing.TB, texts ...string) *learn.Record {
	t.Helper()
	r := learn.NewRecord()
	for _, text := range texts {
		n := 1
		if times, rest, many := strings.Cut(text, " * "); many {
			if _, err := fmt.Sscan(times, &n); err != nil {
				t.Fatal(err)
			}
			text = rest
		}
		for i := range n {
			s := saw(t, text)
			s.At = s.At.Add(time.Duration(i) * time.Second)
			r.Add(s)
		}
	}
	return r
}

var eth0 = []learn.Device{{Name: "eth0", Group: "web"}}

// made is the policy of a record, which is valid, also when it is written and read again.
func made(t testing.TB, r *learn.Record, o learn.Options) (convert.Result, string) {
	t.Helper()
	result := r.Policy(o)
	if result.Policy == nil {
		t.Fatal(result.Problems)
	}
	text := string(file.Write(result.Policy, result.Comments))
	again, problems, err := file.Parse("learned.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v %v\n%s", err, problems, text)
	}
	if a, b := listed(result.Policy), listed(again); !slices.Equal(a, b) {
		t.Fatalf("%q is written as %q\n%s", a, b, text)
	}
	return result, text
}

// listed are the rules of a policy in order.
func listed(p *policy.Policy) (out []string) {
	for i := range p.Groups {
		g := &p.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				out = append(out, fmt.Sprintf("%s %s %s", g.Name, d, r.String()))
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestPolicy: what was seen becomes these rules.
func TestPolicy(t *testing.T) {
	public := []string{"9.9.9.0", "9.9.9.7", "8.8.4.4", "1.1.1.1"}
	var crowd []string
	for _, a := range public {
		crowd = append(crowd, "eth0 ingress tcp 443 "+a)
	}
	for _, c := range []struct {
		name    string
		seen    []string
		options learn.Options
		want    []string
	}{
		{"nothing", nil, learn.Options{}, nil},
		{"both directions", []string{"eth0 ingress tcp 22 192.0.2.1", "eth0 egress udp 53 192.0.2.1"},
			learn.Options{}, []string{"web egress udp 53 192.0.2.1/32", "web ingress tcp 22 192.0.2.1/32"}},
		{"neighbours fold", []string{"eth0 ingress tcp 22 192.0.2.2", "eth0 ingress tcp 22 192.0.2.3",
			"eth0 ingress tcp 22 192.0.2.4"}, learn.Options{},
			[]string{"web ingress tcp 22 192.0.2.2/31", "web ingress tcp 22 192.0.2.4/32"}},
		{"ports fold", []string{"eth0 ingress tcp 80 192.0.2.2", "eth0 ingress tcp 81 192.0.2.2",
			"eth0 ingress tcp 83 192.0.2.2", "eth0 ingress udp 82 192.0.2.2"}, learn.Options{},
			[]string{"web ingress tcp 80-81 192.0.2.2/32", "web ingress tcp 83 192.0.2.2/32",
				"web ingress udp 82 192.0.2.2/32"}},
		{"ports of others do not", []string{"eth0 ingress tcp 80 192.0.2.2 a",
			"eth0 ingress tcp 81 192.0.2.2 b", "eth0 egress tcp 82 192.0.2.2 b"}, learn.Options{},
			[]string{"web egress tcp 82 192.0.2.2/32", "web ingress tcp 80 192.0.2.2/32",
				"web ingress tcp 81 192.0.2.2/32"}},
		{"other protocols", []string{"eth0 ingress icmp 8/0 192.0.2.2",
			"eth0 ingress icmpv6 128/0 2001:db8::2", "eth0 egress 47 - 192.0.2.2"}, learn.Options{},
			[]string{"web egress 47 192.0.2.2/32", "web ingress icmp type 8 code 0 192.0.2.2/32",
				"web ingress icmpv6 type 128 code 0 2001:db8::2/128"}},
		{"too few for everyone", crowd, learn.Options{Everyone: 5},
			[]string{"web ingress tcp 443 1.1.1.1/32", "web ingress tcp 443 8.8.4.4/32",
				"web ingress tcp 443 9.9.9.0/32", "web ingress tcp 443 9.9.9.7/32"}},
		{"everyone", append(crowd, "eth0 ingress tcp 443 10.0.0.1",
			"eth0 ingress tcp 443 2001:db8::1"), learn.Options{Everyone: 4},
			[]string{"web ingress tcp 443 0.0.0.0/0", "web ingress tcp 443 2001:db8::1/128"}},
		{"the private are nobody's public", []string{"eth0 ingress tcp 443 10.0.0.1",
			"eth0 ingress tcp 443 10.0.0.3", "eth0 ingress tcp 443 192.168.0.1"},
			learn.Options{Everyone: 2}, []string{"web ingress tcp 443 10.0.0.1/32",
				"web ingress tcp 443 10.0.0.3/32", "web ingress tcp 443 192.168.0.1/32"}},
		{"wider", []string{"eth0 ingress tcp 22 192.0.2.1", "eth0 ingress tcp 22 192.0.2.200",
			"eth0 ingress tcp 22 2001:db8::1", "eth0 egress udp 5353 224.0.0.251",
			"eth0 egress udp 5353 ff02::fb", "eth0 ingress tcp 22 fe80::1"},
			learn.Options{WidenIPv4: 24, WidenIPv6: 64},
			[]string{"web egress udp 5353 224.0.0.251/32", "web egress udp 5353 ff02::fb/128",
				"web ingress tcp 22 192.0.2.0/24", "web ingress tcp 22 2001:db8::/64",
				"web ingress tcp 22 fe80::1/128"}},
		{"a zone, a mapped address, and what no rule can say", []string{
			"eth0 ingress tcp 22 fe80::1%eth0", "eth0 ingress tcp 22 ::ffff:192.0.2.1",
			"eth0 ingress tcp 70000 192.0.2.1"}, learn.Options{},
			[]string{"web ingress tcp 22 192.0.2.1/32", "web ingress tcp 22 fe80::1/128"}},
		{"a group for each device", []string{"eth0 ingress tcp 22 192.0.2.1",
			"eth1 ingress tcp 22 192.0.2.2", "eth2 ingress tcp 22 192.0.2.3"},
			learn.Options{Devices: []learn.Device{{Name: "eth0", Group: "a"}, {Name: "eth1", Group: "b"}}},
			[]string{"a ingress tcp 22 192.0.2.1/32", "b ingress tcp 22 192.0.2.2/32"}},
		{"closed listeners", []string{"eth0 ingress tcp 22 192.0.2.1"},
			learn.Options{Unused: []learn.Unused{{Device: "eth0", Protocol: policy.TCP, Port: 80}}},
			[]string{"web ingress tcp 22 192.0.2.1/32"}},
		{"open listeners", nil, learn.Options{Unused: []learn.Unused{
			{Device: "eth0", Protocol: policy.TCP, Port: 80}, {Device: "eth0", Protocol: policy.TCP,
				Port: 81}, {Device: "eth1", Protocol: policy.TCP, Port: 82}},
			OpenUnused: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			[]string{"web ingress tcp 80-81 10.0.0.0/8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.options.Devices) == 0 {
				c.options.Devices = eth0
			}
			result, text := made(t, record(t, c.seen...), c.options)
			if got := listed(result.Policy); !slices.Equal(got, c.want) {
				t.Errorf("rules %q, want %q\n%s", got, c.want, text)
			}
			if len(result.Policy.Interfaces) != len(c.options.Devices) {
				t.Errorf("interfaces %+v", result.Policy.Interfaces)
			}
		})
	}
}

// TestComments: each rule says what it was seen for, in the file.
func TestComments(t *testing.T) {
	r := record(t, "3 * eth0 ingress tcp 22 192.0.2.1 sshd", "eth0 ingress tcp 22 192.0.2.9 sshd",
		"eth0 egress udp 53 192.0.2.53 chronyd", "eth0 egress udp 53 192.0.2.53",
		"9000 * eth0 ingress icmp 8/0 192.0.2.1", "eth0 ingress tcp 8080 192.0.2.1",
		"eth0 ingress tcp 8081 192.0.2.1", "eth0 ingress 47 - 192.0.2.1",
		"eth0 ingress icmp 13/0 192.0.2.1")
	named := saw(t, "eth0 egress udp 53 192.0.2.53")
	named.Process, named.Again = "a\nb: c", true // a process may call itself anything
	r.Add(named)
	live := saw(t, "eth0 ingress tcp 5432 192.0.2.7 postgres")
	live.Live = true
	r.Add(live)
	live.Again, live.At = true, live.At.Add(time.Hour)
	r.Add(live)
	_, text := made(t, r, learn.Options{Devices: eth0, Preface: []string{"Written\nby", "a test."},
		Unused: []learn.Unused{{Device: "eth0", Protocol: policy.UDP, Port: 69, Process: "in.tftpd"}}})
	for _, want := range []string{
		"# Written\n# by\n#\n# a test.\n",
		"#   - { protocol: udp, ports: 69, cidr_blocks: [192.0.2.0/24] }  # in.tftpd\n",
		"# 4 connections from 2 addresses: first 12:00:00 192.0.2.1, last 12:00:02\n" +
			"      # 192.0.2.1.\n",
		"description: sshd ssh\n", "# 2 conversations to 1 address: 12:00:00 192.0.2.53.\n",
		"description: a_b_ c chronyd dns\n",
		"description: Ports 8080-8081\n", "description: Protocol 47\n", "description: Type 13\n",
		"# 9,000 pings from 1 address: first 12:00:00 192.0.2.1, last 14:29:59 192.0.2.1.\n",
		"# 1 connection from 1 address: first 12:00:00 192.0.2.7, last 13:00:00 192.0.2.7;\n" +
			"      # live when it began.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	_, text = made(t, r, learn.Options{Devices: eth0, Clock: time.DateTime})
	if !strings.Contains(text, "2026-11-29 12:00:00 192.0.2.7") {
		t.Errorf("no dates:\n%s", text)
	}
}

// accepts asks the real matcher whether the first packet of a conversation passes.
func accepts(rs *filter.Ruleset, s learn.Sighting) bool {
	local := netip.MustParseAddr("192.0.2.77")
	if s.Peer.Is6() {
		local = netip.MustParseAddr("2001:db8::77")
	}
	q := filter.Query{Device: s.Device, Direction: conntrack.Ingress, Protocol: uint8(s.Protocol),
		Src: s.Peer, Dst: local, SrcPort: 40000, Hook: filter.HookForward}
	if s.Direction == policy.Egress {
		q.Direction, q.Src, q.Dst = conntrack.Egress, local, s.Peer
	}
	switch {
	case s.Protocol.HasPorts():
		q.DstPort = uint16(s.From)
	case s.Protocol.IsICMP():
		q.ICMPType, q.ICMPCode = uint8(s.From), uint8(s.To)
	}
	x := filter.Explain(rs, nil, 0, q)
	return x.Managed && x.Verdict.Accept()
}

func compiled(p *policy.Policy) *filter.Ruleset {
	return filter.Compile(p, member.Resolve(p, member.Facts{}))
}

// anything makes up a sighting out of few addresses and ports, so that many are neighbours.
func anything(r *rand.Rand) learn.Sighting {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	s := learn.Sighting{At: noon.Add(time.Duration(r.IntN(3600)) * time.Second),
		Process: pick("", "a", "b"), Live: r.IntN(4) == 0}
	s.Device, s.Direction = pick("eth0", "eth1"), policy.Direction(r.IntN(2))
	host := r.IntN(8)
	v4 := r.IntN(3) > 0
	if s.Peer = netip.MustParseAddr(fmt.Sprintf("2600:1f18::%x", host)); v4 {
		s.Peer = netip.MustParseAddr(fmt.Sprintf("%s.%d", pick("10.1.1", "9.9.9"), host))
	}
	switch r.IntN(5) {
	case 0:
		s.Protocol, s.From = policy.ICMPv6, 128
		if v4 {
			s.Protocol, s.From = policy.ICMP, 8
		}
	case 1:
		s.Protocol, s.From, s.To = 47, -1, -1
	default:
		s.Protocol, s.From = []policy.Protocol{policy.TCP, policy.UDP}[r.IntN(2)], 80+r.IntN(4)
		s.To = s.From
	}
	return s
}

// TestEnoughAndNoMore: whatever was seen, the policy permits each first packet of it by the
// real matcher; no rule can be taken away; and without widening nothing else passes.
func TestEnoughAndNoMore(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		rec := learn.NewRecord()
		var seen []learn.Sighting
		for range 1 + r.IntN(40) {
			s := anything(r)
			rec.Add(s)
			seen = append(seen, s)
		}
		o := learn.Options{Devices: []learn.Device{{Name: "eth0", Group: "a"}, {Name: "eth1",
			Group: "b"}}}
		exact := seed%2 == 0
		if !exact {
			o.Everyone, o.WidenIPv4, o.WidenIPv6 = r.IntN(5), 24+r.IntN(9), 64
		}
		result, text := made(t, rec, o)
		p := result.Policy
		rs := compiled(p)
		for _, s := range seen {
			if !accepts(rs, s) {
				t.Fatalf("seed %d: %+v does not pass\n%s", seed, s, text)
			}
		}
		for g := range p.Groups {
			for _, rules := range []*[]policy.Rule{&p.Groups[g].Ingress, &p.Groups[g].Egress} {
				all := *rules
				for i := range all {
					*rules = slices.Delete(slices.Clone(all), i, i+1)
					less := compiled(p)
					if !slices.ContainsFunc(seen, func(s learn.Sighting) bool { return !accepts(less, s) }) {
						t.Fatalf("seed %d: %s is not needed\n%s", seed, all[i].String(), text)
					}
				}
				*rules = all
			}
		}
		for range 300 {
			s := anything(r)
			known := slices.ContainsFunc(seen, func(o learn.Sighting) bool {
				return o.Service == s.Service && o.Peer == s.Peer
			})
			if exact && accepts(rs, s) != known {
				t.Fatalf("seed %d: seen %t: %+v\n%s", seed, known, s, text)
			}
		}
	}
}
