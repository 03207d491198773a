package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

// canned is a daemon whose answers are always the same, so that scripts can
// compare what the program makes of them.
type canned struct {
	control.Backend
}

// liveFlows are the flows of the canned daemon: an untracked one with its rule, one
// whose rule is gone, and a ping.
func liveFlows() []api.Flow {
	kind, id := uint8(8), uint16(77)
	web := &api.RuleRef{ID: "sgr-0123456789abcdef0", Group: "web", GroupID: "sg-0123456789abcdef0",
		Direction: "ingress", Index: 0, Protocol: "tcp", Ports: "443", Peer: "0.0.0.0/0"}
	gone := *web
	gone.ID, gone.Index, gone.Ports, gone.Gone = "sgr-0123456789abcdef1", 2, "22", true
	out := &api.RuleRef{Group: "web", Direction: "egress", Index: -1, Protocol: "all",
		Peer: "0.0.0.0/0"}
	return []api.Flow{
		{Interface: "eth0", Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:443",
			Remote: "198.51.100.7:50000", State: "established",
			Age: 61, Expires: 432000, Packets: api.Traffic{Ingress: 3, Egress: 4},
			Bytes: api.Traffic{Ingress: 500, Egress: 6000}, Rule: web, Clause: "both-rules"},
		{Interface: "eth0", Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:22",
			Remote: "198.51.100.9:50001", State: "established", Rule: &gone, Orphan: true, Tracked: true,
			Clause: "opening-rule"},
		{Interface: "eth0", Direction: "egress", Protocol: "icmp", Local: "192.0.2.1",
			Remote: "203.0.113.1", ICMPType: &kind, ICMPID: &id, State: "replied", Rule: out, Tracked: true,
			Clause: "setting"},
	}
}

// orphan is the flow whose rule is gone.
func orphan() api.Orphans { return api.Orphans{Count: 1, Flows: liveFlows()[1:2]} }

// cut are the untracked flow once its rule is gone, and one that a network ACL denies.
func cut() api.Orphans {
	f := liveFlows()[0]
	f.Cut = true
	denied := liveFlows()[2]
	denied.DeniedBy = &api.RuleRef{NetworkACL: "edge", Direction: "ingress", Number: 100,
		Action: "deny", Protocol: "all", Peer: "203.0.113.0/24"}
	return api.Orphans{Count: 13, Denied: 1, Flows: []api.Flow{f, denied}}
}

func (canned) Status(context.Context) (api.Status, error) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	return api.Status{
		State: api.StateDegraded, PID: 1, Version: "v1", Started: at,
		Degraded: []string{"eth1 belongs to br0"},
		Queues: []api.QueueStatus{
			{Number: 4270, Packets: 10, Accepted: 7, Dropped: 3, KernelDropped: 2}},
		Groups: []api.GroupStatus{
			{Name: "web", ID: "sg-0123456789abcdef0", Attached: true, Quota: 60}},
		PrefixLists: []api.PrefixListStatus{
			{Name: "office", ID: "pl-0123456789abcdef0", Entries: 1, MaxEntries: 2}},
		Interfaces: []api.InterfaceStatus{
			{Device: "eth*", Mode: "host", Groups: []string{"web"},
				Covered: []api.Device{{Name: "eth\x1b[31m", Addresses: []string{"192.0.2.1"}}}},
			{Device: "vm1", ID: "eni-0123456789abcdef0", Mode: "guest", Groups: []string{"web"},
				Covered: []api.Device{}, Missing: api.MissingLater},
			{Device: "E0", ID: "eni-0123456789abcdef1", Mode: "host", Groups: []string{"web"},
				Covered: []api.Device{}, Missing: api.MissingUnknown},
		},
		Warnings: []api.Problem{{Severity: "warning",
			Message: "interface E0 filters nothing: no device E0", Hint: "did you mean e0?"}},
		Policy: api.PolicyStatus{
			File: "p.yaml", Generation: 7, Loaded: at, FileDiffers: true, Watch: true, Tracking: "aws",
			Datapath:   "userspace",
			Preset:     &api.Preset{Name: "aws", Departures: []string{"icmp_errors"}},
			IDsNotKept: "the disk is full",
			Pending:    &api.PendingConfirm{Deadline: at, Left: 42},
			RolledBack: &api.RolledBack{At: at, Why: "it was not confirmed in time"},
			Failure: &api.ReloadFailure{
				At: at, By: "watch", Message: "p.yaml:1:1: bad\np.yaml:2:1: worse"},
		},
	}, nil
}

func (canned) Flows(_ context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	if q.State == "asleep" {
		return &api.Failure{Kind: api.KindUsage, Message: `state "asleep" is none of established`}
	}
	if err := begin(api.FlowsHeader{Live: 2, Untracked: 1}); err != nil {
		return err
	}
	for _, f := range liveFlows() {
		if q.Orphans && !f.Orphan || q.Protocol != "" && q.Protocol != f.Protocol {
			continue
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (canned) Explain(_ context.Context, q api.Query) (api.Explanation, error) {
	if q.From == "" {
		return api.Explanation{}, &api.Failure{Kind: api.KindUsage, Message: "from where?"}
	}
	return api.Explanation{
		Query: q, Verdict: api.VerdictDrop, Reason: "no-rule",
		Detail: "no ingress rule of any attached group permits it",
		Groups: []api.GroupTried{}, FlowsKnown: true,
	}, nil
}

func (canned) Rules(_ context.Context, q api.RulesQuery) (api.RulesReply, error) {
	at := time.Now().Add(-3 * time.Minute)
	r := api.RulesReply{Generation: 8, Since: at, Rules: []api.RuleHits{}}
	if q.Group == "nope" {
		return r, &api.Failure{Kind: api.KindUsage, Message: `no group is called "nope"`,
			Code: "InvalidGroup.NotFound"}
	}
	if q.Group == "web" || q.Group == "" {
		flows := liveFlows()
		if !q.Unused {
			r.Rules = append(r.Rules, api.RuleHits{
				RuleRef: *flows[0].Rule, Attached: true, Hits: 12, LastHit: &at, Flows: 1})
			r.Rules = append(r.Rules, api.RuleHits{RuleRef: *flows[1].Rule, Flows: 1})
		}
		r.Rules = append(r.Rules, api.RuleHits{RuleRef: *flows[2].Rule})
	}
	return r, nil
}

// Log tells of a drop, and of what was lost to those who follow; then it ends, as
// a daemon that stops.
func (canned) Log(_ context.Context, q api.LogQuery, begin func() error,
	send func([]api.LogRecord) error) error {
	if err := begin(); err != nil {
		return err
	}
	list := []api.LogRecord{{
		Type: api.LogVerdict, Time: time.Unix(1900000000, 0), Verdict: api.VerdictDrop, Reason: "no-rule",
		Interface: "eth\x1b[31m",
		Direction: "ingress", Protocol: "tcp", From: "203.0.113.9:50000", To: "192.0.2.1:22",
		TCPFlags: []string{"syn"}, Length: 60,
		Nearest: &api.Miss{Rule: *liveFlows()[0].Rule,
			Fields: []api.Difference{{Field: "ports", Want: "443", Got: "22"}}},
	}}
	if q.Follow {
		list = append(list, api.LogRecord{
			Type: api.LogLost, Time: time.Unix(1900000001, 0), Lost: &api.LogLoss{Rate: 5, Buffer: 2}})
	}
	return send(list)
}

func (canned) Reload(_ context.Context, q api.ReloadRequest) (api.ReloadReply, error) {
	r := api.ReloadReply{
		DryRun: q.DryRun, Generation: 8,
		Changes: []api.Change{{Op: "-", Part: "group web", What: "ingress tcp 22 0.0.0.0/0",
			ID: "sgr-0123456789abcdef1"}, {Op: "+", Part: "group new"}},
		Orphans: orphan(),
		Cut:     cut(),
		SSHGuard: api.SSHGuard{Sessions: 1,
			Lockouts: []string{"SSH from 198.51.100.9 to port 22 on eth0"}, Refuses: !q.Force},
		Notices: []api.Problem{{File: "p.yaml", Line: 3, Col: 5, Severity: "notice",
			Message: "host bits"}},
	}
	switch {
	case !q.Force && !q.DryRun:
		return r, &api.Failure{Kind: api.KindRefused,
			Message: "the policy would lock out a live SSH session"}
	case q.Confirm > 0:
		r.Pending = &api.PendingConfirm{Deadline: time.Now().Add(time.Minute), Left: q.Confirm}
	case q.Revoke:
		r.Revoked = &api.Revoked{Count: 1, Flows: r.Orphans.Flows}
	}
	return r, nil
}

func (canned) Confirm(_ context.Context, q api.EndConfirmRequest) (api.ConfirmReply, error) {
	if q.Revoke {
		return api.ConfirmReply{}, errors.New("no policy waits to be confirmed")
	}
	return api.ConfirmReply{Generation: 8, Orphans: api.Orphans{Flows: []api.Flow{}}}, nil
}

func (canned) Rollback(_ context.Context, q api.EndConfirmRequest) (api.RollbackReply, error) {
	r := api.RollbackReply{Generation: 9, Changes: []api.Change{}, Orphans: orphan(),
		Cut: api.Orphans{Flows: []api.Flow{}}}
	if q.Revoke {
		r.Revoked = &api.Revoked{Count: 1, Flows: r.Orphans.Flows}
	}
	return r, nil
}

func (canned) Revoke(_ context.Context, q api.RevokeRequest) (api.RevokeReply, error) {
	r := api.RevokeReply{DryRun: q.DryRun, Revoked: api.Revoked{Flows: []api.Flow{}}}
	switch {
	case q.Flows.Orphans:
		r.Revoked = api.Revoked{Count: 1, Flows: liveFlows()[1:2]}
	case q.Flows.Protocol == "tcp":
		r.Revoked = api.Revoked{Count: 2, Permitted: 1, Untracked: 1, Flows: liveFlows()[:2]}
	case q.Flows.Address != "" && !q.Force:
		return r, &api.Failure{Kind: api.KindRefused,
			Message: "the connection which you use yourself is among them"}
	}
	return r, nil
}

// TestScriptsWithADaemon runs the command lines of testdata/daemon against the
// canned daemon.
func TestScriptsWithADaemon(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "daemon"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			socket := filepath.Join(e.WorkDir, "sgfw.sock")
			e.Setenv("SOCKET", socket)
			ctx, cancel := context.WithCancel(context.Background())
			s, err := control.Listen(ctx, socket, control.NoGroup)
			if err != nil {
				cancel()
				return err
			}
			ended := make(chan error, 1)
			go func() { ended <- control.Serve(ctx, s.Listener, canned{}) }()
			e.Defer(func() {
				cancel()
				<-ended
				s.Close()
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}
