package main

import (
	"context"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

// showcase is a daemon of a small office's router, whose answers have what makes
// screens wide: long addresses, names and descriptions.
type showcase struct {
	control.Backend
}

// noon is when it is asked.
var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// before is so long ago, at most 200 years.
func before(d time.Duration) time.Time { return noon.Add(-d) }

var (
	webRule = api.RuleRef{ID: "sgr-9c2dffc6c604dfeb3", Group: "web",
		GroupID: "sg-dbec42b9b38c5a6ae", Direction: "ingress", Protocol: "tcp", Ports: "443",
		Peer: "0.0.0.0/0", Description: "HTTPS from anywhere", File: "/etc/sgfw/sgfw.yaml", Line: 12}
	sshRule = api.RuleRef{ID: "sgr-988e4e60de3de7e53", Group: "office-access",
		GroupID: "sg-b0fbd569f68dd0fa3", Direction: "ingress", Protocol: "tcp", Ports: "22",
		Peer: "list office-ipv6", PeerID: "pl-fcd176cbbe14ec778", Description: "SSH from the Büro",
		File: "/etc/sgfw/sgfw.yaml", Line: 31}
	oldRule = api.RuleRef{ID: "sgr-0123456789abcdef1", Group: "web", Direction: "ingress", Index: 2,
		Protocol: "tcp", Ports: "8000-9000", Peer: "10.0.0.0/8", Description: "The old application",
		Gone: true}
	outRule = api.RuleRef{ID: "sgr-034f56cb7aec0aca3", Group: "backup-and-monitoring",
		Direction: "egress", Index: -1, Protocol: "all", Peer: "::/0"}
)

// shownFlows are what a busy router carries, in short.
func shownFlows() []api.Flow {
	kind, id := uint8(128), uint16(4711)
	return []api.Flow{
		{Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:443",
			Remote: "198.51.100.7:50000", State: "established", Age: 61, Expires: 432000,
			Packets: api.Traffic{Ingress: 3, Egress: 4}, Bytes: api.Traffic{Ingress: 500, Egress: 6000},
			Rule: &webRule, Tracked: true, Clause: "setting"},
		{Interface: "enp1s0", Direction: "ingress", Protocol: "tcp",
			Local:  "[2001:db8:1:2:216:3eff:fe12:3456]:22",
			Remote: "[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:51234", State: "established", Age: 7201,
			Expires: 431999, Packets: api.Traffic{Ingress: 120345, Egress: 98765},
			Bytes: api.Traffic{Ingress: 12345678, Egress: 987654321}, Rule: &sshRule, Tracked: true,
			Clause: "opening-rule"},
		{Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:8080",
			Remote: "10.20.30.40:61000", State: "close_wait", Age: 300, Expires: 59, Rule: &oldRule,
			Orphan: true, Tracked: true, Clause: "opening-rule"},
		{Interface: "enp1s0", Direction: "egress", Protocol: "tcp", Local: "192.0.2.1:43210",
			Remote: "198.51.100.99:5432", State: "established", Age: 12, Expires: 431990, Adopted: true,
			Orphan: true, Tracked: true, Clause: "setting"},
		{Scope: "uplinks", Direction: "egress", Protocol: "icmpv6", Local: "2001:db8:1:2::1",
			Remote: "2001:db8::53", ICMPType: &kind, ICMPID: &id, State: "replied", Age: 2, Expires: 28,
			Rule: &outRule, Tracked: true, Clause: "scope"},
		{Interface: "tap-customer-17", Direction: "egress", Protocol: "udp", Local: "10.0.3.14:40000",
			Remote: "192.0.2.53:53", State: "unreplied", Age: 0, Expires: 30, Clause: "both-rules"},
	}
}

func (showcase) Status(context.Context) (api.Status, error) {
	passed := uint64(12)
	return api.Status{
		State: api.StateRunning, PID: 812, Version: "v1.4.0", Started: before(100 * time.Hour),
		Network: &api.Namespace{Inode: 4026531840, Initial: true},
		Policy: api.PolicyStatus{File: "/etc/sgfw/sgfw.yaml", Generation: 7, Groups: 3, Rules: 18,
			Loaded: before(time.Hour), Tracking: "always", Datapath: "userspace",
			Pending: &api.PendingConfirm{Deadline: noon.Add(42 * time.Second), Left: 42}},
		Warnings: []api.Problem{{Message: "interface Wlan0 filters nothing: no device Wlan0",
			Hint: "did you mean wlan0?"}},
		Interfaces: []api.InterfaceStatus{
			{Device: "enp1s0", ID: "eni-090d8504a820eb77c", Mode: "host", Scope: "uplinks",
				Groups: []string{"web", "office-access"},
				Covered: []api.Device{{Name: "enp1s0", ID: "eni-090d8504a820eb77c", Flows: 38700,
					GuaranteedFlows: 43690, Addresses: []string{
						"192.0.2.1", "2001:db8:1:2:216:3eff:fe12:3456", "fe80::216:3eff:fe12:3456"}}}},
			{Device: "tap-*", Mode: "guest", Groups: []string{"backup-and-monitoring"},
				Covered: []api.Device{
					{Name: "tap-customer-17", ID: "eni-0b1c2d3e4f5061728", Addresses: []string{"10.0.3.14"},
						Flows: 1300, GuaranteedFlows: 43690},
					{Name: "tap-customer-18", ID: "eni-0b1c2d3e4f5061729", Addresses: []string{"10.0.3.15"},
						GuaranteedFlows: 43690}}},
			{Device: "Wlan0", ID: "eni-0123456789abcdef0", Mode: "host", Groups: []string{"web"},
				Covered: []api.Device{}, Missing: api.MissingUnknown},
			{Device: "tun0", ID: "eni-0123456789abcdef1", Mode: "host", Groups: []string{"web"},
				Covered: []api.Device{}, Missing: api.MissingLater},
		},
		Groups: []api.GroupStatus{
			{Name: "web", ID: "sg-dbec42b9b38c5a6ae", Attached: true, Quota: 60,
				Ingress: api.Usage{IPv4: 2, IPv6: 2}, Egress: api.Usage{IPv4: 5, IPv6: 5}},
			{Name: "office-access", ID: "sg-b0fbd569f68dd0fa3", Attached: true, Quota: 60,
				Ingress: api.Usage{IPv4: 2, IPv6: 2}},
			{Name: "backup-and-monitoring", ID: "sg-0123456789abcdef0", Attached: true, Quota: 60,
				Egress: api.Usage{IPv4: 1, IPv6: 1}},
			{Name: "spare"}},
		Quotas: api.Quotas{SecurityGroups: api.QuotaStatus{Used: 4, Quota: 2500},
			SecurityGroupsPerInterface: api.QuotaStatus{Used: 2, Quota: 5},
			RulesPerSecurityGroup:      api.QuotaStatus{Used: 5, Quota: 60},
			PrefixLists:                api.QuotaStatus{Used: 1, Quota: 100},
			PrefixListEntries:          api.QuotaStatus{Used: 2, Quota: 1000},
			NetworkACLs:                api.QuotaStatus{Used: 2, Quota: 200},
			RulesPerNetworkACL:         api.QuotaStatus{Used: 5, Quota: 20}},
		PrefixLists: []api.PrefixListStatus{
			{Name: "office-ipv6", ID: "pl-fcd176cbbe14ec778", Entries: 1, MaxEntries: 2}},
		NetworkACLs: []api.NetworkACLStatus{
			{Name: "edge", ID: "acl-3d1f70c2b9e84a655", Quota: 20, Interfaces: []string{"enp1s0", "tap-*"},
				Ingress: api.Usage{IPv4: 5, IPv6: 4}, Egress: api.Usage{IPv4: 3, IPv6: 2}},
			{Name: "quarantine", ID: "acl-0123456789abcdef0", Quota: 20,
				Ingress: api.Usage{IPv4: 1, IPv6: 1},
				Egress:  api.Usage{IPv4: 1, IPv6: 1}}},
		Table: api.TableStatus{Name: "inet sgfw", Hooks: []string{"input", "forward", "output"},
			QueueExpression: "native", Owner: true, Persist: true, Reassembly: "tproxy",
			Counters: map[string]uint64{"neighbour-discovery": 12}},
		Queues: []api.QueueStatus{
			{Number: 4270, Packets: 1234567, Accepted: 1234500, Dropped: 67, KernelDropped: 2},
			{Number: 4271, Packets: 89, Accepted: 89}},
		Metrics: &api.MetricsStatus{Listen: "127.0.0.1:9455"},
		Flows: api.FlowStatus{Live: 40000, Max: 262144, HalfOpen: 12, MaxHalfOpen: 131072, Created: 98765,
			Expired: 58765},
		Verdicts: []api.VerdictCount{{Verdict: "accept", Reason: "rule", Packets: 98765},
			{Verdict: "accept", Reason: "flow", Packets: 1135824},
			{Verdict: "drop", Reason: "no-rule", Packets: 60}, {Verdict: "drop", Reason: "not-a-flow",
				Packets: 7}},
		Exemptions: []api.Exemption{{Name: "neighbour-discovery", Kind: api.KindFailsafe,
			State: api.ExemptionOn, In: "ICMPv6 133-137, hop limit 255",
			Out:     "ICMPv6 133-137, hop limit 255",
			Packets: &passed},
			{Name: "metadata", Kind: api.KindService, State: api.ExemptionOn, In: "answers from TCP 80",
				Out: "TCP 80", Addresses: []string{"169.254.169.254", "fd00:ec2::254"}, Packets: &passed}},
	}, nil
}

func (showcase) Flows(_ context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	h := api.FlowsHeader{Live: 39999, Untracked: 1}
	if q.Group == "spare" {
		h = api.FlowsHeader{}
	}
	if h.Tracking = "always"; q.Protocol == "tcp" {
		h.Tracking = "aws"
	}
	if err := begin(h); err != nil {
		return err
	}
	for i, f := range shownFlows() {
		if q.Limit > 0 && i == q.Limit || q.Port != "" || h.Live == 0 {
			break
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (showcase) Rules(_ context.Context, q api.RulesQuery) (api.RulesReply, error) {
	r := api.RulesReply{Generation: 7, Since: before(100 * time.Hour)}
	if q.Unused {
		return r, nil
	}
	at, lately := before(9*24*time.Hour), before(30*time.Second)
	lookup := api.RuleRef{ID: "sgr-ce2228cf4131c41ea", Group: "web", Direction: "egress",
		Protocol: "icmpv6", Ports: "type 128", Peer: "2001:db8:aaaa:bbbb:cccc::/80",
		Description: "Ping of whatever the monitoring of the provider wants to look at"}
	spare := api.RuleRef{ID: "sgr-894c3834276ca7d29", Group: "spare", Direction: "ingress", Index: 11,
		Protocol: "udp", Ports: "5060", Peer: "group web"}
	r.Rules = []api.RuleHits{
		{RuleRef: webRule, Attached: true, Hits: 98765, LastHit: &lately, Flows: 39000},
		{RuleRef: sshRule, Attached: true, Hits: 2, LastHit: &at, Flows: 1},
		{RuleRef: lookup, Attached: true}, {RuleRef: outRule, Attached: true, Hits: 4}, {RuleRef: spare},
		{RuleRef: oldRule, Attached: true, Hits: 812, LastHit: &at, Flows: 1},
	}
	return r, nil
}

func (showcase) Log(_ context.Context, q api.LogQuery, begin func() error,
	send func([]api.LogRecord) error) error {
	if err := begin(); err != nil {
		return err
	}
	if q.Address != "" || q.Verdict == api.VerdictAccept {
		return nil
	}
	kind, code, first := uint8(8), uint8(0), before(3*time.Hour)
	records := []api.LogRecord{
		{Type: api.LogVerdict, Time: before(26 * time.Hour), Verdict: api.VerdictDrop, Reason: "no-rule",
			Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", From: "203.0.113.9:50000",
			To: "192.0.2.1:22", TCPFlags: []string{"syn"}, Length: 60,
			Nearest: &api.Miss{Rule: sshRule, Fields: []api.Difference{
				{Field: "peer", Want: "list office-ipv6", Got: "203.0.113.9"}}}},
		{Type: api.LogVerdict, Time: before(61 * time.Second), Verdict: api.VerdictDrop,
			Reason: "no-rule", Interface: "enp1s0", Direction: "ingress", Protocol: "tcp",
			From: "[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:51234",
			To:   "[2001:db8:1:2:216:3eff:fe12:3456]:3389", TCPFlags: []string{"syn"}, Length: 80,
			Nearest: &api.Miss{Rule: webRule, Fields: []api.Difference{
				{Field: "port", Want: "443", Got: "3389"}}}},
		{Type: api.LogVerdict, Time: before(time.Second), Verdict: api.VerdictDrop, Reason: "no-rule",
			Interface: "tap-customer-17", Direction: "egress", Protocol: "icmp", From: "10.0.3.14",
			To: "192.0.2.1", ICMPType: &kind, ICMPCode: &code, Length: 84, Count: 1204, First: &first},
		{Type: api.LogVerdict, Time: before(500 * time.Millisecond), Verdict: api.VerdictDrop,
			Reason: "no-rule", Interface: "enp1s0", Direction: "egress", Protocol: "tcp",
			From: "192.0.2.1:50000", To: "198.51.100.99:587", TCPFlags: []string{"syn"}, Length: 60,
			Local: true, Process: &api.Process{Name: "unattended-upgr", PID: 1234567}},
		{Type: api.LogVerdict, Time: before(0), Verdict: api.VerdictDrop, Reason: "source-dest-check",
			Interface: "tap-customer-17", Direction: "egress", Protocol: "udp", From: "10.0.3.99:68",
			To: "10.0.3.1:67", Length: 300},
	}
	if q.Follow {
		records = append(records,
			api.LogRecord{Type: api.LogVerdict, Time: before(0), Verdict: api.VerdictAccept, Reason: "rule",
				Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", From: "198.51.100.7:50000",
				To: "192.0.2.1:443", TCPFlags: []string{"syn"}, Length: 60, Rule: &webRule},
			api.LogRecord{Type: api.LogLost, Time: before(0), Lost: &api.LogLoss{Rate: 4999, Buffer: 1}})
	}
	return send(records)
}

func (showcase) Explain(_ context.Context, q api.Query) (api.Explanation, error) {
	q.Interface, q.Direction, q.Segment = "enp1s0", "ingress", "syn"
	x := api.Explanation{Source: "/etc/sgfw/sgfw.yaml", Query: q, FlowsKnown: true,
		InterfaceID: "eni-090d8504a820eb77c", Verdict: api.VerdictDrop, Reason: "no-rule",
		View: "wire", Sees: "before any redirect (DNAT), to " + q.To,
		Detail: "no ingress rule of any attached group permits it", Code: "ENI_SG_RULES_MISMATCH",
		Groups: []api.GroupTried{{Name: "web", ID: "sg-dbec42b9b38c5a6ae", Rules: 4},
			{Name: "office-access", ID: "sg-b0fbd569f68dd0fa3", Rules: 4}},
		Misses: []api.Miss{{Rule: sshRule, Fields: []api.Difference{
			{Field: "peer", Want: "list office-ipv6 (2001:db8:c::/64)", Got: "2001:db8:d::10"}}}},
		Reply: &api.Reply{Direction: "egress", Verdict: api.VerdictDrop, Reason: "not-a-flow",
			Alone: api.VerdictDrop, AloneReason: "not-a-flow"},
		Blocks: shownBlocks(), Remedies: shownRemedies(),
		Notices: []string{"2001:db8:1:2::99 is not an address of enp1s0: explained as a forwarded " +
			"packet would be"}}
	if q.To == ":443" {
		flow := shownFlows()[0]
		x.Verdict, x.Reason, x.Rule, x.Flow = api.VerdictAccept, "flow", &webRule, &flow
		x.Detail = "it belongs to a live flow, which passes whatever the rules say now"
		x.Code, x.Misses, x.Notices, x.Blocks, x.Remedies = "", nil, nil, nil, nil
		x.Groups[0].Permits = true
		x.Tracking = &api.Tracking{Tracked: true, Clause: "setting",
			Detail: "tracked: settings.tracking is always"}
		x.Reply.Verdict, x.Reply.Reason, x.Reply.Rule = api.VerdictAccept, "flow", &webRule
	}
	if q.From == "10.0.2.5" {
		return api.Explanation{Source: x.Source, Query: api.Query{Interface: "br-customers",
			Protocol: q.Protocol, From: q.From, To: q.To}, InterfaceID: x.InterfaceID,
			Verdict: api.VerdictAccept, Reason: api.ReasonBridged,
			Detail: "both ends are behind br-customers: what they say to each other crosses no device, " +
				"and is not judged",
			Notices: []string{"if this machine routes it, as between two networks, it is judged twice: " +
				"ask with --egress and with --ingress"}}, nil
	}
	if q.About != "" {
		kind, code, id := uint8(3), uint8(1), uint16(0)
		x.Query.Interface, x.Query.Protocol, x.Query.Segment = "tap-customer-17", "icmp", ""
		x.Query.ICMPType, x.Query.ICMPCode, x.Query.ICMPID = &kind, &code, &id
		x.Query.About = "udp 10.0.3.14:50000 -> 192.0.2.53:53"
		x.View, x.Sees = "local", "before any masquerading (SNAT), from 10.0.3.1"
		x.Verdict, x.Reason, x.Rule, x.Code, x.Misses = api.VerdictAccept, "related", &outRule, "", nil
		x.Detail = "it is an ICMP error of this machine's own, and a rule of group " +
			"backup-and-monitoring permits what it is about"
		x.Notices, x.Blocks, x.Remedies = nil, nil, nil
		return x, nil
	}
	if q.From == "10.0.3.14" {
		x.Query.Interface, x.Query.Direction, x.Notices = "tap-customer-17", "egress", nil
		next := x
		next.Query.Interface, next.Query.Direction = "tap-customer-18", "ingress"
		x.Verdict, x.Reason, x.Rule, x.Code, x.Misses = api.VerdictAccept, "rule", &outRule, "", nil
		x.Detail, x.Next = "a rule of group backup-and-monitoring permits it", &next
		x.Blocks, x.Remedies = nil, nil
	}
	return x, nil
}

func (showcase) Reload(_ context.Context, q api.ReloadRequest) (api.ReloadReply, error) {
	flows := shownFlows()
	r := api.ReloadReply{DryRun: q.DryRun, Generation: 8,
		Changes: []api.Change{
			{Op: "-", Part: "group web", What: "ingress tcp 8000-9000 10.0.0.0/8",
				ID: "sgr-0123456789abcdef1"},
			{Op: "+", Part: "group office-access", What: "ingress tcp 22 2001:db8:aaaa:bbbb:cccc::/80",
				ID: "sgr-988e4e60de3de7e53"},
			{Op: "~", Part: "settings", What: "max_flows: 262144, was 65536"}},
		Orphans:  api.Orphans{Count: 1234, Flows: flows[2:3]},
		Cut:      api.Orphans{Count: 1, Flows: flows[4:]},
		SSHGuard: api.SSHGuard{Sessions: 2},
		Notices: []api.Problem{{File: "/etc/sgfw/sgfw.yaml", Line: 31, Col: 9, Severity: "notice",
			Message: "10.1.2.3/8 has bits beyond its prefix: 10.0.0.0/8 is meant",
			Hint:    "write the network itself"}},
	}
	switch {
	case q.DryRun:
		ssh, high, kind, code := uint16(22), uint16(65000), uint8(128), uint8(0)
		r.Past = &api.Past{Since: noon.Add(-754 * time.Second), Seconds: 754, Packets: 81234, Lost: 17,
			Refused: api.PastConnections{Count: 12345, List: []api.PastConnection{
				{Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", Port: &high, Count: 12344,
					Peer: "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", Last: noon, Reason: "no-rule"},
				{Interface: "br-0a1b2c3d4e5f", Direction: "egress", Protocol: "icmpv6", Type: &kind,
					Code: &code, Count: 1, Peer: "2001:db8::7", Last: noon.Add(-time.Minute),
					Reason: "network-acl, of the answer"}}},
			Admitted: api.PastConnections{Count: 1, List: []api.PastConnection{
				{Interface: "enp1s0", Direction: "ingress", Protocol: "tcp", Port: &ssh, Count: 1,
					Peer: "198.51.100.7", Last: noon, Reason: "rule"}}}}
		r.SSHGuard = api.SSHGuard{Sessions: 1, Refuses: true,
			Lockouts: []string{
				"SSH from [2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:51234 to port 22 on enp1s0"}}
	case q.Confirm > 0:
		r.Pending = &api.PendingConfirm{Deadline: noon.Add(time.Minute), Left: q.Confirm}
	case q.Revoke:
		r.Revoked = &api.Revoked{Count: 1, Flows: flows[2:3]}
	case !q.Force:
		return r, &api.Failure{Kind: api.KindInvalid, Message: "invalid", Problems: []api.Problem{
			{File: "/etc/sgfw/sgfw.yaml", Line: 3, Col: 5, Severity: "error",
				Message: `no group is called "wbe"`, Hint: "did you mean web?", Code: "InvalidGroup.NotFound"}}}
	}
	return r, nil
}

func (showcase) Confirm(context.Context, api.EndConfirmRequest) (api.ConfirmReply, error) {
	return api.ConfirmReply{Generation: 8, Orphans: api.Orphans{Flows: []api.Flow{}}}, nil
}

func (showcase) Rollback(context.Context, api.EndConfirmRequest) (api.RollbackReply, error) {
	return api.RollbackReply{Generation: 9, Changes: []api.Change{{Op: "+", Part: "group web",
		What: "ingress tcp 8000-9000 10.0.0.0/8", ID: "sgr-0123456789abcdef1"}},
		Orphans: api.Orphans{Count: 1, Flows: shownFlows()[1:2]}}, nil
}

func (showcase) Revoke(_ context.Context, q api.RevokeRequest) (api.RevokeReply, error) {
	return api.RevokeReply{DryRun: q.DryRun, Revoked: api.Revoked{Count: 1200, Permitted: 1000,
		Untracked: 1, Flows: shownFlows()}}, nil
}
