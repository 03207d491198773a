package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
)

func TestRulesTravel(t *testing.T) {
	q := api.RulesQuery{Group: "web", Unused: true}
	last := time.Unix(1700000000, 0).UTC()
	want := api.RulesReply{Generation: 3, Since: last, Rules: []api.RuleHits{
		{RuleRef: api.RuleRef{Group: "web", Direction: "ingress", Index: 2, Protocol: "tcp", Ports: "443",
			Peer: "0.0.0.0/0"}, Hits: 7, LastHit: &last, Flows: 1, Attached: true},
	}}
	c := NewClient(serve(t, &fake{rules: func(got api.RulesQuery) (api.RulesReply, error) {
		if got != q {
			t.Errorf("asked %+v, want %+v", got, q)
		}
		return want, nil
	}}))
	got, err := c.Rules(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want.Schema = api.Schema
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// verdicts are some that travel.
func verdicts(n int) []api.LogRecord {
	var out []api.LogRecord
	for i := range n {
		out = append(out, api.LogRecord{
			Type: api.LogVerdict, Verdict: api.VerdictDrop, Reason: "no-rule", Length: uint32(i)})
	}
	return out
}

func TestLogTravels(t *testing.T) {
	broken := errors.New("no more")
	for _, fails := range []error{nil, broken} {
		c := NewClient(serve(t, &fake{
			log: func(_ context.Context, q api.LogQuery, begin func() error,
				send func([]api.LogRecord) error) error {
				if q.Limit != 5 || q.Follow {
					t.Errorf("asked %+v", q)
				}
				return errors.Join(begin(), send(verdicts(3)), send(nil), send(verdicts(2)), fails)
			}}))
		begun, n := 0, 0
		err := c.Log(t.Context(), api.LogQuery{Limit: 5}, func() error { begun++; return nil },
			func(r api.LogRecord) error {
				if n++; r.Schema != api.Schema || r.Reason != "no-rule" {
					t.Errorf("record %+v", r)
				}
				return nil
			})
		if begun != 1 || n != 5 || (err == nil) != (fails == nil) {
			t.Errorf("begun %d times, %d records, %v; the backend said %v", begun, n, err, fails)
		}
	}
}

// A log that is followed arrives while it goes on, ends when its reader goes, and
// ends with an error that tells when the daemon stops.
func TestLogFollows(t *testing.T) {
	ended := make(chan error, 1)
	backend := &fake{log: func(ctx context.Context, _ api.LogQuery, begin func() error,
		send func([]api.LogRecord) error) error {
		err := errors.Join(begin(), send(verdicts(1)))
		<-ctx.Done()
		ended <- err
		return nil
	}}
	c := NewClient(serve(t, backend))
	ctx, cancel := context.WithCancel(t.Context())
	nothing := func() error { return nil }
	if err := c.Log(ctx, api.LogQuery{Follow: true}, nothing,
		func(api.LogRecord) error { cancel(); return nil }); err != nil {
		t.Errorf("ended by its reader: %v", err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the backend goes on without a reader")
	}

	path := make(chan string)
	serverEnds := make(chan struct{})
	go func() {
		s, err := Listen(t.Context(), t.TempDir()+"/s.sock", NoGroup)
		if err != nil {
			t.Error(err)
			close(path)
			return
		}
		defer s.Close()
		ctx, stop := context.WithCancel(context.Background())
		go func() { <-serverEnds; stop() }()
		path <- s.Listener.Addr().String()
		if err := Serve(ctx, s.Listener, backend); err != nil {
			t.Errorf("Serve = %v with a follower", err)
		}
	}()
	err := NewClient(<-path).Log(t.Context(), api.LogQuery{Follow: true}, nothing,
		func(api.LogRecord) error { close(serverEnds); return nil })
	if !errors.Is(err, ErrNoDaemon) {
		t.Errorf("the daemon stopped: %v, want ErrNoDaemon", err)
	}
	<-ended
}

// Followers leave room for other requests.
func TestFollowersAreBounded(t *testing.T) {
	c := NewClient(serve(t, &fake{
		log: func(ctx context.Context, _ api.LogQuery, begin func() error,
			_ func([]api.LogRecord) error) error {
			err := begin()
			<-ctx.Done()
			return err
		}}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, maxFollowers)
	defer func() {
		cancel()
		for range maxFollowers {
			<-done
		}
	}()
	begun := make(chan struct{})
	for range maxFollowers {
		go func() {
			done <- c.Log(ctx, api.LogQuery{Follow: true}, func() error { begun <- struct{}{}; return nil },
				func(api.LogRecord) error { return nil })
		}()
		<-begun
	}
	err := c.Log(ctx, api.LogQuery{Follow: true}, func() error { return nil }, nil)
	if _, ok := errors.AsType[*api.Failure](err); !ok {
		t.Errorf("one follower too many: %v", err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("status beside followers: %v", err)
	}
}
