package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/source"
)

// TestAuditOfPipedPolicy: the policy of a daemon that read it from a pipe is in no file that
// could be read again.
func TestAuditOfPipedPolicy(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(t.Context())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, s.Listener, watcher{file: source.StdinName}) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		s.Close()
	})
	for _, flag := range []string{"--fail-on=none", "--fix"} {
		var b, e strings.Builder
		p := &program{out: &b, err: &e}
		if code := p.run([]string{"audit", "--socket", socket, flag}); code != exitFailed ||
			b.Len() > 0 || !strings.Contains(e.String(), "came through a pipe") ||
			!strings.Contains(e.String(), "sgfw audit FILE") {
			t.Errorf("%s: %d %s%s", flag, code, b.String(), e.String())
		}
	}
}
