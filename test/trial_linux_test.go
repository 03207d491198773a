package test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/parity"
)

// anywhere lets the kernel choose where a connection comes from.
var anywhere netip.AddrPort

// trialStatus is what status says about the policy in force.
type trialStatus struct {
	Policy struct {
		Generation  uint64
		FileDiffers bool `json:"file_differs"`
		Watch       bool
		Trial       *struct {
			Deadline time.Time
			Left     int64 `json:"left_seconds"`
		}
		RolledBack *struct{ Why string } `json:"rolled_back"`
		Failure    *struct{ By, Message string }
	}
}

func (d *daemon) trial() (s trialStatus) {
	d.t.Helper()
	d.document(&s, "status")
	return s
}

// rolledBack waits until the daemon has gone back by itself.
func (d *daemon) rolledBack(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		s := d.trial().Policy
		if s.RolledBack != nil && s.Trial == nil {
			if !s.FileDiffers || s.RolledBack.Why == "" {
				t.Errorf("rolled back: %+v, want a reason, and the file to differ", s)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not rolled back: %+v", s)
		}
	}
}

// must runs a command of the program that has to end with a code.
func (d *daemon) must(t testing.TB, code int, args ...string) string {
	t.Helper()
	out, got := d.sgfw(args...)
	if got != code {
		t.Fatalf("sgfw %v: exit %d, want %d\n%s", args, got, code, out)
	}
	return out
}

// trying starts a daemon with the gate's policy and puts the opposite on trial.
// The trial begins between asked and the return.
func trying(t *testing.T, seconds string) (d *daemon, g *gate, asked time.Time) {
	t.Helper()
	_, server, g := newPair(t)
	d = enforce(t, server.Host(), gatePolicy())
	g.expect(t, "the policy of before", filtered)
	d.write(turned)
	asked = time.Now()
	if out := d.must(t, 0, "reload", "--confirm", seconds); !strings.Contains(out, "sgfw confirm") {
		t.Errorf("reload --confirm does not tell how to confirm:\n%s", out)
	}
	g.turn()
	return d, g, asked
}

func TestTrialIsConfirmed(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "6s")
	begun := time.Now()
	g.expect(t, "on trial", filtered)
	if s := d.trial().Policy; s.Trial == nil || s.Trial.Left > 6 || s.FileDiffers {
		t.Errorf("on trial: %+v", s)
	}
	d.must(t, 0, "confirm")
	time.Sleep(time.Until(begun.Add(6500 * time.Millisecond)))
	g.expect(t, "confirmed", filtered)
	if s := d.trial().Policy; s.Trial != nil || s.RolledBack != nil || s.FileDiffers {
		t.Errorf("confirmed: %+v", s)
	}
	d.must(t, 1, "confirm")
	d.must(t, 1, "rollback")
	d.kill()
	d.start()
	g.expect(t, "confirmed, after a crash", filtered)
}

func TestTrialExpires(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "5s")
	g.expect(t, "on trial", filtered)
	d.rolledBack(t)
	g.turn()
	g.expect(t, "rolled back", filtered)
	if out := d.must(t, 1, "confirm"); !strings.Contains(out, "rolled back") {
		t.Errorf("a late confirm does not say what happened:\n%s", out)
	}
	// The file still says what was rolled back: a restart does not take it.
	for range 2 {
		d.stop()
		d.start()
		g.expect(t, "rolled back, after a restart", filtered)
		if !d.trial().Policy.FileDiffers {
			t.Error("status does not say that the file differs")
		}
	}
	// Who asks for it again gets it.
	d.must(t, 0, "reload")
	g.turn()
	g.expect(t, "reloaded all the same", filtered)
	if s := d.trial().Policy; s.RolledBack != nil || s.FileDiffers {
		t.Errorf("reloaded: %+v", s)
	}
}

// TestTrialOfAClientThatIsGone asks for a trial and hangs up without waiting.
func TestTrialOfAClientThatIsGone(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "the policy of before", filtered)
	d.write(turned)
	c, err := net.Dial("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"force":false,"confirm_seconds":5}`
	fmt.Fprintf(c, "POST /v1/reload HTTP/1.1\r\nHost: sgfw\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	c.Close()
	g.turn()
	g.soon(t, "on trial", filtered)
	d.rolledBack(t)
	g.turn()
	g.expect(t, "rolled back", filtered)
}

// TestTrialOutlivesTheDaemon kills the daemon during a trial. What comes after it
// goes on with the trial for the rest of its time.
func TestTrialOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d, g, asked := trying(t, "7s")
	g.expect(t, "on trial", filtered)
	d.kill()
	// Nobody takes what the file says by now for what is on trial.
	d.write(everything)
	d.start()
	if s := d.trial().Policy; s.Trial == nil || s.Trial.Left > 7 || !s.FileDiffers {
		t.Errorf("started anew: %+v", s)
	}
	if time.Since(asked) < 4*time.Second {
		g.expect(t, "still on trial", filtered)
	}
	d.rolledBack(t)
	if took := time.Since(asked); took < 6900*time.Millisecond {
		t.Errorf("rolled back %v after the trial was asked for, want 7s", took)
	}
	g.turn()
	g.expect(t, "rolled back", filtered)
}

// TestTrialEndsWhileNoDaemonRuns: the one that starts after that has the confirmed
// policy in force from its first packet on.
func TestTrialEndsWhileNoDaemonRuns(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "4s")
	begun := time.Now()
	g.expect(t, "on trial", filtered)
	d.kill()
	time.Sleep(time.Until(begun.Add(4200 * time.Millisecond)))
	g.turn() // what the siege tries is what the policy on trial allows
	lift := g.besiege(t)
	d.start()
	g.expect(t, "rolled back at the start", filtered)
	lift()
	d.rolledBack(t)
	if !strings.Contains(d.log.String(), "rolled back") {
		t.Errorf("the log does not tell\n%s", d.log)
	}
	d.kill()
	d.start()
	g.expect(t, "after one more crash", filtered)
	// What the user writes next is taken.
	d.stop()
	d.write(turned + "# edited\n")
	d.start()
	g.turn()
	g.expect(t, "another file", filtered)
}

// TestSecondReloadDuringATrial: the latest policy is on trial, what to go back to
// is the one of before the trial.
func TestSecondReloadDuringATrial(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "60s")
	g.expect(t, "on trial", filtered)
	d.write(closed)
	d.must(t, 0, "reload")
	g.expect(t, "another one, without --confirm", shut)
	if s := d.trial().Policy; s.Trial == nil || s.Trial.Left < 30 {
		t.Errorf("a reload during a trial: %+v, want the trial to go on", s)
	}
	// An invalid one changes nothing of it.
	d.write("version: 2\n")
	d.must(t, 3, "reload", "--confirm", "1s")
	d.write(everything)
	d.must(t, 0, "reload", "--confirm", "5s")
	g.expect(t, "a third one, with a new time", open)
	d.rolledBack(t)
	g.turn()
	g.expect(t, "rolled back to the first", filtered)

	d.write(turned)
	d.must(t, 0, "reload", "--confirm", "60s")
	g.turn()
	g.expect(t, "on trial once more", filtered)
	d.must(t, 0, "rollback")
	g.turn()
	g.expect(t, "rolled back by order", filtered)
}

// TestRollBackKeepsFlows: going back is a reload as any other. Flows that only the
// policy on trial permitted go on until they are revoked.
func TestRollBackKeepsFlows(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	on := port(server.IPv4(), inward)
	echoOn(t, server.Host(), on)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "before", filtered)
	d.write(strings.Replace(gatePolicy(), "ingress: [", "ingress: ["+allow("tcp", inward)+", ", 1))
	d.must(t, 0, "reload", "--confirm", "60s")
	dial := func() net.Conn {
		t.Helper()
		c := dialTCP(t, client.Host(), anywhere, on, patience)
		if c == nil || !talks(c) {
			t.Fatal("no session on trial")
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial()
	if out := d.must(t, 0, "rollback"); !strings.Contains(out, "1 live flow") || !strings.Contains(out, "on without a rule") {
		t.Errorf("rollback does not tell of the orphan:\n%s", out)
	}
	g.expect(t, "rolled back", filtered)
	if !talks(c) {
		t.Error("the session ended with the roll-back")
	}
	d.must(t, 0, "reload", "--confirm", "60s")
	if !talks(c) {
		t.Error("the session ended with the reload")
	}
	d.must(t, 0, "rollback", "--revoke")
	if !mute(c) {
		t.Error("rollback --revoke did not cut the session")
	}
	g.expect(t, "rolled back and revoked", filtered)
}

// TestReloadDryRun says what a reload would do, with its exit codes, and changes
// nothing.
func TestReloadDryRun(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R45")
	client, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	echoOn(t, server.Host(), port(server.IPv6(), gateEcho))
	c := dialTCP(t, client.Host(), anywhere, port(server.IPv6(), gateEcho), patience)
	if c == nil || !talks(c) {
		t.Fatal("no session")
	}
	defer c.Close()
	before := d.trial().Policy.Generation
	d.write(strings.ReplaceAll(turned, fmt.Sprint("protocol: tcp, ports: ", gateEcho), fmt.Sprint("protocol: tcp, ports: ", 9)))
	var doc struct {
		DryRun     bool `json:"dry_run"`
		Generation uint64
		Changes    []struct{ Op, Part, What string }
		Orphans    struct {
			Count int
			Flows []listedFlow
		}
	}
	d.document(&doc, "reload", "--dry-run")
	if !doc.DryRun || doc.Generation != before || len(doc.Changes) < 4 {
		t.Errorf("dry run: %+v", doc)
	}
	if doc.Orphans.Count < 1 || len(doc.Orphans.Flows) != doc.Orphans.Count {
		t.Errorf("orphans: %+v", doc.Orphans)
	}
	found := false
	for _, f := range doc.Orphans.Flows {
		found = found || f.Protocol == "tcp" && f.Remote == c.LocalAddr().String() && f.Local == c.RemoteAddr().String()
	}
	if !found {
		t.Errorf("the live session is not among the orphans: %+v", doc.Orphans)
	}
	out := d.must(t, 0, "reload", "--dry-run", "--confirm", "5s")
	for _, want := range []string{
		fmt.Sprintf("  - group state: ingress udp %d 0.0.0.0/0 (sgr-", gateIn), fmt.Sprintf("  + group state: ingress udp %d 0.0.0.0/0 (sgr-", gateInNever),
		"dry run: generation", "on trial for 5s", "orphans: ", "SSH guard: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	g.expect(t, "after dry runs", filtered)
	if s := d.trial().Policy; s.Generation != before || s.Trial != nil || !s.FileDiffers {
		t.Errorf("after dry runs: %+v", s)
	}
	d.write("version: 2\n")
	d.must(t, 3, "reload", "--dry-run")

	// A session that the policy would lock out.
	ssh := port(server.IPv4(), 22)
	echoOn(t, server.Host(), ssh)
	d.reload(sshPolicy(`cidr_blocks: [0.0.0.0/0]`))
	if now := d.trial().Policy.Generation; now != before+1 {
		t.Errorf("generation %d after dry runs and a reload, want %d", now, before+1)
	}
	s := dialTCP(t, client.Host(), anywhere, ssh, patience)
	if s == nil || !talks(s) {
		t.Fatal("no SSH session")
	}
	defer s.Close()
	d.write(gatePolicy())
	if out := d.must(t, 5, "reload", "--dry-run"); !strings.Contains(out, client.IPv4().String()) || !strings.Contains(out, "dry run: ") {
		t.Errorf("it does not say who would be locked out, or not the rest:\n%s", out)
	}
	if out := d.must(t, 0, "reload", "--dry-run", "--force"); !strings.Contains(out, client.IPv4().String()) {
		t.Errorf("with --force it does not say who would be locked out:\n%s", out)
	}
	if !connects(t, client.Host(), anywhere, ssh, patience) {
		t.Error("a dry run locked the client out")
	}
}
