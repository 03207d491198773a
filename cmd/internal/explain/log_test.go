package explain

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

func TestSelectVerdicts(t *testing.T) {
	for _, c := range []struct {
		q        api.LogQuery
		has, not []filter.Reason
	}{
		{api.LogQuery{}, []filter.Reason{filter.ReasonNoRule, filter.FaultReason(packet.FaultVersion)},
			[]filter.Reason{filter.ReasonRule, filter.ReasonFlow, filter.ReasonExemptTime}},
		{api.LogQuery{Follow: true}, []filter.Reason{filter.ReasonNoRule, filter.ReasonRule},
			[]filter.Reason{filter.ReasonFlow, filter.ReasonRelated, filter.ReasonExemptTime}},
		{api.LogQuery{Follow: true, Established: true},
			[]filter.Reason{filter.ReasonNoRule, filter.ReasonRule, filter.ReasonFlow, filter.ReasonRelated,
				filter.ReasonExemptTime}, nil},
		{api.LogQuery{Follow: true, Verdict: "accept"},
			[]filter.Reason{filter.ReasonRule, filter.ReasonFailsafe},
			[]filter.Reason{filter.ReasonNoRule, filter.ReasonFlow}},
		{api.LogQuery{Follow: true, Verdict: "drop", Established: true},
			[]filter.Reason{filter.ReasonNoRule, filter.ReasonTableFull},
			[]filter.Reason{filter.ReasonRule, filter.ReasonFlow}},
		{api.LogQuery{Follow: true, Reasons: []string{"exempt-metadata"}},
			[]filter.Reason{filter.ReasonExemptMetadata}, []filter.Reason{filter.ReasonExemptTime}},
		{api.LogQuery{Follow: true, Reasons: []string{"flow", "no-rule"}},
			[]filter.Reason{filter.ReasonFlow, filter.ReasonNoRule},
			[]filter.Reason{filter.ReasonRule, filter.ReasonNotAFlow}},
		{api.LogQuery{Reasons: []string{"packet"}},
			[]filter.Reason{filter.FaultReason(packet.FaultTruncated),
				filter.FaultReason(packet.FaultUDPLength)}, []filter.Reason{filter.ReasonNoRule}},
		{api.LogQuery{Follow: true, Where: "reason:flow,no-rule"},
			[]filter.Reason{filter.ReasonFlow, filter.ReasonNoRule},
			[]filter.Reason{filter.ReasonRule, filter.ReasonNotAFlow}},
		{api.LogQuery{Follow: true, Where: "-reason:no-rule"},
			[]filter.Reason{filter.ReasonRule, filter.ReasonNotAFlow},
			[]filter.Reason{filter.ReasonFlow, filter.ReasonNoRule}},
		{api.LogQuery{Follow: true, Where: "verdict:drop", Reasons: []string{"no-rule", "rule"}},
			[]filter.Reason{filter.ReasonNoRule}, []filter.Reason{filter.ReasonRule}},
		{api.LogQuery{Follow: true, Where: "-verdict:drop -reason:rule"},
			[]filter.Reason{filter.ReasonFailsafe},
			[]filter.Reason{filter.ReasonNoRule, filter.ReasonRule, filter.ReasonFlow}},
		{api.LogQuery{Reasons: []string{"packet: truncated"}},
			[]filter.Reason{filter.FaultReason(packet.FaultTruncated)},
			[]filter.Reason{filter.FaultReason(packet.FaultUDPLength)}},
	} {
		s, err := SelectVerdicts(c.q, nil)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
			continue
		}
		for _, r := range c.has {
			if !s.Reasons.Has(r) {
				t.Errorf("%+v leaves %s out", c.q, r)
			}
		}
		for _, r := range c.not {
			if s.Reasons.Has(r) {
				t.Errorf("%+v includes %s", c.q, r)
			}
		}
	}
	for _, q := range []api.LogQuery{
		{Verdict: "maybe"}, {Reasons: []string{"rain"}}, {Reasons: []string{"none"}}, {Verdict: "accept"},
		{Reasons: []string{"rule"}},
		{Follow: true, Verdict: "drop", Reasons: []string{"rule"}}, {Reasons: []string{"exempt-time"}},
		{Where: "port:1 -reason:rain"}, {Where: "flags:urg"}, {Where: "dir:up"}, {Where: "from:there"},
		{Where: "state:new"}, {Where: "port:99999"}, {Where: "verdict:drop -verdict:drop"},
		{Protocol: "carrier-pigeon"}, {Address: "here"}, {Rate: -1}, {Limit: -1},
	} {
		if _, err := SelectVerdicts(q, nil); !errors.Is(err, ErrQuestion) {
			t.Errorf("%+v: %v, want ErrQuestion", q, err)
		}
	}
	if names := ReasonNames(); !slices.Contains(names, "no-rule") ||
		!slices.Contains(names, "packet") || slices.Contains(names, "none") {
		t.Errorf("names of reasons: %v", names)
	}
}

// TestRecord: documents of packets as the engine records them.
func TestRecord(t *testing.T) {
	pol, _, err := file.Parse("p.yaml", []byte(`version: 1
security_groups:
  - name: web
    description: web
    ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [192.0.2.0/24] }]
    egress: []
interfaces:
  - { device: eth0, security_groups: [web] }
`))
	if err != nil {
		t.Fatal(err)
	}
	links := []member.Link{{Name: "eth0", Index: 2}}
	rs := filter.Compile(pol, nil).WithLinks(links)
	e := filter.NewEngine(filter.Config{MaxFlows: 10}, rs)
	w := e.NewWorker()
	watcher := e.Watch(10, filter.Selection{Reasons: filter.Everything})
	defer watcher.Close()
	syn := func(port byte) []byte {
		b := make([]byte, 40)
		copy(b, []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, conntrack.ProtoTCP, 0, 0, 192, 0, 2, 9, 192, 0, 2,
			1, 0x9c, 0x40, 1, port, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, byte(conntrack.SYN)})
		return b
	}
	out := syn(0xbb)
	copy(out[12:], []byte{192, 0, 2, 1, 192, 0, 2, 9})
	w.Begin()
	for _, ev := range []filter.Event{
		{Frame: packet.Frame{Bytes: syn(0xbb)}, Hook: filter.HookInput, In: 2},
		{Frame: packet.Frame{Bytes: syn(0xbc)}, Hook: filter.HookInput, In: 2},
		{Frame: packet.Frame{Bytes: []byte{0x45}}, Hook: filter.HookInput, In: 2},
		{Frame: packet.Frame{Bytes: out}, Hook: filter.HookOutput, Out: 2},
	} {
		w.Decide(&ev)
	}
	w.End()
	records, _ := watcher.Take()
	if len(records) != 4 {
		t.Fatalf("%d records", len(records))
	}
	at := time.Unix(1700000000, 0)
	scribe := NewRecorder(rs)
	pass, drop, fault, leaves := scribe.Record(&records[0], at), scribe.Record(&records[1], at),
		scribe.Record(&records[2], at), scribe.Record(&records[3], at)
	if pass.Verdict != "accept" || pass.From != "192.0.2.9:40000" || pass.To != "192.0.2.1:443" ||
		pass.Rule == nil || pass.Rule.Group != "web" ||
		pass.Direction != "ingress" || strings.Join(pass.TCPFlags, " ") != "syn" || !pass.Time.Equal(at) {
		t.Errorf("passed: %+v", pass)
	}
	if drop.Verdict != "drop" || drop.Reason != "no-rule" || drop.Rule != nil {
		t.Errorf("dropped: %+v", drop)
	}
	if fault.Verdict != "drop" || fault.Reason != "packet: truncated" || fault.Interface != "eth0" ||
		fault.From != "" || fault.Direction != "" {
		t.Errorf("unreadable: %+v", fault)
	}
	if leaves.Direction != "egress" || leaves.From != "192.0.2.1:40000" ||
		leaves.To != "192.0.2.9:443" {
		t.Errorf("dropped on its way out: %+v", leaves)
	}
	if n := Nearest(rs, &records[1]); n == nil || n.Rule.Index != 0 || len(n.Fields) != 1 ||
		n.Fields[0] != (api.Difference{Field: "port", Want: "443", Got: "444"}) {
		t.Errorf("nearest to the drop: %+v", n)
	}
	for _, i := range []int{0, 2, 3} {
		if n := Nearest(rs, &records[i]); n != nil {
			t.Errorf("nearest to %+v: %+v", records[i], n)
		}
	}
	// Once a rule permits what was dropped, no other one came nearest.
	pol.Groups[0].Ingress = append(pol.Groups[0].Ingress,
		policy.Rule{Protocol: policy.TCP, From: 444, To: 444, Peer: pol.Groups[0].Ingress[0].Peer})
	if n := Nearest(filter.Compile(pol, nil).WithLinks(links), &records[1]); n != nil {
		t.Errorf("nearest to what is permitted now: %+v", n)
	}
}

// TestSelectDefaultRule: the egress rules that a group has because its file names
// none are selected by the word that listings have for them.
func TestSelectDefaultRule(t *testing.T) {
	pol, _, err := file.Parse("p.yaml", []byte(`version: 1
security_groups:
  - name: web
    description: web
    ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [192.0.2.0/24] }]
interfaces:
  - { device: eth0, security_groups: [web] }
`))
	if err != nil {
		t.Fatal(err)
	}
	rs := filter.Compile(pol, nil)
	s, err := Select(api.FlowQuery{Rule: "web/egress/default"}, rs)
	if err != nil {
		t.Fatal(err)
	}
	for id, info := range rs.Rules() {
		f := conntrack.FlowInfo{Rule: uint32(id)}
		if got, want := s.Has(&f), info.Direction == conntrack.Egress; got != want {
			t.Errorf("rule %+v: selected %t, want %t", info, got, want)
		}
	}
	if _, err := Select(api.FlowQuery{Rule: "web/ingress/default"}, rs); !errors.Is(err, ErrQuestion) {
		t.Errorf("there is no default for ingress: %v", err)
	}
}
