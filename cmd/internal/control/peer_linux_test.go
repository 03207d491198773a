package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
)

// TestReadersLeaveRoom: those who may only look fill their own places.
func TestReadersLeaveRoom(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{how}", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stay" {
			entered <- struct{}{}
			<-release
		}
	})
	mux.HandleFunc("GET /other/kind", func(http.ResponseWriter, *http.Request) {})
	h := bounded(mux, mux)
	ask := func(uid uint32, path string) int {
		r := httptest.NewRequest("GET", path, nil)
		r = r.WithContext(context.WithValue(r.Context(), peerKey{}, peer{uid: uid, known: true}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	const member = 54321
	var wg sync.WaitGroup
	for range maxClients {
		wg.Go(func() { ask(member, "/stay") })
		<-entered
	}
	if code := ask(member, "/go"); code != http.StatusServiceUnavailable {
		t.Errorf("one reader too many: HTTP %d, want 503", code)
	}
	if code := ask(member, "/other/kind"); code != http.StatusOK {
		t.Errorf("a request of another kind: HTTP %d, want 200", code)
	}
	if code := ask(0, "/go"); code != http.StatusOK {
		t.Errorf("root among readers: HTTP %d, want 200", code)
	}
	close(release)
	wg.Wait()
	if code := ask(member, "/go"); code != http.StatusOK {
		t.Errorf("afterwards: HTTP %d, want 200", code)
	}
}

// TestFollowersLeaveRoom: readers who follow the log do not keep root from it.
func TestFollowersLeaveRoom(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := streamLog(t.Context(), &fake{
		log: func(context.Context, api.LogQuery, func() error, func([]api.LogRecord) error) error {
			entered <- struct{}{}
			<-release
			return nil
		}})
	follow := func(uid uint32) int {
		r := httptest.NewRequest("POST", "/v1/log", strings.NewReader(`{"follow":true}`))
		w := httptest.NewRecorder()
		h(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, peer{uid: uid, known: true})))
		return w.Code
	}
	const member = 54321
	var wg sync.WaitGroup
	for range maxFollowers {
		wg.Go(func() { follow(member) })
		<-entered
	}
	if code := follow(member); code != http.StatusServiceUnavailable {
		t.Errorf("one follower too many: HTTP %d, want 503", code)
	}
	wg.Go(func() {
		if code := follow(0); code != http.StatusOK {
			t.Errorf("root among followers: HTTP %d, want 200", code)
		}
	})
	select {
	case <-entered:
	case <-time.After(10 * time.Second):
		t.Error("root does not get to the log")
	}
	close(release)
	wg.Wait()
}

// TestWhoMayDoWhat: whatever is not known to look is a change, also what a
// later version adds.
func TestWhoMayDoWhat(t *testing.T) {
	self := peer{uid: uint32(os.Geteuid()), known: true}
	root, member, unknown := peer{uid: 0, known: true}, peer{uid: 54321, known: true}, peer{}
	for _, tc := range []struct {
		who          peer
		method, path string
		want         int
	}{
		{root, "POST", "/v1/reload", http.StatusTeapot},
		{self, "POST", "/v1/reload", http.StatusTeapot},
		{member, "GET", "/v1/status", http.StatusTeapot},
		{member, "GET", "/v1/flows", http.StatusTeapot},
		{member, "POST", "/v1/explain", http.StatusTeapot},
		{member, "POST", "/v1/reload", http.StatusForbidden},
		{member, "POST", "/v1/capture", http.StatusForbidden},
		{member, "POST", "/v1/not-yet", http.StatusForbidden},
		{member, "DELETE", "/v1/explain", http.StatusForbidden},
		{unknown, "GET", "/v1/status", http.StatusTeapot},
		{unknown, "POST", "/v1/reload", http.StatusForbidden},
	} {
		reached := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
		})
		r := httptest.NewRequest(tc.method, tc.path, nil)
		r = r.WithContext(context.WithValue(r.Context(), peerKey{}, tc.who))
		w := httptest.NewRecorder()
		guarded(reached).ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s %s by %v: HTTP %d, want %d", tc.method, tc.path, tc.who, w.Code, tc.want)
		}
		if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), `"kind":"denied"`) {
			t.Errorf("%s %s by %v: %s", tc.method, tc.path, tc.who, w.Body)
		}
	}
}
