package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/links"
)

// watcher is a daemon that has seen something of a policy.
type watcher struct {
	control.Backend
	file string
	// started is when it began, loaded when it took its policy.
	started, loaded time.Time
}

const watched = `version: 1
security_groups:
  - name: web
    description: Pages
    ingress:
      - { description: Pages, protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
      - { description: Old, protocol: tcp, ports: 7777, cidr_blocks: [10.0.0.0/8] }
      - { description: Tools, protocol: tcp, ports: 8000-9000, cidr_blocks: [10.0.0.0/8] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [web] }
`

func (w watcher) rule(index int, ports, peer string) api.RuleRef {
	return api.RuleRef{Group: "web", Direction: "ingress", Index: index, Protocol: "tcp", Ports: ports,
		Peer: peer}
}

func (w watcher) Status(context.Context) (api.Status, error) {
	return api.Status{Schema: api.Schema, Policy: api.PolicyStatus{File: w.file,
		Loaded: w.loaded}}, nil
}

func (w watcher) Rules(context.Context, api.RulesQuery) (api.RulesReply, error) {
	return api.RulesReply{Schema: api.Schema, Since: w.started, Rules: []api.RuleHits{
		{RuleRef: w.rule(0, "443", "0.0.0.0/0"), Attached: true, Hits: 12},
		{RuleRef: w.rule(1, "7777", "10.0.0.0/8"), Attached: true},
		{RuleRef: w.rule(2, "8000-9000", "10.0.0.0/8"), Attached: true, Hits: 3},
	}}, nil
}

func (w watcher) Flows(_ context.Context, _ api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	if err := begin(api.FlowsHeader{Schema: api.Schema}); err != nil {
		return err
	}
	pages, tools := w.rule(0, "443", "0.0.0.0/0"), w.rule(2, "8000-9000", "10.0.0.0/8")
	for _, f := range []api.Flow{
		{Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:443", Remote: "5.6.7.8:50000",
			Rule: &pages},
		{Direction: "ingress", Protocol: "tcp", Local: "192.0.2.1:8080", Remote: "10.0.0.9:50000",
			Rule: &tools},
	} {
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// TestAuditOfDaemon: the policy of the running daemon, with what it has seen of it; where none
// answers that is what fails.
func TestAuditOfDaemon(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "p.yaml"), filepath.Join(dir, "s.sock")
	list := filepath.Join(dir, "bad.txt")
	for name, text := range map[string]string{file: watched, list: "5.6.7.0/24\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- control.Serve(ctx, s.Listener, watcher{file: file,
			started: noon.Add(-30 * 24 * time.Hour), loaded: noon})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		s.Close()
	})
	run := func(args ...string) (exitCode, string, string) {
		var b, e strings.Builder
		p := &program{out: &b, err: &e, now: func() time.Time { return noon },
			links: func() (links.Snapshot, error) { return links.Snapshot{}, nil }}
		return p.run(append([]string{"audit", "-o", "json"}, args...)), b.String(), e.String()
	}
	code, out, said := run("--socket", socket, "--reputation", list)
	if code != exitFindings {
		t.Fatalf("%d %s", code, said)
	}
	got := codesOf(t, out)
	for check, want := range map[string]string{"unused-rule": "[7,9] notice",
		"wider-than-used": "[8,9] notice", "bad-reputation": "[6,9] high"} {
		if got[check] != want {
			t.Errorf("%s is %q, want %q", check, got[check], want)
		}
	}
	for _, want := range []string{
		`"narrower": "- { protocol: tcp, ports: [8080], cidr_blocks: [10.0.0.0/8] }"`,
		"never hit since 2030-01-02 12:00 UTC", "a live flow with 5.6.7.8, which is in 5.6.7.0/24"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	var b, e strings.Builder
	p := &program{out: &b, err: &e, now: func() time.Time { return noon },
		links: func() (links.Snapshot, error) { return links.Snapshot{}, nil }}
	if code := p.run([]string{"audit", "--fix", "--socket", socket}); code != exitOK ||
		!strings.Contains(b.String(), "\n+      - { description: 'Tools', protocol: tcp, ports: [8080], "+
			"cidr_blocks: [10.0.0.0/8] }\n") || strings.Count(b.String(), "\n+ ") != 1 ||
		!strings.Contains(b.String(), "\n-      - { description: Old, protocol: tcp, ports: 7777, ") ||
		!strings.Contains(b.String(), "unused-rule: never hit since 2030-01-02 12:00 UTC") ||
		!strings.Contains(e.String(), "1 rule never hit since 2030-01-02 12:00 UTC: that is only 0s") ||
		!strings.Contains(e.String(), "1 rule can be narrower") {
		t.Errorf("--fix: %d %s %s", code, b.String(), e.String())
	}
	if code, _, _ = run("--socket", socket, "--fix"); code != exitUsage {
		t.Errorf("--fix -o json: %d", code)
	}
	if code, out, _ = run("--socket", filepath.Join(dir, "none.sock")); code != exitNoDaemon {
		t.Errorf("without a daemon: %d %s", code, out)
	}
}
