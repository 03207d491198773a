package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestAuditAsksVendor: what leaves the machine is said first, and is single public addresses
// and nothing else; a bad opinion is a finding, and every opinion is printed.
func TestAuditAsksVendor(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Address []string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("apikey") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked = append(asked, q.Address...)
		var parts []string
		for _, a := range q.Address {
			n := strings.Count(a, "5.6.7.8")
			parts = append(parts, fmt.Sprintf(`{"address":%q,"lookup_results":{"detected_by":%d,`+
				`"sources":[{"provider":"webroot.com","assessment":"opinion %d"}]}}`, a, n, n))
		}
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(parts, ","))
	}))
	defer s.Close()
	t.Chdir(t.TempDir())
	text := strings.ReplaceAll(auditPolicy, "5.6.7.0/24",
		"5.6.7.8/32, 5.6.7.9/32, 5.6.8.0/24, 192.168.0.1/32")
	if err := os.WriteFile("p.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"p.yaml", "--ignore", "open-sensitive", "--reputation", "metadefender",
		"--base-url", s.URL}
	t.Setenv("MDCLOUD_APIKEY", "")
	if code, _, said := auditing(args...); code != exitUsage || len(asked) > 0 {
		t.Errorf("without a key: %d %s", code, said)
	}
	t.Setenv("MDCLOUD_APIKEY", "wrong")
	if code, out, said := auditing(args...); code != exitFailed || out != "" ||
		strings.Contains(said, "wrong") {
		t.Errorf("with a wrong key: %d %s", code, said)
	}
	t.Setenv("MDCLOUD_APIKEY", "secret")
	code, out, said := auditing(args...)
	if got := strings.Join(asked, " "); code != exitFindings || got != "5.6.7.8 5.6.7.9" {
		t.Errorf("%d, asked about %s\n%s", code, got, said)
	}
	flat := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"5.6.7.8/32 is listed (webroot.com: opinion 1) of metadefender",
		"5.6.7.8: bad for 1 of 1 source: webroot.com opinion 1",
		"5.6.7.9: bad for 0 of 1 source: webroot.com opinion 0"} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	if !strings.Contains(said, "about 2 addresses: 5.6.7.8, 5.6.7.9") ||
		!strings.Contains(said, "not asked about 2 ranges") {
		t.Errorf("it says %s", said)
	}
}
