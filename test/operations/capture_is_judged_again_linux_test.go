package operations

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// replayed is what `sgfw replay -o json` prints in a line.
type replayed struct {
	Type     string
	Recorded *struct{ Verdict, Reason, Rule, Before, After string }
	Verdict  *harness.LoggedVerdict
	Summary  *struct {
		Packets, Accepted, Dropped uint64
		AsRecorded                 uint64 `json:"as_recorded"`
		Otherwise                  uint64
		Skipped                    []struct{ Cause string }
	}
}

// TestCaptureIsJudgedAgain: what a daemon captured of real packets has each packet once, with
// its verdict in the comment; replayed under the same policy each is judged as it was, and
// under another one exactly those are otherwise that it changes. tshark reads it where there
// is one.
func TestCaptureIsJudgedAgain(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	policy := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil)
	d := harness.Enforce(t, server.Host(), policy)
	dir := t.TempDir()
	file, drops := filepath.Join(dir, "all.pcapng"), filepath.Join(dir, "drops.pcapng")
	whole := beginCapture(t, d, file)
	some := beginCapture(t, d, drops, "verdict:drop", "--packets", "1")
	connections, refused := 0, 0
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward))
		if !harness.Connects(t, client.Host(), harness.AddrPort(near, harness.UnusedPort()),
			harness.AddrPort(far, harness.Inward), harness.ArrivalTimeout) {
			t.Fatal("no connection")
		}
		connections++
		if harness.Connects(t, client.Host(), harness.AddrPort(near, harness.UnusedPort()),
			harness.AddrPort(far, harness.Inward+1), harness.SilenceTimeout/2) {
			t.Error("connected without a rule")
		}
		refused++
	})
	if err := some.wait(harness.ArrivalTimeout); err != nil {
		t.Errorf("the capture of one packet: %v", err)
	}
	time.Sleep(200 * time.Millisecond) // what is on its way comes
	whole.cmd.Process.Signal(syscall.SIGINT)
	if err := whole.wait(harness.ArrivalTimeout); err != nil {
		t.Fatalf("the capture: %v", err)
	}

	begun, segments, dropped := 0, 0, 0
	var last replayed
	for _, r := range replay(d, 0, file, "-c", d.Config, "-o", "json") {
		if last = r; r.Verdict == nil {
			continue
		}
		switch v := r.Verdict; {
		case v.Reason == "rule" && v.Protocol == "tcp":
			begun++
			if r.Recorded.Before != "" || r.Recorded.After != "syn_sent" ||
				r.Recorded.Rule != "state/ingress/0" {
				t.Errorf("the SYN was recorded as %+v", r.Recorded)
			}
		case v.Reason == "flow":
			segments++
		case v.Verdict == "drop" && v.Protocol == "tcp":
			dropped++
		}
	}
	if begun != connections || segments < 4*connections || dropped < refused {
		t.Errorf("%d connections with %d segments more and %d drops, want %d and %d at least", begun,
			segments, dropped, connections, refused)
	}
	if s := last.Summary; s == nil || s.Otherwise > 0 || s.AsRecorded != s.Packets ||
		len(s.Skipped) > 0 || s.Packets == 0 {
		t.Errorf("in all: %+v", s)
	}
	if got := replay(d, 0, drops, "-c", d.Config, "-o", "json"); len(got) != 2 ||
		got[0].Verdict == nil || got[0].Verdict.Verdict != "drop" {
		t.Errorf("the capture of one drop: %+v", got)
	}

	// Another policy lets in what was refused, and refuses what was let in.
	other := filepath.Join(dir, "other.yaml")
	text := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward+1)}, nil)
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, closed := 0, 0
	for _, r := range replay(d, 6, file, "--diff", d.Config, other, "-o", "json", "proto:tcp") {
		if v := r.Verdict; v != nil && v.Verdict == "accept" {
			opened++
		} else if v != nil {
			closed++
		}
	}
	if opened != dropped || closed != begun+segments {
		t.Errorf("by the other policy %d more pass and %d fewer, want %d and %d", opened, closed, dropped,
			begun+segments)
	}

	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("no tshark here")
		return
	}
	out, err := exec.Command(tshark, "-r", file, "-Y", `frame.comment contains "reason=no-rule"`, "-T",
		"fields", "-e", "frame.comment").CombinedOutput()
	if err != nil || strings.Count(string(out), "verdict=drop") < refused {
		t.Errorf("tshark: %v\n%s", err, out)
	}
}

// capturing is a `sgfw capture` that goes on.
type capturing struct {
	cmd   *netlab.Cmd
	ended chan error
}

func beginCapture(t *testing.T, d *harness.Daemon, file string, args ...string) *capturing {
	t.Helper()
	c := &capturing{d.Host.Command(harness.Program, append([]string{"--socket", d.Socket, "capture",
		"-w", file}, args...)...), make(chan error, 1)}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	for late := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(10 * time.Millisecond) {
		if f, err := os.Stat(file); err == nil && f.Size() > 0 {
			return c
		}
		if time.Now().After(late) {
			t.Fatal("the capture does not begin")
		}
	}
}

// wait waits for the end.
func (c *capturing) wait(patience time.Duration) error {
	select {
	case err := <-c.ended:
		return err
	case <-time.After(patience):
		c.cmd.Process.Signal(syscall.SIGKILL)
		return <-c.ended
	}
}

func replay(d *harness.Daemon, code int, args ...string) (list []replayed) {
	d.T.Helper()
	out := d.Must(d.T, code, append([]string{"replay"}, args...)...)
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var r replayed
		if err := dec.Decode(&r); err != nil {
			d.T.Fatalf("%v\n%s", err, out)
		}
		list = append(list, r)
	}
	return list
}
