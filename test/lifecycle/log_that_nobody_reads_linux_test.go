package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
)

// promptly is how long a daemon may take for what must not wait for its log.
const promptly = 5 * time.Second

// fullPipe is a pipe that takes no more until somebody reads it. Its writer blocks, as
// one that a daemon is started with does.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	for text := bytes.Repeat([]byte("filler\n"), 512); ; {
		_, err := unix.Write(fds[1], text)
		if errors.Is(err, unix.EAGAIN) {
			if len(text) == 1 {
				break
			}
			text = text[len(text)/2:] // what is left may be less than a page
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
	}
	r, w = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// logLost is how many lines of its log the daemon says are lost.
func logLost(t *testing.T, d *harness.Daemon) uint64 {
	t.Helper()
	var s struct {
		LogLost uint64 `json:"log_lines_lost"`
	}
	d.Document(&s, "status")
	return s.LogLost
}

// TestLogThatNobodyReads: with standard error a full pipe a daemon starts, reloads,
// answers, rolls back in time and stops; what is lost of the log is counted, and the log
// says so when somebody reads it again.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	r, w := fullPipe(t)
	d.Stderr = w
	d.Start("--log-format", "json")
	g.Expect(t, "started", harness.Filtered)

	began := time.Now()
	broken := strings.Replace(harness.GatePolicy(), "ingress: [",
		"ingress: ["+strings.Repeat("{ protocol: nonsense, ports: 1 }, ", 120), 1)
	for range 150 { // each is told in a line of some 13,000 bytes
		d.Write(broken)
		if status, _ := d.Answer("/v1/reload", `{}`); status != 422 {
			t.Fatalf("a broken policy: status %d", status)
		}
	}
	d.Write(turned)
	d.Must(t, 0, "reload", "--confirm", "2s")
	g.Turn()
	g.Expect(t, "unconfirmed", harness.Filtered)
	d.RolledBack(t)
	g.Turn()
	g.Expect(t, "rolled back", harness.Filtered)
	if took := time.Since(began); took > 4*promptly {
		t.Errorf("reloads and roll-back took %v", took)
	}
	lost := logLost(t, d)
	if lost == 0 {
		t.Error("status counts no line of the log as lost")
	}
	if out := d.Must(t, 0, "status"); !strings.Contains(out, "lost: whoever reads") {
		t.Errorf("status does not say that the log is not read:\n%s", out)
	}

	// Somebody reads again.
	var mu sync.Mutex
	var text bytes.Buffer
	go func() {
		for buf := make([]byte, 1<<16); ; {
			n, err := r.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	var told uint64
	for deadline := time.Now().Add(harness.ArrivalTimeout); told != lost; {
		told = 0
		mu.Lock()
		lines := strings.Split(text.String(), "\n")
		mu.Unlock()
		for _, line := range lines {
			var doc struct{ Lost uint64 }
			if json.Unmarshal([]byte(line), &doc) == nil {
				told += doc.Lost
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log tells of %d lost lines, status of %d", told, lost)
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.Must(t, 0, "reload", "--force")
	d.Stop()
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{`"msg":"enforcing"`, `"msg":"reloaded"`, `"msg":"stopped"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// TestLogThatNobodyReadsAtTheStop: neither a stop nor a refused start waits for it.
func TestLogThatNobodyReadsAtTheStop(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	_, d.Stderr = fullPipe(t)
	d.Start()
	g.Expect(t, "started", harness.Filtered)
	began := time.Now()
	d.Stop()
	if took := time.Since(began); took > promptly {
		t.Errorf("the stop took %v", took)
	}
	g.Expect(t, "stopped", harness.Open)
	d.Write("version: 1\nnonsense: true\nsettings: { on_failure: { gone: accept } }\n")
	began = time.Now()
	d.Refuses(3, "--state-dir", "")
	if took := time.Since(began); took > promptly {
		t.Errorf("the refusal took %v", took)
	}
}

// TestLogWithoutReader: a daemon outlives the reader of its log.
func TestLogWithoutReader(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d.Stderr = w
	d.Start()
	go io.Copy(io.Discard, io.LimitReader(r, 1))
	r.Close()
	w.Close()
	for range 3 {
		d.Must(t, 0, "reload")
	}
	g.Expect(t, "reloaded", harness.Filtered)
	if logLost(t, d) == 0 {
		t.Error("status counts no line of the log as lost")
	}
	d.Stop()
	g.Expect(t, "stopped", harness.Open)
}
