package operations

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestStoppedDaemonIsNamed: no command waits for a daemon that is stopped. All of them
// say which process it is and how it goes on, and what they asked for does not happen
// once it does.
func TestStoppedDaemonIsNamed(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "enforced", harness.Filtered)
	d.Must(t, 0, "reload", "--confirm", "1h")
	var before, after struct {
		Policy struct {
			Generation uint64
			Trial      struct{ Deadline time.Time }
		}
	}
	d.Document(&before, "status")
	d.Write(harness.AllowAll)

	pid := d.Cmd.Process.Pid
	if err := d.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(readFile(t, fmt.Sprintf("/proc/%d/stat", pid)), ") T ") {
		time.Sleep(time.Millisecond)
	}
	g.Expect(t, "stopped", harness.Shut)
	var wg sync.WaitGroup
	for _, line := range []string{
		"status", "status -o json", "flows", "rules", "log", "log -f", "reload --dry-run",
		"explain --ingress --proto tcp --from 192.0.2.9 --to :22",
		"reload", "reload --force", "confirm", "rollback", "flows revoke --orphans",
	} {
		wg.Go(func() {
			begun := time.Now()
			out, code := d.Sgfw(strings.Fields(line)...)
			took := time.Since(begun)
			if code != 4 || !strings.Contains(out, fmt.Sprintf(
				"PID %d, does not answer: it is stopped, state T (hint: sudo kill -CONT %d", pid, pid)) {
				t.Errorf("%s: exit %d\n%s", line, code, out)
			}
			if strings.Contains(line, "json") && !strings.Contains(out, `"kind": "no-daemon"`) {
				t.Errorf("%s: no document says that no daemon answers:\n%s", line, out)
			}
			if took > 6*time.Second {
				t.Errorf("%s: it took %v", line, took)
			}
		})
	}
	wg.Wait()
	here := d.Examined(t, "-c", d.Config)
	stray := harness.Prepare(t, client.Host(), harness.Closed)
	stray.Socket = d.Socket
	const elsewhere = "is in another network namespace"
	if doc := stray.Examined(t, "-c", stray.Config); !doc.Says("daemon", "problem", "it is stopped",
		elsewhere) || !doc.Says("daemon", "note", "nothing is filtered in this network namespace") ||
		doc.Healthy {
		t.Errorf("the doctor elsewhere: %+v", doc)
	}
	if !here.Says("daemon", "problem", "it is stopped") || here.Says("daemon", "problem", elsewhere) {
		t.Errorf("the doctor beside it: %+v", here)
	}

	if err := d.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.Document(&after, "status")
	if after != before || before.Policy.Trial.Deadline.IsZero() {
		t.Errorf("what was given up has changed something: %+v, before %+v", after, before)
	}
	g.Expect(t, "it goes on", harness.Filtered)
	d.Must(t, 0, "reload")
	g.Expect(t, "reloaded", harness.Open)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
