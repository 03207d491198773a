package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/process"
)

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
