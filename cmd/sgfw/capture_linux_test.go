package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/pcap"
)

// capturingDaemon sends a device, two packets and what was lost, and then waits.
type capturingDaemon struct {
	control.Backend
	asked chan api.CaptureQuery
}

func (d capturingDaemon) Capture(ctx context.Context, q api.CaptureQuery, begin func() error,
	send func([]api.CapturePart) error) error {
	d.asked <- q
	if err := begin(); err != nil {
		return err
	}
	packet := func(verdict string) api.CapturePart {
		return api.CapturePart{Type: api.CapturePacket, In: "eth0", Hook: 1, Data: []byte{0x45, 0},
			Verdict: &api.LogRecord{Time: replayBegin, Verdict: verdict, Reason: "rule", Length: 99}}
	}
	if err := send([]api.CapturePart{{Type: api.CaptureDevice, Device: "eth0"},
		packet("accept"), {Type: api.CaptureLost, Lost: 1234}, packet("drop")}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// TestCapture: what the daemon sends is in the file, for whoever runs the command alone, and
// what was lost is said.
func TestCapture(t *testing.T) {
	socket, file := filepath.Join(t.TempDir(), "s.sock"), filepath.Join(t.TempDir(), "x.pcapng")
	ctx, cancel := context.WithCancel(context.Background())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	d := capturingDaemon{asked: make(chan api.CaptureQuery, 8)}
	go func() { ended <- control.Serve(ctx, s.Listener, d) }()
	defer func() { cancel(); <-ended }()

	var out, said strings.Builder
	args := []string{"--socket", socket, "capture", "--snap", "100", "-n", "2", "-proto:icmp"}
	if code := run(append(args, "-w", file), &out, &said); code != exitOK || out.Len() > 0 ||
		!strings.Contains(said.String(), "(2 packets captured, 1,234 lost)") ||
		!strings.Contains(said.String(), "1,234 packets came too fast") {
		t.Errorf("exit %d: %s%s", code, &out, &said)
	}
	if q := <-d.asked; q.Snap != 100 || q.Where != "-proto:icmp" {
		t.Errorf("the daemon was asked %+v", q)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", fi, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	said.Reset()
	if code := run(append(args, "-w", "-"), &out, &said); code != exitOK || out.String() != string(b) {
		t.Errorf("to standard output: exit %d: %d bytes, want %d", code, out.Len(), len(b))
	}
	r, err := pcap.NewReader(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"verdict=accept", "verdict=drop"} {
		p, err := r.Next()
		if err != nil || p.Length != 99 || !strings.Contains(p.Comment, want) ||
			r.Interface(p.Interface).Name != "eth0" || r.Interface(p.Interface).Snap != 100 {
			t.Errorf("%+v, %v, want %s", p, err, want)
		}
	}
}

// TestCaptureFile: a file that is there is emptied and closed to others, a link leads nowhere,
// and a pipe is written to as it is.
func TestCaptureFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, err := range []error{os.WriteFile("old", []byte("what was there"), 0o600),
		os.Chmod("old", 0o644), os.WriteFile("other", []byte("mine"), 0o644),
		os.Symlink("other", "link"), os.Symlink("none", "dangling"), unix.Mkfifo("pipe", 0o600),
		os.Chmod("pipe", 0o622)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"old", "new"} {
		f, err := captureFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if fi, err := os.Stat(name); err != nil || fi.Mode() != 0o600 || fi.Size() != 0 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
	for _, name := range []string{"link", "dangling"} {
		if _, err := captureFile(name); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, _ := os.ReadFile("other"); string(text) != "mine" {
		t.Errorf("what the link leads to has become %q", text)
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("a link has made a file")
	}
	reader, err := os.OpenFile("pipe", os.O_RDWR, 0) // so that nobody waits
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f, err := captureFile("pipe")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if fi, err := os.Stat("pipe"); err != nil || fi.Mode().Perm() != 0o622 {
		t.Errorf("the pipe: %v, %v", fi, err)
	}
}

// TestCaptureMisused: what cannot be captured is said before a file is touched.
func TestCaptureMisused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args []string
		code exitCode
		said string
	}{
		{nil, exitUsage, "where are packets written to"},
		{[]string{"-w", "x", "--snap", "10"}, exitUsage, "from 64 to 512"},
		{[]string{"-w", "x", "--for", "-1s"}, exitUsage, "cannot be negative"},
		{[]string{"-w", "x", "prot:tcp"}, exitUsage, "did you mean port?"},
		{[]string{"-w", "x", "reason:nothing"}, exitUsage, `"nothing" is none of`},
		{[]string{"-w", "x"}, exitNoDaemon, ""},
	} {
		var said strings.Builder
		code := run(append([]string{"--socket", "none.sock", "capture"}, c.args...), &said, &said)
		if code != c.code || !strings.Contains(said.String(), c.said) {
			t.Errorf("%v: exit %d: %s", c.args, code, &said)
		}
		if _, err := os.Stat("x"); err == nil {
			t.Fatalf("%v made a file", c.args)
		}
	}
}
