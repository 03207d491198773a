package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// listedRule is a rule in `sgfw rules -o json`.
type listedRule struct {
	Group, Direction, Peer, Ports string
	Index                         int
	Gone, Attached                bool
	Hits                          uint64
	Flows                         int
	LastHit                       *time.Time `json:"last_hit"`
}

// rules lists the rules by ports and peer, such as "443 0.0.0.0/0".
func (d *daemon) rules(args ...string) map[string]listedRule {
	d.t.Helper()
	var doc struct {
		Schema string
		Rules  []listedRule
	}
	d.document(&doc, append([]string{"rules"}, args...)...)
	if doc.Schema != "sgfw/v1" {
		d.t.Errorf("schema %q", doc.Schema)
	}
	out := make(map[string]listedRule)
	for _, r := range doc.Rules {
		out[r.Ports+" "+r.Peer] = r
	}
	return out
}

// TestRuleHits: a rule counts exactly the connections that it admitted, and goes
// on counting over a reload; a rule that is gone is listed while it has flows.
func TestRuleHits(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", inward), allow("tcp", inward+1)}, nil))
	for _, far := range []netip.Addr{server.IPv4(), server.IPv6()} {
		echoOn(t, server.Host(), port(far, inward), port(far, inward+2))
	}
	began := time.Now()
	const times4, times6 = 7, 3
	for i := range times4 + times6 {
		far := server.IPv4()
		if i >= times4 {
			far = server.IPv6()
		}
		if !connects(t, client.Host(), netip.AddrPort{}, port(far, inward), patience) {
			t.Fatal("no connection where a rule permits it")
		}
		if i < 2 && connects(t, client.Host(), netip.AddrPort{}, port(far, inward+2), silence/4) {
			t.Error("a connection came about without a rule")
		}
	}
	v4, v6 := fmt.Sprintf("%d 0.0.0.0/0", inward), fmt.Sprintf("%d ::/0", inward)
	other := fmt.Sprintf("%d 0.0.0.0/0", inward+1)
	rules := d.rules()
	if len(rules) != 4 || rules[v4].Hits != times4 || rules[v6].Hits != times6 || rules[other].Hits != 0 {
		t.Errorf("rules %+v, want %d and %d hits, and two rules without", rules, times4, times6)
	}
	if last := rules[v4].LastHit; last == nil || last.Before(began.Add(-time.Second)) || last.After(time.Now().Add(time.Second)) || rules[other].LastHit != nil {
		t.Errorf("last hits: %v, and %v of a rule without", last, rules[other].LastHit)
	}
	if unused := d.rules("--unused"); len(unused) != 2 || unused[other].Ports == "" {
		t.Errorf("unused: %+v", unused)
	}
	if out := d.must(t, 2, "rules", "--group", "nobody"); !strings.Contains(out, "InvalidGroup.NotFound") {
		t.Errorf("of no group: %s", out)
	}

	c := dialTCP(t, client.Host(), netip.AddrPort{}, port(server.IPv4(), inward), patience)
	if c == nil || !talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	d.reload(closed)
	if gone := d.rules()[v4]; !gone.Gone || gone.Attached || gone.Hits != times4+1 || gone.Flows < 1 {
		t.Errorf("a rule that is gone with a live flow: %+v", gone)
	}
	if !talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	d.reload(policyWith([]string{allow("tcp", inward+5), allow("tcp", inward)}, nil))
	if !connects(t, client.Host(), netip.AddrPort{}, port(server.IPv4(), inward), patience) {
		t.Fatal("no connection after the rule came back")
	}
	if back := d.rules()[v4]; back.Gone || !back.Attached || back.Hits != times4+2 || back.Index != 1 {
		t.Errorf("a rule that came back at another place: %+v", back)
	}
}

// loggedVerdict is a line of `sgfw log -o json`.
type loggedVerdict struct {
	Schema, Type, Verdict, Reason, Interface, Direction, Protocol, From, To string
	Time                                                                    time.Time
	TCPFlags                                                                []string `json:"tcp_flags"`
	Rule                                                                    *listedRule
	Nearest                                                                 *struct {
		Rule   listedRule
		Fields []struct{ Field, Want, Got string }
	} `json:"nearest_miss"`
	Lost *struct{ Rate, Buffer uint64 }
}

// follower is a running `sgfw log -f -o json`.
type follower struct {
	t   *testing.T
	cmd *netlab.Cmd

	mu    sync.Mutex
	lines []loggedVerdict
	raw   []json.RawMessage
	ended chan error
}

// follow starts to follow the log and returns once the daemon answers.
func (d *daemon) follow(t *testing.T, args ...string) *follower {
	t.Helper()
	f := &follower{t: t, ended: make(chan error, 1)}
	f.cmd = d.host.Command(program, append([]string{"--socket", d.socket, "log", "-f", "-o", "json"}, args...)...)
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
			var v loggedVerdict
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
		f.ended <- f.cmd.Wait()
	}()
	t.Cleanup(func() { f.stop() })
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("the log does not begin")
	}
	return f
}

// seen returns the verdicts of so far for which is holds.
func (f *follower) seen(is func(loggedVerdict) bool) (out []loggedVerdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.lines {
		if is(v) {
			out = append(out, v)
		}
	}
	return out
}

// await waits until n verdicts were seen for which is holds.
func (f *follower) await(what string, n int, is func(loggedVerdict) bool) []loggedVerdict {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if got := f.seen(is); len(got) >= n {
			return got
		} else if time.Now().After(deadline) {
			f.t.Errorf("%s: %d in the log, want %d", what, len(got), n)
			return got
		}
	}
}

// conforms compares every line with the schema.
func (f *follower) conforms() {
	f.t.Helper()
	s := documentSchema(f.t, "log")
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

func (f *follower) stop() error {
	f.cmd.Process.Signal(syscall.SIGTERM)
	err := <-f.ended
	f.ended <- err
	return err
}

// TestLogShowsWhatHappened: drops and new connections appear as they happen, with
// the rule that decided or came nearest; packets of flows only when asked for.
func TestLogShowsWhatHappened(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", inward)}, nil))
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		echoOn(t, server.Host(), port(far, inward), port(far, inward+1))
		all, drops, others := d.follow(t, "--all"), d.follow(t, "--drop", "--proto", "tcp"), d.follow(t, "--port", "9", "--interface", "eth0")
		usual := d.follow(t)
		from, refused := port(near, freshPort()), port(near, freshPort())
		if !connects(t, client.Host(), from, port(far, inward), patience) {
			t.Fatal("no connection")
		}
		if connects(t, client.Host(), refused, port(far, inward+1), silence/2) {
			t.Error("connected without a rule")
		}
		of := func(end netip.AddrPort) func(loggedVerdict) bool {
			return func(v loggedVerdict) bool { return v.From == end.String() || v.To == end.String() }
		}
		for what, f := range map[string]*follower{"drops": drops, "usual": usual, "all": all} {
			got := f.await(what, 1, of(refused))
			if len(got) == 0 {
				continue
			}
			v := got[0]
			if v.Schema != "sgfw/v1" || v.Type != "verdict" || v.Verdict != "drop" || v.Reason != "no-rule" || v.Interface != "eth0" || v.Direction != "ingress" ||
				v.Protocol != "tcp" || v.From != refused.String() || v.To != port(far, inward+1).String() || strings.Join(v.TCPFlags, " ") != "syn" || v.Rule != nil {
				t.Errorf("%s: the drop is logged as %+v", what, v)
			}
			if n := v.Nearest; n == nil || n.Rule.Group != "state" || n.Rule.Index != 0 || len(n.Fields) != 1 ||
				n.Fields[0].Field != "port" || n.Fields[0].Want != fmt.Sprint(inward) || n.Fields[0].Got != fmt.Sprint(inward+1) {
				t.Errorf("%s: nearest to the drop: %+v", what, n)
			}
		}
		got := usual.await("the new connection", 1, of(from))
		if len(got) != 1 || got[0].Verdict != "accept" || got[0].Reason != "rule" || got[0].Rule == nil || got[0].Rule.Group != "state" {
			t.Errorf("the new connection is logged as %+v", got)
		}
		// Its handshake and a round trip are more packets of the flow.
		// Queues tell of their packets each for itself, so the order is not quite theirs.
		opening := 0
		for _, v := range all.await("packets of the connection", 5, of(from)) {
			if v.Reason == "rule" {
				opening++
			} else if v.Verdict != "accept" || v.Reason != "flow" || v.Rule == nil {
				t.Errorf("a packet of the connection is logged as %+v", v)
			}
		}
		if opening != 1 {
			t.Errorf("%d packets opened the connection", opening)
		}
		if got := drops.seen(of(from)); len(got) != 0 {
			t.Errorf("accepted, and among the drops: %+v", got)
		}
		if got := others.seen(func(loggedVerdict) bool { return true }); len(got) != 0 {
			t.Errorf("of another port: %+v", got)
		}

		all.conforms()

		// What nobody watched is remembered if it was dropped.
		out, code := d.sgfw("log", "-o", "json", "--address", refused.Addr().String(), "--port", fmt.Sprint(refused.Port()))
		if code != 0 || strings.Count(out, refused.String()) < 1 || strings.Contains(out, "accept") {
			t.Errorf("the last drops: exit %d\n%s", code, out)
		}
		if out, _ := d.sgfw("log"); !regexp.MustCompile(fmt.Sprintf(`nearest: state/ingress/0 \(sgr-[0-9a-f]{17}\) wants port %d`, inward)).MatchString(out) || strings.Contains(out, from.String()) {
			t.Errorf("the last drops for people:\n%s", out)
		}
	})
	f := d.follow(t)
	d.stop()
	if err := <-f.ended; err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("the daemon stopped: the follower ended with %v, want exit status 4", err)
	}
	f.ended <- nil
}

// TestLogUnderFlood: under a flood of forbidden datagrams a follower gets what it
// asked for and no more, and hears of the rest; traffic that is allowed passes.
func TestLogUnderFlood(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", inward)}, nil))
	echoOn(t, server.Host(), port(server.IPv4(), inward))
	forbidden := newInbox(t, server.Host(), port(server.IPv4(), inward+1))
	const rate = 20
	f := d.follow(t, "--rate", fmt.Sprint(rate))
	narrow := d.follow(t, "--proto", "tcp", "--accept", "--rate", "0")
	began := time.Now()
	flooded := []byte("forbidden datagram, one of many")
	var sent atomic.Uint64
	var stop atomic.Bool
	var flood sync.WaitGroup
	flood.Go(func() {
		c, err := client.Host().ListenPacket(t.Context(), "udp", port(client.IPv4(), 0))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		to := net.UDPAddrFromAddrPort(port(server.IPv4(), inward+1))
		for !stop.Load() {
			for range 100 {
				if _, err := c.WriteTo(flooded, to); err == nil {
					sent.Add(1)
				}
			}
			time.Sleep(2 * time.Millisecond) // below what the queue holds: allowed packets share it
		}
	})
	const connections = 30
	for i := range connections {
		if !connects(t, client.Host(), netip.AddrPort{}, port(server.IPv4(), inward), patience) {
			t.Fatalf("connection %d did not come about beside the flood", i)
		}
	}
	for time.Since(began) < 1500*time.Millisecond {
		time.Sleep(10 * time.Millisecond)
	}
	stop.Store(true)
	flood.Wait()
	if _, arrived := forbidden.has(flooded); arrived {
		t.Error("a forbidden datagram arrived")
	}
	isVerdict := func(v loggedVerdict) bool { return v.Type == "verdict" }
	isLoss := func(v loggedVerdict) bool { return v.Type == "lost" }
	// Beside those lost in the kernel, of which there should be none, all packets were
	// judged: each is shown or counted.
	total := func() (shown, lost uint64) {
		for _, v := range f.seen(isLoss) {
			lost += v.Lost.Rate + v.Lost.Buffer
		}
		return uint64(len(f.seen(isVerdict))), lost
	}
	// Some may still be in the queue, and verdicts on their way to the follower.
	var shown, lost, judged uint64
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var counts statusDocument
		d.document(&counts, "status")
		judged = 0
		for _, v := range counts.Verdicts {
			if v.Reason == "no-rule" || v.Reason == "rule" {
				judged += v.Packets
			}
		}
		if shown, lost = total(); shown+lost == judged && lost > 0 || time.Now().After(deadline) {
			break
		}
	}
	if shown+lost != judged || lost == 0 || judged < connections+rate*10 {
		t.Errorf("%d verdicts shown and %d said to be lost, of %d judged and %d sent", shown, lost, judged, sent.Load())
	}
	if most := uint64(rate * (2 + time.Since(began).Seconds())); shown > most || shown < rate {
		t.Errorf("%d verdicts shown in %v at %d a second", shown, time.Since(began), rate)
	}
	// A filter works before the flood fills the buffer.
	if got := narrow.await("new connections", connections, isVerdict); len(got) != connections || len(narrow.seen(isLoss)) != 0 {
		t.Errorf("%d new connections in the log, and losses %+v", len(got), narrow.seen(isLoss))
	}
	f.conforms()
	if err := f.stop(); err == nil {
		t.Error("a follower ended by a signal says that all is well")
	}
}
