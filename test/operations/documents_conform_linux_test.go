package operations

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestDocumentsConform has a daemon with traffic behind it print every document
// and compares each with its schema.
func TestDocumentsConform(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith(append(harness.AllowPing(), harness.Allow("tcp", harness.Inward),
			harness.Allow("udp", harness.Inward)), nil), "--state-dir", t.TempDir())
	far := server.IPv4()
	harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward),
		harness.AddrPort(far, harness.Inward+1))
	c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, harness.Inward),
		harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	if !harness.Pings(t, client.Host(), client.IPv6(), server.IPv6(), harness.ArrivalTimeout) {
		t.Fatal("no ping")
	}
	if harness.Connects(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, harness.Inward+1),
		harness.SilenceTimeout/4) {
		t.Error("connected without a rule")
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fits := func(schema string, code int, args ...string) {
		t.Helper()
		out, got := d.Sgfw(append(args, "-o", "json")...)
		if got != code {
			t.Errorf("sgfw %v: exit %d, want %d\n%s", args, got, code, out)
			return
		}
		s := harness.DocumentSchema(t, schema)
		if s.Validate(map[string]any{"schema": "sgfw/v1", "invented": true}) == nil {
			t.Errorf("the schema of %s takes anything", schema)
		}
		texts := []string{out}
		if schema == "log" {
			texts = strings.Split(strings.TrimSpace(out), "\n")
		}
		for _, text := range texts {
			text, _, _ = strings.Cut(text, "\nsgfw: ") // diagnostics share the pipe
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err == nil {
				err = s.Validate(doc)
			}
			if err != nil {
				t.Errorf("sgfw %v: %v\n%s", args, err, text)
			}
		}
	}
	fits("version", 0, "version")
	fits("check", 0, "check", d.Config)
	fits("check", 3, "check", bad)
	fits("explain", 0, "explain", "-c", d.Config, "--ingress", "--proto", "tcp", "--from", "192.0.2.9",
		"--to", ":22", "--interface", "eth0")
	fits("explain", 0, "explain", "--ingress", "--proto", "tcp", "--from", "192.0.2.9", "--to", ":1")
	fits("why", 0, "why")
	fits("explain", 0, "explain", "--ingress", "--proto", "tcp", "--from", c.LocalAddr().String(),
		"--to", c.RemoteAddr().String())
	fits("status", 0, "status")
	fits("flows", 0, "flows")
	fits("flows", 0, "flows", "--port", "1")
	fits("rules", 0, "rules")
	fits("rules", 0, "rules", "--unused")
	fits("audit", 0, "audit", "--fail-on", "none")
	fits("audit", 0, "audit", "--list")
	fits("audit", 10, "audit", "--fail-on", "notice")
	fits("log", 0, "log")
	fits("doctor", 0, "doctor")
	d.Write(harness.Closed)
	fits("reload", 0, "reload", "--dry-run")
	fits("reload", 0, "reload", "--confirm", "60s")
	fits("status", 0, "status")
	fits("rollback", 0, "rollback")
	fits("reload", 0, "reload", "--confirm", "60s")
	fits("confirm", 0, "confirm")
	fits("rules", 0, "rules")
	fits("flows", 0, "flows", "--orphans")
	fits("flows-revoke", 0, "flows", "revoke", "--orphans", "--dry-run")
	fits("flows-revoke", 0, "flows", "revoke", "--orphans")
	d.Stop()
	fits("cleanup", 0, "cleanup")
}
