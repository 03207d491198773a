package control

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
)

// fake is a backend whose answers the test sets.
type fake struct {
	rules   func(api.RulesQuery) (api.RulesReply, error)
	log     func(context.Context, api.LogQuery, func() error, func([]api.LogRecord) error) error
	capture func(context.Context, api.CaptureQuery, func() error,
		func([]api.CapturePart) error) error
	status  api.Status
	flows   []api.Flow
	broken  error // returned by Flows after the flows
	explain func(api.Query) (api.Explanation, error)
	reload  func(api.ReloadRequest) (api.ReloadReply, error)
	// query and revoke are what was asked last.
	query  api.FlowQuery
	revoke api.RevokeRequest
}

func (f *fake) Status(context.Context) (api.Status, error) { return f.status, nil }

func (f *fake) Flows(_ context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	f.query = q
	if err := begin(api.FlowsHeader{Live: len(f.flows)}); err != nil {
		return err
	}
	for i, flow := range f.flows {
		if q.Limit > 0 && i == q.Limit {
			break
		}
		if err := each(flow); err != nil {
			return err
		}
	}
	return f.broken
}

func (f *fake) Explain(_ context.Context, q api.Query) (api.Explanation, error) {
	return f.explain(q)
}

func (f *fake) Reload(_ context.Context, q api.ReloadRequest) (api.ReloadReply, error) {
	return f.reload(q)
}

func (f *fake) Confirm(_ context.Context, q api.EndConfirmRequest) (api.ConfirmReply, error) {
	if !q.Revoke {
		return api.ConfirmReply{}, errors.New("no policy waits to be confirmed")
	}
	return api.ConfirmReply{Generation: 3, Revoked: &api.Revoked{Count: 1}}, nil
}

func (f *fake) Rollback(_ context.Context, q api.EndConfirmRequest) (api.RollbackReply, error) {
	return api.RollbackReply{Generation: 4, Changes: []api.Change{{Op: "+", Part: "group web"}}}, nil
}

func (f *fake) Revoke(_ context.Context, q api.RevokeRequest) (api.RevokeReply, error) {
	f.revoke = q
	return api.RevokeReply{DryRun: q.DryRun, Revoked: api.Revoked{Count: 2, Permitted: 1}}, nil
}

func (f *fake) Rules(_ context.Context, q api.RulesQuery) (api.RulesReply, error) {
	return f.rules(q)
}

func (f *fake) Log(ctx context.Context, q api.LogQuery, begin func() error,
	send func([]api.LogRecord) error) error {
	return f.log(ctx, q, begin, send)
}

func (f *fake) Capture(ctx context.Context, q api.CaptureQuery, begin func() error,
	send func([]api.CapturePart) error) error {
	return f.capture(ctx, q, begin, send)
}

// serve runs a server on a socket of its own until the test ends.
func serve(t *testing.T, b Backend) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "run", "sgfw.sock")
	s, err := Listen(t.Context(), path, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, s.Listener, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil after an ordered end", err)
		}
		s.Close()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("socket file after Close: %v, want none", err)
		}
	})
	return path
}

func TestStatusTravels(t *testing.T) {
	want := api.Status{State: api.StateRunning, PID: 42, Version: "v1",
		Started:  time.Unix(1700000000, 0).UTC(),
		Verdicts: []api.VerdictCount{{Verdict: api.VerdictDrop, Reason: "no-rule", Packets: 7}}}
	got, err := NewClient(serve(t, &fake{status: want})).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want.Schema = api.Schema
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestExplainTravels(t *testing.T) {
	kind := uint8(8)
	q := api.Query{Interface: "eth0", Direction: "ingress", Protocol: "icmp", From: "192.0.2.1",
		ICMPType: &kind}
	c := NewClient(serve(t, &fake{explain: func(got api.Query) (api.Explanation, error) {
		if d := cmp.Diff(q, got); d != "" {
			t.Error(d)
		}
		return api.Explanation{Verdict: api.VerdictAccept, Query: got}, nil
	}}))
	got, err := c.Explain(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(api.Explanation{Schema: api.Schema, Verdict: api.VerdictAccept, Query: q},
		got); d != "" {
		t.Error(d)
	}
}

func TestFailureKeepsItsKind(t *testing.T) {
	for _, want := range []*api.Failure{
		{Kind: api.KindInvalid, Message: "policy invalid",
			Problems: []api.Problem{{File: "p.yaml", Line: 3, Col: 5, Severity: "error",
				Message: "no such group"}}},
		{Kind: api.KindRefused, Message: "would lock out 192.0.2.1"},
		{Kind: api.KindUsage, Message: "what?"},
		{Kind: api.KindFailed, Message: "disk on fire"},
	} {
		c := NewClient(serve(t, &fake{reload: func(q api.ReloadRequest) (api.ReloadReply, error) {
			if !q.Force {
				t.Error("force got lost")
			}
			return api.ReloadReply{}, fmt.Errorf("reload: %w", want)
		}}))
		_, err := c.Reload(t.Context(), api.ReloadRequest{Force: true})
		got, ok := errors.AsType[*api.Failure](err)
		if !ok {
			t.Fatalf("error %v is not a Failure", err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

func TestFlowsStream(t *testing.T) {
	var flows []api.Flow
	for i := range 5000 {
		flows = append(flows, api.Flow{
			Interface: "eth0", Protocol: "tcp", Local: "192.0.2.1:" + strconv.Itoa(i), State: "established"})
	}
	b := &fake{flows: flows}
	c := NewClient(serve(t, b))
	read := func(q api.FlowQuery) (h api.FlowsHeader, got []api.Flow, err error) {
		err = c.Flows(t.Context(), q, func(x api.FlowsHeader) error { h = x; return nil },
			func(f api.Flow) error { got = append(got, f); return nil })
		return h, got, err
	}
	h, got, err := read(api.FlowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if h.Live != 5000 {
		t.Errorf("header says %d flows, want 5000", h.Live)
	}
	if d := cmp.Diff(flows, got); d != "" {
		t.Error(d)
	}
	if _, got, err = read(api.FlowQuery{Limit: 3}); err != nil || len(got) != 3 {
		t.Errorf("limit 3: %d flows, %v", len(got), err)
	}
	b.broken = errors.New("stopped in the middle")
	if _, _, err = read(api.FlowQuery{}); err == nil {
		t.Error("an answer that was cut short passed for a whole one")
	}
}

func TestConfirmAndRollBackTravel(t *testing.T) {
	c := NewClient(serve(t, &fake{}))
	if r, err := c.Confirm(t.Context(), api.EndConfirmRequest{Revoke: true}); err != nil ||
		r.Generation != 3 || r.Revoked == nil || r.Revoked.Count != 1 {
		t.Errorf("confirm: %+v, %v", r, err)
	}
	_, err := c.Confirm(t.Context(), api.EndConfirmRequest{})
	if f, ok := errors.AsType[*api.Failure](err); !ok || f.Kind != api.KindFailed ||
		f.Message != "no policy waits to be confirmed" {
		t.Errorf("confirm without anything to confirm: %v", err)
	}
	if r, err := c.Rollback(t.Context(), api.EndConfirmRequest{}); err != nil || r.Generation != 4 ||
		len(r.Changes) != 1 {
		t.Errorf("rollback: %+v, %v", r, err)
	}
}

// A query arrives as it was asked, each of its parts.
func TestFlowQueriesTravel(t *testing.T) {
	full := api.FlowQuery{
		Interface: "eth0", Protocol: "tcp", From: "[2001:db8::1]:5", To: ":443", Address: "192.0.2.0/24",
		Port:  "1-2",
		State: "established", Group: "a b&c=d", Rule: "web/ingress/0", Orphans: true, Limit: 7,
		Newest: true,
	}
	f := &fake{}
	c := NewClient(serve(t, f))
	none := func(api.FlowsHeader) error { return nil }
	for _, q := range []api.FlowQuery{{}, full, {Orphans: true}, {Group: "web"}} {
		if err := c.Flows(t.Context(), q, none, func(api.Flow) error { return nil }); err != nil ||
			f.query != q {
			t.Errorf("asked %+v, arrived %+v, %v", q, f.query, err)
		}
		r, err := c.Revoke(t.Context(), api.RevokeRequest{Flows: q, DryRun: true, Caller: "x"})
		if err != nil || f.revoke.Flows != q || !f.revoke.DryRun || !r.DryRun || r.Revoked.Count != 2 {
			t.Errorf("asked %+v, arrived %+v, %+v, %v", q, f.revoke, r, err)
		}
	}
	if (api.FlowQuery{Limit: 3}).All() != true || full.All() || (api.FlowQuery{Orphans: true}).All() {
		t.Error("All is wrong")
	}
}

// A selector that the daemon does not know would select too much if overlooked.
func TestUnknownSelectorsAreRefused(t *testing.T) {
	for _, v := range []string{"nonsense=1", "limit=-1", "limit=x", "orphans=perhaps",
		"address=192.0.2.1&prot=tcp"} {
		values, err := url.ParseQuery(v)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseFlowQuery(values)
		if f, ok := errors.AsType[*api.Failure](err); !ok || f.Kind != api.KindUsage {
			t.Errorf("%s: %v, want usage", v, err)
		}
	}
}
