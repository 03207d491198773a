package metadefender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// server speaks the documented API: it refuses what it would refuse.
func server(t *testing.T, answer func(w http.ResponseWriter, addresses []string)) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Address []string }
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/v4/ip/" ||
			r.Header.Get("Content-Type") != "application/json":
			http.Error(w, "no such thing", http.StatusNotFound)
		case r.Header.Get("apikey") != "secret":
			http.Error(w, `{"error":{"code":401006,"messages":["Invalid API key"]}}`,
				http.StatusUnauthorized)
		case json.NewDecoder(r.Body).Decode(&q) != nil || len(q.Address) == 0 || len(q.Address) > Batch:
			http.Error(w, "bad", http.StatusBadRequest)
		default:
			answer(w, q.Address)
		}
	}))
	t.Cleanup(s.Close)
	return &Client{URL: s.URL + "/", Key: "secret", HTTP: s.Client(),
		Wait: func(context.Context, time.Duration) error { return nil }}
}

// say answers that addresses ending in 6 are bad.
func say(w http.ResponseWriter, addresses []string) {
	var parts []string
	for _, a := range addresses {
		n, word := 0, "trustworthy"
		if strings.HasSuffix(a, "6") {
			n, word = 1, "high risk"
		}
		parts = append(parts, fmt.Sprintf(`{"address":%q,"lookup_results":{"start_time":`+
			`"2026-06-01T00:00:00Z","detected_by":%d,"sources":[{"provider":"webroot.com",`+
			`"assessment":%q,"detect_time":"","update_time":"","status":0},{"provider":"avira.com",`+
			`"assessment":"","status":5}]}}`, a, n, word))
	}
	fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(parts, ","))
}

// print answers with a text.
func print(text string) func(http.ResponseWriter, []string) {
	return func(w http.ResponseWriter, _ []string) { fmt.Fprint(w, text) }
}

func addresses(n int) (out []netip.Addr) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{5, 6, 7, byte(i)}))
	}
	return out
}

// TestLookup: every address has its verdict, asked in batches.
func TestLookup(t *testing.T) {
	asked := 0
	c := server(t, func(w http.ResponseWriter, a []string) { asked++; say(w, a) })
	got, err := c.Lookup(t.Context(), addresses(12))
	if err != nil || len(got) != 12 || asked != 3 {
		t.Fatalf("%d verdicts, asked %d times: %v", len(got), asked, err)
	}
	for i, v := range got {
		if bad := i == 6; v.Address != addresses(12)[i] || (v.DetectedBy > 0) != bad ||
			len(v.Sources) != 2 || (v.Sources[0].Assessment == "high risk") != bad {
			t.Errorf("%+v", v)
		}
	}
}

// TestLimits: a limit of the rate is waited for, a used up quota is an error, and so is every
// answer that leaves something open.
func TestLimits(t *testing.T) {
	refuse := func(times int, header, value string) func(http.ResponseWriter, []string) {
		return func(w http.ResponseWriter, a []string) {
			if times--; times >= 0 {
				w.Header().Set(header, value)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			say(w, a)
		}
	}
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, []string)
		want   error
		text   string
	}{
		"soon":       {refuse(2, "X-RateLimit-Reset-In", "60s"), nil, ""},
		"retry":      {refuse(1, "Retry-After", "1"), nil, ""},
		"again":      {refuse(9, "Retry-After", "1"), ErrQuota, ""},
		"tomorrow":   {refuse(1, "X-RateLimit-Reset-In", "3600s"), ErrQuota, ""},
		"no comment": {print(`{"data":[]}`), nil, "says nothing"},
		"no JSON":    {print("<html>"), nil, "not understood"},
		"broken": {func(w http.ResponseWriter, _ []string) { w.WriteHeader(http.StatusBadGateway) }, nil,
			"502"},
	} {
		c := server(t, tt.answer)
		got, err := c.Lookup(t.Context(), addresses(2))
		switch {
		case tt.want == nil && tt.text == "":
			if err != nil || len(got) != 2 {
				t.Errorf("%s: %v %v", name, got, err)
			}
		case tt.want != nil && !errors.Is(err, tt.want), err == nil,
			!strings.Contains(err.Error(), tt.text), len(got) > 0:
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	c := server(t, say)
	c.Key = "wrong"
	if _, err := c.Lookup(t.Context(), addresses(1)); !errors.Is(err, ErrKey) ||
		strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong key: %v", err)
	}
}
