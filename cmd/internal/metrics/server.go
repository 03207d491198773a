package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"sgfw/cmd/internal/api"
)

// Path is where metrics are to be had. There is nothing else.
const Path = "/metrics"

// Bounds of the server: a client, hostile or broken, costs this much at most.
const (
	maxConnections = 16
	maxHeader      = 16 << 10 // bytes of a request header
	headerTimeout  = 5 * time.Second
	answerTimeout  = 10 * time.Second
	// idleTimeout is how long a connection waits for the next scrape.
	idleTimeout = 2 * time.Minute
	// fresh is how long what was gathered is shown: as many who ask, as often they want, cost
	// the daemon four status documents a second.
	fresh = 250 * time.Millisecond
)

// Status is asked for what to show. It is called by one goroutine at a time.
type Status func(context.Context) (api.Status, error)

// Serve answers on l until ctx ends, and closes it. It returns nil after that, and else why
// it could not go on.
func Serve(ctx context.Context, l net.Listener, status Status) error {
	return answer(ctx, l, status, patience{request: headerTimeout, answer: answerTimeout})
}

// patience is how long a client may take.
type patience struct {
	request, answer time.Duration
}

func answer(ctx context.Context, l net.Listener, status Status, p patience) error {
	srv := &http.Server{
		Handler:           &handler{status: status, names: l.Addr().Network() != "unix"},
		ReadHeaderTimeout: p.request,
		ReadTimeout:       p.request,
		WriteTimeout:      p.answer,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// What a broken client does to its connection is its own affair.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// Nobody loses anything by a scrape that is cut.
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(newLimited(l))
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("metrics: serve: %w", err)
}

// handler answers scrapes.
type handler struct {
	status Status
	// names is true where a browser could be led here by a name of its master's choice.
	names bool

	mu sync.Mutex
	// gathered is what was shown last, and at when; guarded by mu, and never changed.
	gathered []*dto.MetricFamily
	at       time.Time
}

// ServeHTTP implements [http.Handler]. What is sent is complete before the first byte: a
// client that reads slowly holds no lock.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.names && !local(r.Host):
		http.Error(w, "ask by a loopback address", http.StatusForbidden)
		return
	case r.URL.Path != Path:
		http.Error(w, "there is nothing but "+Path, http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics can be read, and nothing else", http.StatusMethodNotAllowed)
		return
	}
	list, err := h.gather(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	var body bytes.Buffer
	if err := encode(&body, format, list); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(format))
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = body.WriteTo(w) // a client that went away has nobody to be told to
}

// local reports whether a request is for a loopback address. The page of a stranger that has
// its own name lead to one asks by that name.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if name == "localhost" || name == "" {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback()
}

// gather is what there is to show now, or was a moment ago. The metrics are not to be changed.
func (h *handler) gather(ctx context.Context) ([]*dto.MetricFamily, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gathered != nil && time.Since(h.at) < fresh {
		return h.gathered, nil
	}
	status, err := h.status(ctx)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	list, err := Gather(&status)
	if err != nil {
		return nil, err
	}
	h.gathered, h.at = list, time.Now()
	return list, nil
}

// Gather makes the families of a status document. Those without a value are left out.
func Gather(s *api.Status) ([]*dto.MetricFamily, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector{s}); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	list, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return list, nil
}

// encode writes families in a format.
func encode(w io.Writer, format expfmt.Format, list []*dto.MetricFamily) error {
	e := expfmt.NewEncoder(w, format)
	for _, f := range list {
		if err := e.Encode(f); err != nil {
			return fmt.Errorf("metrics: encode %s: %w", f.GetName(), err)
		}
	}
	if c, ok := e.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return fmt.Errorf("metrics: encode: %w", err)
		}
	}
	return nil
}
