package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sgfw/test/netlab"
)

// ListedRule is a rule in `sgfw rules -o json`.
type ListedRule struct {
	Group, Direction, Peer, Ports string
	Index                         int
	Gone, Attached                bool
	Hits                          uint64
	Flows                         int
	LastHit                       *time.Time `json:"last_hit"`
}

// Rules lists the rules by ports and peer, such as "443 0.0.0.0/0".
func (d *Daemon) Rules(args ...string) map[string]ListedRule {
	d.T.Helper()
	var doc struct {
		Schema string
		Rules  []ListedRule
	}
	d.Document(&doc, append([]string{"rules"}, args...)...)
	if doc.Schema != "sgfw/v1" {
		d.T.Errorf("schema %q", doc.Schema)
	}
	out := make(map[string]ListedRule)
	for _, r := range doc.Rules {
		out[r.Ports+" "+r.Peer] = r
	}
	return out
}

// LoggedVerdict is a line of `sgfw log -o json`.
type LoggedVerdict struct {
	Schema, Type, Verdict, Reason, Interface, Direction, Protocol, From, To string
	Time                                                                    time.Time
	Count                                                                   uint64
	TCPFlags                                                                []string `json:"tcp_flags"`
	Rule                                                                    *ListedRule
	Nearest                                                                 *struct {
		Rule   ListedRule
		Fields []struct{ Field, Want, Got string }
	} `json:"nearest_miss"`
	Lost    *struct{ Rate, Buffer uint64 }
	Local   bool
	Process *struct {
		Name string
		PID  int
	}
}

// Follower is a running `sgfw log -f -o json`.
type Follower struct {
	t   *testing.T
	cmd *netlab.Cmd

	mu    sync.Mutex
	lines []LoggedVerdict
	raw   []json.RawMessage
	Ended chan error
}

// Follow starts to follow the log and returns once the daemon answers.
func (d *Daemon) Follow(t *testing.T, args ...string) *Follower {
	t.Helper()
	f := &Follower{t: t, Ended: make(chan error, 1)}
	f.cmd = d.Host.Command(Program,
		append([]string{"--socket", d.Socket, "log", "-f", "-o", "json"}, args...)...)
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	diagnostics, err := f.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	begun := make(chan struct{})
	readers.Go(func() {
		for lines := bufio.NewScanner(diagnostics); lines.Scan(); {
			if strings.Contains(lines.Text(), "following") {
				close(begun)
			}
		}
	})
	readers.Go(func() {
		for dec := json.NewDecoder(out); ; {
			var raw json.RawMessage
			if dec.Decode(&raw) != nil {
				return
			}
			var v LoggedVerdict
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Errorf("the log says %s: %v", raw, err)
			}
			f.mu.Lock()
			f.lines, f.raw = append(f.lines, v), append(f.raw, raw)
			f.mu.Unlock()
		}
	})
	go func() {
		readers.Wait()
		f.Ended <- f.cmd.Wait()
	}()
	t.Cleanup(func() { f.Stop() })
	select {
	case <-begun:
	case <-time.After(ArrivalTimeout):
		t.Fatal("the log does not begin")
	}
	return f
}

// Seen returns the verdicts of so far for which is holds.
func (f *Follower) Seen(is func(LoggedVerdict) bool) (out []LoggedVerdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.lines {
		if is(v) {
			out = append(out, v)
		}
	}
	return out
}

// Await waits until n verdicts were seen for which is holds.
func (f *Follower) Await(what string, n int, is func(LoggedVerdict) bool) []LoggedVerdict {
	f.t.Helper()
	for deadline := time.Now().Add(ArrivalTimeout); ; time.Sleep(5 * time.Millisecond) {
		if got := f.Seen(is); len(got) >= n {
			return got
		} else if time.Now().After(deadline) {
			f.t.Errorf("%s: %d in the log, want %d", what, len(got), n)
			return got
		}
	}
}

// Conforms compares every line with the schema.
func (f *Follower) Conforms() {
	f.t.Helper()
	s := DocumentSchema(f.t, "log")
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, raw := range f.raw {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = s.Validate(doc)
		}
		if err != nil {
			f.t.Errorf("%v\n%s", err, raw)
		}
	}
}

func (f *Follower) Stop() error {
	f.cmd.Process.Signal(syscall.SIGTERM)
	err := <-f.Ended
	f.Ended <- err
	return err
}
