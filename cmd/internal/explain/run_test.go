package explain

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// explain asks about a packet under the policy of this file.
func explainOne(t *testing.T, in api.Query) api.Explanation {
	t.Helper()
	p := load(t, text)
	q, full, _, err := Parse(in, p, facts)
	if err != nil {
		t.Fatal(err)
	}
	return Run(filter.Compile(p, nil), nil, 0, q, full)
}

// Every item of A4 in docs/aws.md is in the answer.
func TestRunPermitted(t *testing.T) {
	x := explainOne(t, api.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9",
		To: ":443"})
	want := &api.RuleRef{Group: "web", Direction: "ingress", Index: 0, Description: "HTTPS",
		Protocol: "tcp",
		Ports:    "443", Peer: "0.0.0.0/0", File: "p.yaml", Line: 6}
	if d := cmp.Diff(want, x.Rule); d != "" {
		t.Error(d)
	}
	if x.Verdict != api.VerdictAccept || x.Reason != "rule" || x.Code != "" || x.Exemption != "" ||
		x.FlowsKnown || len(x.Misses) > 0 {
		t.Errorf("explanation %+v", x)
	}
	if len(x.Groups) != 1 || x.Groups[0].Name != "web" || !x.Groups[0].Permits {
		t.Errorf("groups %+v", x.Groups)
	}
	// egress [] stops nothing that answers (T1), and everything that does not.
	if x.Reply.Verdict != api.VerdictAccept || x.Reply.Reason != "flow" ||
		x.Reply.Alone != api.VerdictDrop {
		t.Errorf("reply %+v", x.Reply)
	}
}

func TestRunRefused(t *testing.T) {
	x := explainOne(t, api.Query{Direction: "ingress", Protocol: "udp", From: "198.51.100.9",
		To: ":5011"})
	if x.Verdict != api.VerdictDrop || x.Reason != "no-rule" || x.Code != "ENI_SG_RULES_MISMATCH" ||
		x.Rule != nil {
		t.Errorf("explanation %+v", x)
	}
	want := []api.Difference{{Field: "port", Want: "5000-5010", Got: "5011"}}
	if !slices.ContainsFunc(x.Misses, func(m api.Miss) bool {
		return m.Rule.Index == 2 && m.Rule.Ports == "5000-5010" && slices.Equal(m.Fields, want)
	}) {
		t.Errorf("the rule that lacks one port is not among the nearest: %+v", x.Misses)
	}
	if x.Groups[0].Permits {
		t.Error("the group is said to permit it")
	}
}

func TestRunWithoutRules(t *testing.T) {
	x := explainOne(t, api.Query{Direction: "egress", Protocol: "tcp", To: "198.51.100.9:443"})
	if x.Verdict != api.VerdictDrop || x.Code != "SG_HAS_NO_RULES" ||
		!strings.Contains(x.Detail, "no attached group has any egress rule") {
		t.Errorf("explanation %+v", x)
	}
}

func TestRunFailsafe(t *testing.T) {
	x := explainOne(t, api.Query{Direction: "egress", Protocol: "udp", From: "0.0.0.0:68",
		To: "255.255.255.255:67"})
	if x.Verdict != api.VerdictAccept || x.Exemption != "dhcpv4-client" ||
		!strings.Contains(x.Detail, "a failsafe of the machine (dhcpv4-client)") {
		t.Errorf("explanation %+v", x)
	}
}

func TestRunUnmanaged(t *testing.T) {
	x := explainOne(t, api.Query{Interface: "eth9", Direction: "ingress", Protocol: "tcp",
		From: "198.51.100.9", To: ":1"})
	if x.Verdict != api.VerdictAccept || x.Reason != api.ReasonNotManaged || x.Reply != nil {
		t.Errorf("explanation %+v", x)
	}
}

// A question about the addresses and ports of a live connection is about its
// packets; any other one, about a new connection.
func TestRunKnowsLiveFlows(t *testing.T) {
	p := load(t, text)
	rs := filter.Compile(p, nil)
	flows := conntrack.NewTable(conntrack.Config{})
	a := rs.Device("eth0")
	tuple := conntrack.NewTuple(a.Scope, conntrack.Ingress, 6,
		conntrack.AddrFrom(netip.MustParseAddr("203.0.113.9")),
		conntrack.AddrFrom(netip.MustParseAddr("192.0.2.1")), 50000, 22)
	sample := conntrack.PacketMeta{
		Class: conntrack.ClassTCP, Dir: conntrack.Ingress,
		TCP: conntrack.TCPSegment{Seq: 1, Flags: conntrack.SYN}}
	timeouts := conntrack.DefaultTimeouts()
	cell := flows.Lock(&tuple, 0)
	cell.Insert(&sample, 1, &timeouts, 0)
	cell.Unlock()

	for _, tc := range []struct {
		from, segment   string // of the question
		verdict, reason string
		answered        string // segment of the answer
	}{
		{"203.0.113.9:50000", "", api.VerdictAccept, "flow", "ack"},
		{"203.0.113.9:50001", "", api.VerdictDrop, "no-rule", "syn"},
		{"203.0.113.9", "", api.VerdictDrop, "no-rule", "syn"},
		{"203.0.113.9:50001", "ack", api.VerdictDrop, "not-a-flow", "ack"},
		{"203.0.113.9:50001", "syn-ack", api.VerdictDrop, "not-a-flow", "syn-ack"},
	} {
		q, full, _, err := Parse(api.Query{
			Direction: "ingress", Protocol: "tcp", From: tc.from, To: ":22", Segment: tc.segment}, p, facts)
		if err != nil {
			t.Fatal(err)
		}
		x := Run(rs, flows, 1, q, full)
		if x.Verdict != tc.verdict || x.Reason != tc.reason || x.Query.Segment != tc.answered ||
			!x.FlowsKnown {
			t.Errorf("from %s, segment %q: %s (%s), segment %s; want %s (%s), %s", tc.from, tc.segment,
				x.Verdict, x.Reason, x.Query.Segment, tc.verdict, tc.reason, tc.answered)
		}
		if live := tc.reason == "flow"; live != (x.Flow != nil) {
			t.Errorf("from %s: flow %+v", tc.from, x.Flow)
		}
	}
}

// A flow's document says what the tuple means: identifier and type of a query
// belong to the side that asked.
func TestFlow(t *testing.T) {
	local, remote := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::9")
	info := func(d conntrack.Direction, proto uint8, srcPort, dstPort uint16,
		class conntrack.Class) conntrack.FlowInfo {
		src, dst := remote, local
		if d == conntrack.Egress {
			src, dst = local, remote
		}
		return conntrack.FlowInfo{
			Tuple: conntrack.NewTuple(1, d, proto, conntrack.AddrFrom(src), conntrack.AddrFrom(dst),
				srcPort, dstPort),
			Opener: d, Class: class, State: conntrack.StateEstablished,
			Created: 10e9, Expires: 100e9,
			Packets: [2]uint32{3, 4}, Bytes: [2]uint64{30, 40},
		}
	}
	tcp := Flow("eth0", info(conntrack.Egress, 6, 50000, 443, conntrack.ClassTCP), 40e9)
	want := api.Flow{Interface: "eth0", Direction: "egress", Protocol: "tcp", Local: "192.0.2.1:50000",
		Remote: "[2001:db8::9]:443", State: "established", Age: 30, Expires: 60, Tracked: true,
		Packets: api.Traffic{Ingress: 3, Egress: 4}, Bytes: api.Traffic{Ingress: 30, Egress: 40}}
	if d := cmp.Diff(want, tcp); d != "" {
		t.Error(d)
	}
	for _, d := range []conntrack.Direction{conntrack.Ingress, conntrack.Egress} {
		f := Flow("eth0", info(d, 1, 77, conntrack.QueryPort(8), conntrack.ClassQuery), 40e9)
		if f.ICMPID == nil || *f.ICMPID != 77 || *f.ICMPType != 8 || f.Local != "192.0.2.1" {
			t.Errorf("%s query: %+v", d, f)
		}
	}
	if f := Flow("eth0", info(conntrack.Ingress, 47, 0, 0, conntrack.ClassOther),
		200e9); f.Expires != 0 || f.Remote != "2001:db8::9" || f.ICMPID != nil {
		t.Errorf("GRE: %+v", f)
	}
}

// TestRunCutFlow: a packet of an untracked flow that has lost its rule is not said
// to belong to no flow, which is listed above it.
func TestRunCutFlow(t *testing.T) {
	p := load(t, strings.Replace(text, "egress: []",
		"egress: [{ protocol: -1, cidr_blocks: [0.0.0.0/0] }]", 1))
	p.Settings.Tracking = policy.TrackingAWS
	q, full, _, err := Parse(api.Query{
		Direction: "ingress", Protocol: "tcp", From: "203.0.113.9:40000", To: ":443", Segment: "ack"}, p,
		facts)
	if err != nil {
		t.Fatal(err)
	}
	c := filter.NewCompiler()
	before := c.Compile(p, nil)
	flows := conntrack.NewTable(conntrack.Config{})
	tuple := conntrack.NewTuple(before.Device(q.Device).Scope, conntrack.Ingress, conntrack.ProtoTCP,
		conntrack.AddrFrom(q.Src), conntrack.AddrFrom(q.Dst), q.SrcPort, q.DstPort)
	cell := flows.Lock(&tuple, 0)
	tmo := conntrack.DefaultTimeouts()
	cell.InsertUntracked(&conntrack.PacketMeta{
		Class: conntrack.ClassTCP, TCP: conntrack.TCPSegment{Flags: conntrack.SYN}}, 0, &tmo, 0)
	cell.Unlock()
	if x := Run(before, flows, 0, q, full); x.Verdict != api.VerdictAccept || x.Reason != "untracked" {
		t.Errorf("with its rule: %+v", x)
	}
	p.Groups[0].Ingress = p.Groups[0].Ingress[1:]
	if x := Run(c.Compile(p, nil), flows, 0, q, full); x.Verdict != api.VerdictDrop || x.Flow == nil ||
		!strings.Contains(x.Detail, "its flow is not tracked") {
		t.Errorf("without: %+v", x)
	}
}
