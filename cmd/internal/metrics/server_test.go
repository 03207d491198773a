package metrics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
)

// served is a server on a loopback address.
type served struct {
	at string
	// asked counts status documents, and most is how many were made at the same time at most.
	asked, now, most atomic.Int64
}

// usual is the patience of [Serve].
var usual = patience{request: headerTimeout, answer: answerTimeout}

// serve shows what status says until the test ends.
func serve(t *testing.T, status Status, p patience) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, "127.0.0.1:0", -1)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{at: l.Addr().String()}
	ended := make(chan error, 1)
	go func() {
		ended <- answer(ctx, l, func(ctx context.Context) (api.Status, error) {
			s.asked.Add(1)
			s.most.Store(max(s.most.Load(), s.now.Add(1)))
			defer s.now.Add(-1)
			return status(ctx)
		}, p)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("an ordered end: %v", err)
		}
		if c, err := net.Dial("tcp", s.at); err == nil {
			c.Close()
			t.Error("somebody listens after the end")
		}
	})
	return s
}

func fixed(s *api.Status) Status {
	return func(context.Context) (api.Status, error) { return *s, nil }
}

// ask makes a request and returns the answer.
func (s *served) ask(t *testing.T, method, target, host string, header ...string) (*http.Response,
	string) {
	t.Helper()
	c, err := net.Dial("tcp", s.at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, target, host,
		strings.Join(append(header, ""), "\r\n"))
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return r, string(body)
}

// TestServer: metrics can be read at one path, by a loopback address, and nothing else can be
// done.
func TestServer(t *testing.T) {
	s := serve(t, fixed(everything()), usual)
	for _, c := range []struct {
		method, target, host string
		want                 int
	}{
		{"GET", "/metrics", "127.0.0.1:9455", 200},
		{"GET", "/metrics", "127.0.0.1", 200},
		{"GET", "/metrics", "[::1]:9455", 200},
		{"GET", "/metrics", "localhost:9455", 200},
		{"GET", "/metrics?name[]=x", "localhost", 200},
		{"HEAD", "/metrics", "localhost", 200},
		{"GET", "/", "localhost", 404},
		{"GET", "/metrics/", "localhost", 404},
		{"GET", "/metrics/../etc/passwd", "localhost", 404},
		{"GET", "/../../etc/passwd", "localhost", 404},
		{"GET", "/%2e%2e/metrics", "localhost", 404},
		{"GET", "//metrics", "localhost", 404},
		{"GET", "/v1/status", "localhost", 404},
		{"GET", "/debug/pprof/", "localhost", 404},
		{"POST", "/metrics", "localhost", 405},
		{"PUT", "/metrics", "localhost", 405},
		{"DELETE", "/metrics", "localhost", 405},
		{"POST", "/v1/reload", "localhost", 404},
		// The page of a stranger, whose name leads here.
		{"GET", "/metrics", "rebound.example:9455", 403},
		{"GET", "/metrics", "192.0.2.1", 403},
		{"GET", "/metrics", "localhost.example", 403},
	} {
		r, body := s.ask(t, c.method, c.target, c.host)
		if r.StatusCode != c.want {
			t.Errorf("%s %s of %s: %d, want %d", c.method, c.target, c.host, r.StatusCode, c.want)
		}
		if has := strings.Contains(body, "sgfw_degraded 2"); has != (c.want == 200 && c.method == "GET") {
			t.Errorf("%s %s of %s has metrics: %t", c.method, c.target, c.host, has)
		}
	}
	r, body := s.ask(t, "GET", Path, "localhost",
		"Accept: application/openmetrics-text; version=1.0.0; charset=utf-8")
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/openmetrics-text") ||
		!strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("OpenMetrics: %s\n%s", r.Header.Get("Content-Type"), body)
	}
	if r, _ := s.ask(t, "GET", Path, "localhost"); !strings.HasPrefix(r.Header.Get("Content-Type"),
		"text/plain; version=0.0.4") {
		t.Errorf("text: %s", r.Header.Get("Content-Type"))
	}
}

// TestStatusFails: what cannot be said is an error, and tried again.
func TestStatusFails(t *testing.T) {
	fails := atomic.Bool{}
	fails.Store(true)
	s := serve(t, func(context.Context) (api.Status, error) {
		if fails.Load() {
			return api.Status{}, errors.New("not now")
		}
		return *everything(), nil
	}, usual)
	if r, body := s.ask(t, "GET", Path, "localhost"); r.StatusCode != 500 ||
		!strings.Contains(body, "not now") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	fails.Store(false)
	if r, _ := s.ask(t, "GET", Path, "localhost"); r.StatusCode != 200 {
		t.Errorf("then: %d", r.StatusCode)
	}
}

// TestManyAsk: however many ask, one status document is made at a time, and few in all.
func TestManyAsk(t *testing.T) {
	s := serve(t, func(context.Context) (api.Status, error) {
		time.Sleep(20 * time.Millisecond)
		return *everything(), nil
	}, usual)
	began := time.Now()
	var wg sync.WaitGroup
	const clients = maxConnections / 2 // each may have one that is being closed
	for range clients {
		wg.Go(func() {
			for range 20 {
				if r, body := s.ask(t, "GET", Path, "localhost"); r.StatusCode != 200 ||
					!strings.Contains(body, "sgfw_degraded 2") {
					t.Errorf("%d\n%s", r.StatusCode, body)
				}
			}
		})
	}
	wg.Wait()
	most := int64(time.Since(began)/fresh) + 1
	if n := s.asked.Load(); n < 1 || n > most || s.most.Load() != 1 {
		t.Errorf("%d scrapes made %d status documents, %d at a time; want at most %d, one by one",
			20*clients, n, s.most.Load(), most)
	}
}

// TestSlowReaders: clients that read nothing, or say nothing, keep nobody else from reading,
// and there are no more of them than there are places.
func TestSlowReaders(t *testing.T) {
	large := everything()
	for i := range 10_000 { // more than the buffers of a connection hold
		large.Interfaces[0].Covered = append(large.Interfaces[0].Covered,
			api.Device{Name: fmt.Sprintf("veth%d", i)})
	}
	// None leaves before its time, however slow the machine is.
	s := serve(t, fixed(large), patience{request: time.Hour, answer: time.Hour})
	for i := range maxConnections - 1 {
		c, err := net.Dial("tcp", s.at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", Path)
			if _, err := c.Read(make([]byte, 1)); err != nil { // the answer is under way
				t.Fatal(err)
			}
		}
	}
	if _, body := s.ask(t, "GET", Path, "localhost"); !strings.Contains(body, `device="veth9999"`) {
		t.Error("another client has no answer")
	}
	// The last place, and one more than there are.
	last := s.enter(t)
	beyond, err := net.Dial("tcp", s.at)
	if err != nil {
		t.Fatal(err)
	}
	defer beyond.Close()
	beyond.SetDeadline(time.Now().Add(5 * time.Second))
	if n, err := beyond.Read(make([]byte, 1)); n != 0 || err == nil ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection without a place: %d bytes, %v", n, err)
	}
	last.Close()
	s.enter(t).Close()
}

// enter makes a connection that is answered and reads one byte of the answer. A place that was
// left is free a moment later.
func (s *served) enter(t *testing.T) net.Conn {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", s.at)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(end)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", Path)
		if n, _ := c.Read(make([]byte, 1)); n == 1 {
			return c
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatal("there is no place")
		}
	}
}
