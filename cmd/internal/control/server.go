package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
)

// Bounds of the API: a client, hostile or broken, costs this much at most.
const (
	maxBody        = 64 << 10 // bytes of a request body
	maxHeader      = 16 << 10 // bytes of a request header
	maxClients     = 16       // requests of one kind served at once, see bounded
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	// answerTimeout is generous: an answer may be a quarter of a million flows.
	answerTimeout = 60 * time.Second
)

// Backend answers the requests. Its methods are called concurrently. An error
// that is a [Failure] keeps its kind; any other is KindFailed.
type Backend interface {
	Status(context.Context) (api.Status, error)
	// Flows calls each for every live flow that the query selects, after
	// begin with the header; an error of either is returned as it is.
	Flows(ctx context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
		each func(api.Flow) error) error
	Explain(context.Context, api.Query) (api.Explanation, error)
	Reload(context.Context, api.ReloadRequest) (api.ReloadReply, error)
	// Confirm and Rollback fail if no policy waits to be confirmed.
	Confirm(context.Context, api.EndConfirmRequest) (api.ConfirmReply, error)
	Rollback(context.Context, api.EndConfirmRequest) (api.RollbackReply, error)
	Revoke(context.Context, api.RevokeRequest) (api.RevokeReply, error)
	Rules(context.Context, api.RulesQuery) (api.RulesReply, error)
	// Log calls begin once the query is understood and then send with verdicts,
	// until ctx ends if the query says Follow.
	Log(ctx context.Context, q api.LogQuery, begin func() error,
		send func([]api.LogRecord) error) error
	// Capture calls begin once the query is understood and then send with what is captured,
	// until ctx ends.
	Capture(ctx context.Context, q api.CaptureQuery, begin func() error,
		send func([]api.CapturePart) error) error
}

// Serve answers on l until ctx ends, then lets running requests finish for a
// short while. It returns nil after an ordered end.
func Serve(ctx context.Context, l net.Listener, b Backend) error {
	srv := &http.Server{
		Handler:           handler(ctx, b),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       requestTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withPeer,
		// What a broken client does to its connection is its own affair.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	srv.SetKeepAlivesEnabled(false)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err := srv.Shutdown(late)
		if err != nil {
			err = srv.Close()
		}
		stopped <- err
	})
	defer stop()
	err := srv.Serve(newLimited(l))
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return <-stopped
	}
	return fmt.Errorf("control: serve: %w", err)
}

// handler is the API, version 1. What would go on for ever ends with ctx.
func handler(ctx context.Context, b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		doc, err := b.Status(r.Context())
		doc.Schema = api.Schema
		answer(w, doc, err)
	})
	mux.HandleFunc("GET /v1/flows", func(w http.ResponseWriter, r *http.Request) {
		q, err := parseFlowQuery(r.URL.Query())
		if err != nil {
			answer(w, nil, err)
			return
		}
		streamFlows(r.Context(), w, b, q)
	})
	post(mux, "explain", b.Explain, func(d *api.Explanation) *string { return &d.Schema })
	post(mux, "preview", preview(b), func(d *api.ReloadReply) *string { return &d.Schema })
	post(mux, "reload", b.Reload, func(d *api.ReloadReply) *string { return &d.Schema })
	post(mux, "confirm", b.Confirm, func(d *api.ConfirmReply) *string { return &d.Schema })
	post(mux, "rollback", b.Rollback, func(d *api.RollbackReply) *string { return &d.Schema })
	post(mux, "revoke", b.Revoke, func(d *api.RevokeReply) *string { return &d.Schema })
	post(mux, "rules", b.Rules, func(d *api.RulesReply) *string { return &d.Schema })
	mux.HandleFunc("POST /v1/log", streamLog(ctx, b))
	mux.HandleFunc("POST /v1/capture", streamCapture(ctx, b))
	return heard(bounded(mux, guarded(mux)))
}

// heard tells at once that a request has come, whatever time its answer takes: a client
// gives a daemon up that is silent. The request of a POST is asked for, which says the
// same.
func heard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusProcessing)
		}
		h.ServeHTTP(w, r)
	})
}

// post serves a request of one document that is answered with another.
func post[Q, D any](mux *http.ServeMux, name string, do func(context.Context, Q) (D, error),
	schema func(*D) *string) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := decode(w, r, &q); err != nil {
			answer(w, nil, err)
			return
		}
		// A client that hangs up must not leave a change half done.
		doc, err := do(context.WithoutCancel(r.Context()), q)
		*schema(&doc) = api.Schema
		answer(w, doc, err)
	})
}

// readingPosts are the paths whose POST changes nothing: their request does
// not fit into a URL.
var readingPosts = []string{"/v1/explain", "/v1/rules", "/v1/log", "/v1/preview"}

// guarded lets those who may only look do no more. What is not known to look
// counts as a change.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodPost &&
			slices.Contains(readingPosts, r.URL.Path)
		if who := peerOf(r.Context()); !reads && !who.mayChange() {
			more := "change what is enforced"
			if r.URL.Path == "/v1/capture" {
				more = "see what packets carry"
			}
			fail(w, http.StatusForbidden, &api.Failure{Kind: api.KindDenied, Message: fmt.Sprintf(
				"permission denied: %s may look, and only root may %s", who, more)})
			return
		}
		h.ServeHTTP(w, r)
	})
}

// bounded serves at most maxClients requests of one kind at once of those who may only
// look, and as many of the others: no crowd of readers keeps a change, or the
// confirmation of one, from being heard, and nothing that takes its time keeps out a
// request of another kind. Who is slow to send a request takes no place meanwhile.
func bounded(mux *http.ServeMux, h http.Handler) http.Handler {
	served := places{taken: make(map[place]int)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			answer(w, nil, &api.Failure{Kind: api.KindUsage, Message: "request: " + err.Error()})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, kind := mux.Handler(r)
		at := place{kind: kind, changes: peerOf(r.Context()).mayChange()}
		if !served.take(at) {
			fail(w, http.StatusServiceUnavailable,
				&api.Failure{Kind: api.KindFailed, Message: "too many requests at once"})
			return
		}
		defer served.free(at)
		h.ServeHTTP(w, r)
	})
}

// place is what requests of one kind, and of those with one right, take.
type place struct {
	kind    string
	changes bool // whoever asks may change what is enforced
}

// places counts those that are taken.
type places struct {
	mu    sync.Mutex
	taken map[place]int
}

// take takes a place if one is left.
func (p *places) take(at place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[at] >= maxClients {
		return false
	}
	p.taken[at]++
	return true
}

func (p *places) free(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[at]--
}

// decode reads one JSON document that fills v, strictly.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &api.Failure{Kind: api.KindUsage, Message: "request: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &api.Failure{Kind: api.KindUsage, Message: "request: more than one document"}
	}
	return nil
}

// answer writes doc, or the error.
func answer(w http.ResponseWriter, doc any, err error) {
	if err != nil {
		f := asFailure(err)
		fail(w, statusOf(f.Kind), f)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The client went away: nobody is left to tell.
	_ = json.NewEncoder(w).Encode(doc)
}

func fail(w http.ResponseWriter, status int, f *api.Failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Refusal{Schema: api.Schema, Error: f})
}

// streamFlows writes the header and one flow per line, so that neither side
// holds the whole table. An error in the middle breaks the connection: the
// client sees an answer cut short and not a short answer.
func streamFlows(ctx context.Context, w http.ResponseWriter, b Backend, q api.FlowQuery) {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	begun := false
	err := b.Flows(ctx, q, func(h api.FlowsHeader) error {
		begun = true
		h.Schema = api.Schema
		w.Header().Set("Content-Type", "application/x-ndjson")
		return enc.Encode(h)
	}, func(f api.Flow) error {
		return enc.Encode(f)
	})
	if err == nil {
		err = buf.Flush()
	}
	switch {
	case err == nil:
	case begun:
		panic(http.ErrAbortHandler)
	default:
		answer(w, nil, err)
	}
}
