package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// endless is a daemon that sends the same verdict again and again.
type endless struct{ canned }

func (endless) Log(ctx context.Context, _ api.LogQuery, begin func() error,
	send func([]api.LogRecord) error) error {
	if err := begin(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := send([]api.LogRecord{{Type: api.LogVerdict, Verdict: api.VerdictDrop}}); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// TestNoRoomForOutput: output that cannot be written is a failure, also of what would go
// on for ever.
func TestNoRoomForOutput(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(context.Background())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, s.Listener, endless{}) }()
	defer func() { cancel(); <-ended }()

	example := filepath.Join("..", "..", "examples", "web-server.yaml")
	for _, args := range [][]string{
		{"check", example}, {"check", example, "-o", "json"}, {"--help"}, {"--version"}, {"version"},
		{"status"}, {"rules"}, {"flows"}, {"log", "-f"}, {"log", "-f", "-o", "json"},
	} {
		var diagnostics strings.Builder
		done := make(chan exitCode, 1)
		go func() { done <- run(append(args, "--socket", socket), full{}, &diagnostics) }()
		select {
		case code := <-done:
			if code != exitFailed || strings.Count(diagnostics.String(), "no space left") != 1 {
				t.Errorf("%q: exit %d, %s", args, code, &diagnostics)
			}
			if args[0] == "log" {
				continue
			}
			if code := run(append(args, "--socket", socket), io.Discard, io.Discard); code != exitOK {
				t.Errorf("%q with room: exit %d", args, code)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q goes on", args)
		}
	}
}
