package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/process"
)

// fake is a backend whose answers the test sets.
type fake struct {
	rules   func(api.RulesQuery) (api.RulesReply, error)
	log     func(context.Context, api.LogQuery, func() error, func([]api.LogRecord) error) error
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

func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sgfw.sock")
	if _, err := NewClient(path).Status(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("no socket: %v, want ErrNoDaemon", err)
	}
	stale(t, path)
	if _, err := NewClient(path).Status(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("stale socket: %v, want ErrNoDaemon", err)
	} else if !strings.Contains(err.Error(), "nobody listens on "+path) {
		t.Errorf("stale socket: %v", err)
	}
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Dir(file)} {
		if _, err := NewClient(path).Status(t.Context()); !errors.Is(err, ErrNoDaemon) ||
			!strings.Contains(err.Error(), path+" is not a socket") {
			t.Errorf("no socket but something else: %v", err)
		}
	}
}

// stale leaves a socket file without a listener.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenReplacesAStaleSocketOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sgfw.sock")
	stale(t, path)
	s, err := Listen(t.Context(), path, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := fi.Mode().Perm(); got != socketMode {
		t.Errorf("mode %o, want %o", got, socketMode)
	}
	if p, held := Holder(path); !held || p.PID != os.Getpid() || !p.Network.Same(process.Own()) {
		t.Errorf("Holder = %+v, %v, want our PID and network namespace", p, held)
	}
	_, err = Listen(t.Context(), path, NoGroup)
	if !errors.Is(err, ErrRunning) ||
		!strings.Contains(err.Error(), "PID "+strconv.Itoa(os.Getpid())) {
		t.Errorf("second Listen = %v, want ErrRunning with the PID", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the refused Listen hurt the first: %v", err)
	} else {
		c.Close()
	}
	s.Close()
	if p, held := Holder(path); held {
		t.Errorf("Holder after Close = %+v", p)
	}
	s, err = Listen(t.Context(), path, NoGroup)
	if err != nil {
		t.Fatalf("Listen after Close: %v", err)
	}
	s.Close()

	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), file, NoGroup); err == nil {
		t.Error("Listen replaced a file that is no socket")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "data" {
		t.Errorf("the file is now %q, %v", b, err)
	}
}

func TestListenRefusesALongPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", maxPath))
	if _, err := Listen(t.Context(), path, NoGroup); err == nil ||
		!strings.Contains(err.Error(), "Linux allows 107") {
		t.Errorf("Listen = %v, want an error that says how long a path may be", err)
	}
}

// raw sends a request past the client.
func raw(t *testing.T, path, method, name, body string) (int, string) {
	t.Helper()
	c := NewClient(path)
	req, err := http.NewRequestWithContext(t.Context(), method, "http://sgfw/v1/"+name,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestOddRequestsAreRefused(t *testing.T) {
	path := serve(t, &fake{reload: func(api.ReloadRequest) (api.ReloadReply, error) {
		t.Error("an odd request reached the backend")
		return api.ReloadReply{}, nil
	}})
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"empty body", "POST", "reload", "", 400},
		{"unknown key", "POST", "reload", `{"force":true,"colour":"red"}`, 400},
		{"wrong type", "POST", "reload", `{"force":"yes"}`, 400},
		{"two documents", "POST", "reload", `{} {}`, 400},
		{"too long", "POST", "reload", `{"force":` + strings.Repeat(" ", maxBody) + `true}`, 400},
		{"wrong method", "GET", "reload", "", 405},
		{"unknown path", "GET", "secrets", "", 404},
		{"odd limit", "GET", "flows?limit=-1", "", 400},
	} {
		if status, body := raw(t, path, tc.method, tc.path, tc.body); status != tc.status {
			t.Errorf("%s: HTTP %d, want %d: %s", tc.name, status, tc.status, body)
		}
	}
}

func TestAtMostSoManyClients(t *testing.T) {
	entered := make(chan struct{}, maxClients)
	release := make(chan struct{})
	path := serve(t, &fake{reload: func(api.ReloadRequest) (api.ReloadReply, error) {
		entered <- struct{}{}
		<-release
		return api.ReloadReply{}, nil
	}})
	var wg sync.WaitGroup
	for range maxClients {
		wg.Go(func() {
			if _, err := NewClient(path).Reload(t.Context(), api.ReloadRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxClients {
		<-entered
	}
	if status, _ := raw(t, path, "POST", "reload", "{}"); status != http.StatusServiceUnavailable {
		t.Errorf("one client too many: HTTP %d, want 503", status)
	}
	if status, _ := raw(t, path, "GET", "status", ""); status != http.StatusOK {
		t.Errorf("a request of another kind: HTTP %d, want 200", status)
	}
	close(release)
	wg.Wait()
	if status, _ := raw(t, path, "POST", "reload", "{}"); status != http.StatusOK {
		t.Errorf("afterwards: HTTP %d, want 200", status)
	}
}

// TestSlowRequests: who is slow to send a request keeps nobody out.
func TestSlowRequests(t *testing.T) {
	path := serve(t, &fake{reload: func(api.ReloadRequest) (api.ReloadReply, error) {
		return api.ReloadReply{}, nil
	}})
	for i := range 40 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		request := "POST /v1/reload HTTP/1.1\r\nHost: sgfw\r\nContent-Length: 2\r\n\r\n{"
		if i%2 == 0 {
			request = "GET /v1/status HTTP/1.1\r\nHost: sgfw\r\nContent-Length: 2\r\n\r\n{"
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 { // they may take their time to arrive
		for _, r := range [][3]string{{"GET", "status", ""}, {"POST", "reload", "{}"}} {
			if status, body := raw(t, path, r[0], r[1], r[2]); status != http.StatusOK {
				t.Fatalf("%s beside slow requests: HTTP %d, want 200: %s", r[1], status, body)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAStrangerOnTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sgfw.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/status" {
			fmt.Fprint(w, `{"schema":"sgfw/v9","pid":1}`)
			return
		}
		http.Error(w, "no", http.StatusTeapot)
	})}
	go srv.Serve(l)
	defer srv.Close()
	c := NewClient(path)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrProtocol) {
		t.Errorf("other schema: %v, want ErrProtocol", err)
	}
	if _, err := c.Reload(t.Context(), api.ReloadRequest{}); !errors.Is(err, ErrProtocol) {
		t.Errorf("other error body: %v, want ErrProtocol", err)
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
