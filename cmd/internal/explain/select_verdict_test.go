package explain

import (
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

const twoDevices = `version: 1
security_groups:
  - name: web
    description: web
    ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }]
  - name: front ends
    description: others
    egress: []
network_acls:
  - name: edge
    ingress: [{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }]
interfaces:
  - { device: eth0, security_groups: [web] }
  - { device: eth1, security_groups: [front ends] }
`

// TestTerms: each term selects the records that it should, and a flag selects what the term
// of its name does.
func TestTerms(t *testing.T) {
	pol, _, err := file.Parse("p.yaml", []byte(twoDevices))
	if err != nil {
		t.Fatal(err)
	}
	pol.IDs = policy.IDs{Seed: [32]byte{1}}
	rs := filter.Compile(pol, nil).WithLinks([]member.Link{{Name: "eth0", Index: 2},
		{Name: "eth1", Index: 3}})
	e := filter.NewEngine(filter.Config{MaxFlows: 10}, rs)
	w, watcher := e.NewWorker(), e.Watch(10, filter.Selection{Reasons: filter.Everything})
	defer watcher.Close()
	send := func(ev filter.Event, proto byte, from, to [4]byte, fromPort, toPort uint16) {
		b := make([]byte, 40)
		copy(b, []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto})
		copy(b[12:], from[:])
		copy(b[16:], to[:])
		copy(b[20:], []byte{byte(fromPort >> 8), byte(fromPort), byte(toPort >> 8), byte(toPort)})
		if b[32], b[33] = 0x50, byte(conntrack.SYN); proto == conntrack.ProtoUDP {
			copy(b[24:], []byte{0, 20, 0, 0})
		}
		ev.Frame = packet.Frame{Bytes: b}
		w.Begin()
		w.Decide(&ev)
		w.End()
	}
	in := func(device uint32) filter.Event { return filter.Event{Hook: filter.HookInput, In: device} }
	us, one, two := [4]byte{192, 0, 2, 1}, [4]byte{10, 0, 0, 1}, [4]byte{10, 9, 0, 2}
	send(in(2), conntrack.ProtoTCP, one, us, 50000, 443)  // 0 passes
	send(in(2), conntrack.ProtoTCP, two, us, 50000, 8080) // 1
	send(in(3), conntrack.ProtoUDP, one, us, 443, 53)     // 2
	// 3
	out := filter.Event{Hook: filter.HookOutput, Out: 3}
	send(out, conntrack.ProtoTCP, us, two, 9, 443)
	records, _ := watcher.Take()
	if len(records) != 4 {
		t.Fatalf("%d records", len(records))
	}
	for _, c := range []struct {
		q    api.LogQuery
		want []int
	}{
		{api.LogQuery{}, []int{0, 1, 2, 3}},
		{api.LogQuery{Where: "port:443"}, []int{0, 2, 3}},
		{api.LogQuery{Port: 443}, []int{0, 2, 3}},
		{api.LogQuery{Where: "port:53,8000-9000"}, []int{1, 2}},
		{api.LogQuery{Where: "-port:53,8000-9000"}, []int{0, 3}},
		{api.LogQuery{Where: "-proto:udp port:443"}, []int{0, 3}},
		{api.LogQuery{Where: "port:443", Protocol: "udp"}, []int{2}},
		{api.LogQuery{Where: "proto:6,17"}, []int{0, 1, 2, 3}},
		{api.LogQuery{Where: "from:10.0.0.0/16"}, []int{0, 2}},
		{api.LogQuery{Where: "from:192.0.2.1"}, []int{3}},
		{api.LogQuery{Where: "to:192.0.2.1:53"}, []int{2}},
		{api.LogQuery{Where: "to::443"}, []int{0, 3}},
		{api.LogQuery{Where: "addr:10.9.0.2"}, []int{1, 3}},
		{api.LogQuery{Address: "10.9.0.2"}, []int{1, 3}},
		{api.LogQuery{Where: `group:"front ends"`}, []int{2, 3}},
		{api.LogQuery{Group: "front ends"}, []int{2, 3}},
		{api.LogQuery{Where: "group:" + pol.IDs.Group("web")}, []int{0, 1}},
		{api.LogQuery{Where: "rule:web/ingress/0"}, []int{0}},
		{api.LogQuery{Where: "-rule:web/ingress/0 iface:eth0"}, []int{1}},
		{api.LogQuery{Where: "iface:eth*"}, []int{0, 1, 2, 3}},
		{api.LogQuery{Interface: "eth1"}, []int{2, 3}},
		{api.LogQuery{Where: "iface:" + pol.IDs.Interface("eth1")}, []int{2, 3}},
		{api.LogQuery{Where: "dir:egress"}, []int{3}},
		{api.LogQuery{Where: "-dir:egress"}, []int{0, 1, 2}},
		{api.LogQuery{Where: "flags:syn"}, []int{0, 1, 3}},
		{api.LogQuery{Where: "flags:ack,rst"}, nil},
		{api.LogQuery{Where: "reason:rule"}, []int{0}},
		{api.LogQuery{Reasons: []string{"no-rule"}}, []int{1, 2, 3}},
		{api.LogQuery{Where: "verdict:drop dir:ingress"}, []int{1, 2}},
	} {
		c.q.Follow = true
		s, err := SelectVerdicts(c.q, rs)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
			continue
		}
		var got []int
		for i := range records {
			if s.Matches(rs, &records[i]) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	for where, want := range map[string]string{
		"port:1 reason:no-rul": `column 15: reason "no-rul" is none of `,
		"verdict:dropp":        "did you mean drop?",
		"group:wep":            `column 7: no group is called "wep" (hint: did you mean web?)`,
		"port:1,70000":         "column 8: ",
		"iface:eth7":           "column 7: no interface eth7 in the policy",
		"rule:web/ingress/9":   "column 6: there is no rule",
		"rule:edge/ingress/1": `column 6: edge is a network ACL, not a group ` +
			`(hint: reason:network-acl selects what it drops)`,
	} {
		if _, err := SelectVerdicts(api.LogQuery{Follow: true, Where: where}, rs); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", where, err, want)
		}
	}
}

// TestTermsOfFlows: the same words about flows.
func TestTermsOfFlows(t *testing.T) {
	pol, _, err := file.Parse("p.yaml", []byte(twoDevices))
	if err != nil {
		t.Fatal(err)
	}
	rs := filter.Compile(pol, nil).WithLinks([]member.Link{{Name: "eth0", Index: 2}})
	us, them := conntrack.Addr4([4]byte{192, 0, 2, 1}), conntrack.Addr4([4]byte{10, 0, 0, 1})
	f := conntrack.FlowInfo{Opener: conntrack.Ingress, State: conntrack.StateEstablished,
		Tuple: conntrack.NewTuple(rs.Device("eth0").Scope, conntrack.Ingress, conntrack.ProtoTCP,
			them, us, 50000, 443)}
	for id, info := range rs.Rules() {
		if info.Group == "web" && info.Direction == conntrack.Ingress {
			f.Rule = uint32(id)
		}
	}
	for where, want := range map[string]bool{
		"": true, "port:443": true, "-port:443": false, "port:80,400-500": true, "proto:udp": false,
		"proto:tcp,udp -proto:udp": true, "from:10.0.0.0/8": true, "from:192.0.2.1": false,
		"to:192.0.2.1:443": true, "to::80": false, "addr:10.0.0.1": true, "group:web": true,
		`-group:web`: false, "rule:web/ingress/0": true, "iface:eth0": true, "iface:e*": true,
		"iface:eth1": false, "dir:ingress": true, "dir:egress": false, "state:established": true,
		"-state:established": false, "state:revoked": false,
	} {
		s, err := Select(api.FlowQuery{Where: where}, rs)
		if err != nil || s.Has(&f) != want {
			t.Errorf("%q: %v, want %t", where, err, want)
		}
	}
	for _, where := range []string{"flags:syn", "reason:no-rule", "state:stat", "group:nope"} {
		if _, err := Select(api.FlowQuery{Where: where}, rs); err == nil {
			t.Errorf("%s is taken", where)
		}
	}
}
