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
)

// TestCapturesPageCaptures: the daemon is asked by every capture of docs/captures.md, of which
// none is a mistake.
func TestCapturesPageCaptures(t *testing.T) {
	page, err := os.ReadFile("../../docs/captures.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	n := 0
	for _, line := range strings.Split(string(page), "\n") {
		command, ok := strings.CutPrefix(line, "sudo sgfw capture ")
		if !ok {
			continue
		}
		n++
		command, _, _ = strings.Cut(command, " #")
		command, _, _ = strings.Cut(command, " | ")
		var said strings.Builder
		args := append([]string{"--socket", "none.sock", "capture"}, strings.Fields(command)...)
		if code := run(args, &said, &said); code != exitNoDaemon {
			t.Errorf("%s: exit %d: %s", line, code, &said)
		}
	}
	if n < 3 {
		t.Errorf("only %d commands", n)
	}
}

// rememberingDaemon answers as that of docs/captures.md.
type rememberingDaemon struct {
	control.Backend
	past api.Past
}

func (d rememberingDaemon) Reload(context.Context, api.ReloadRequest) (api.ReloadReply, error) {
	return api.ReloadReply{DryRun: true, Past: &d.past, Changes: []api.Change{{Op: "~",
		Part: "group web", What: "ingress tcp 22 198.51.100.0/24"}}}, nil
}

// TestCapturesPageLooksBack: docs/captures.md shows a dry run as it is printed.
func TestCapturesPageLooksBack(t *testing.T) {
	page, _ := replayFolder(t)
	_, screen, ok := strings.Cut(page, "$ sudo sgfw reload --dry-run\n")
	screen, _, end := strings.Cut(screen, "```")
	change, past, omits := strings.Cut(screen, "…\n")
	if !ok || !end || !omits {
		t.Fatal("the page has no dry run")
	}
	ssh, noon := uint16(22), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	try := func(peer, reason string, n uint64, last time.Time) api.PastConnections {
		return api.PastConnections{Count: n, List: []api.PastConnection{{Interface: "eth0",
			Direction: "ingress", Protocol: "tcp", Port: &ssh, Peer: peer, Count: n, Last: last,
			Reason: reason}}}
	}
	d := rememberingDaemon{past: api.Past{Seconds: 720, Packets: 1000,
		Refused:  try("198.51.100.7", "no-rule", 31, noon),
		Admitted: try("203.0.113.9", "rule", 2, noon.Add(-79*time.Second))}}
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(context.Background())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, s.Listener, d) }()
	defer func() { cancel(); <-ended }()
	var out strings.Builder
	run([]string{"--socket", socket, "reload", "--dry-run"}, &out, &out)
	if !strings.HasPrefix(out.String(), change) || !strings.Contains(out.String(), past) {
		t.Errorf("printed is\n%s\nthe page has\n%s", &out, screen)
	}
}
