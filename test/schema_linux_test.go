package test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// documentSchema reads a schema of docs/schema and makes it strict: what it does not
// name is an error, although readers must bear it.
func documentSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "schema", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var strict func(any)
	strict = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["properties"] != nil && v["type"] == "object" && v["additionalProperties"] == nil {
				v["additionalProperties"] = false
			}
			for _, inner := range v {
				strict(inner)
			}
		case []any:
			for _, inner := range v {
				strict(inner)
			}
		}
	}
	strict(doc)
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDocumentsConform has a daemon with traffic behind it print every document
// and compares each with its schema.
func TestDocumentsConform(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith(append(allowPing(), allow("tcp", inward), allow("udp", inward)), nil), "--state-dir", t.TempDir())
	far := server.IPv4()
	echoOn(t, server.Host(), port(far, inward), port(far, inward+1))
	c := dialTCP(t, client.Host(), netip.AddrPort{}, port(far, inward), patience)
	if c == nil || !talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	if !pings(t, client.Host(), client.IPv6(), server.IPv6(), patience) {
		t.Fatal("no ping")
	}
	if connects(t, client.Host(), netip.AddrPort{}, port(far, inward+1), silence/4) {
		t.Error("connected without a rule")
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fits := func(schema string, code int, args ...string) {
		t.Helper()
		out, got := d.sgfw(append(args, "-o", "json")...)
		if got != code {
			t.Errorf("sgfw %v: exit %d, want %d\n%s", args, got, code, out)
			return
		}
		s := documentSchema(t, schema)
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
	fits("check", 0, "check", d.config)
	fits("check", 3, "check", bad)
	fits("explain", 0, "explain", "-c", d.config, "--ingress", "--proto", "tcp", "--from", "192.0.2.9", "--to", ":22", "--interface", "eth0")
	fits("explain", 0, "explain", "--ingress", "--proto", "tcp", "--from", c.LocalAddr().String(), "--to", c.RemoteAddr().String())
	fits("status", 0, "status")
	fits("flows", 0, "flows")
	fits("flows", 0, "flows", "--port", "1")
	fits("rules", 0, "rules")
	fits("rules", 0, "rules", "--unused")
	fits("log", 0, "log")
	fits("doctor", 0, "doctor")
	d.write(closed)
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
	d.stop()
	fits("cleanup", 0, "cleanup")
}
