package operations

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// stranger is a user who may do nothing, beside a daemon whose socket has a group.
type stranger struct {
	t       *testing.T
	d       *harness.Daemon
	program string
}

// newStranger makes what lies around the daemon open to strangers: the socket's own mode
// is what keeps them out.
func newStranger(t *testing.T, d *harness.Daemon) *stranger {
	t.Helper()
	public, err := os.MkdirTemp("", "sgfw-public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(public) })
	s := &stranger{t: t, d: d, program: filepath.Join(public, "sgfw")}
	b, err := os.ReadFile(harness.Program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	open := []string{public}
	for dir := filepath.Dir(d.Socket); dir != filepath.Clean(os.TempDir()) &&
		dir != "/"; dir = filepath.Dir(dir) {
		open = append(open, dir)
	}
	for _, dir := range open {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// ask runs a command as the user nobody in the host of the daemon.
func (s *stranger) ask(h *netlab.Host, command string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := h.CommandContext(ctx, s.program,
		append([]string{"--socket", s.d.Socket}, strings.Fields(command)...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// hears runs a command that must end with a code and say some words.
func (s *stranger) hears(what string, h *netlab.Host, code int, command string, words ...string) {
	s.t.Helper()
	out, got := s.ask(h, command)
	flat := strings.Join(strings.Fields(out), " ")
	for _, w := range words {
		if got != code || !strings.Contains(flat, w) {
			s.t.Errorf("%s: %s: exit %d, want %d and %q:\n%s", what, command, got, code, w, out)
		}
	}
	for _, never := range []string{"nothing is filtered", "no daemon is running", "enforces gen"} {
		if strings.Contains(flat, never) {
			s.t.Errorf("%s: %s claims that %q:\n%s", what, command, never, out)
		}
	}
}

// finds runs the doctor, whose finding about the daemon must say some words.
func (s *stranger) finds(what string, h *netlab.Host, words ...string) {
	s.t.Helper()
	out, code := s.ask(h, "doctor -o json")
	text, _, _ := strings.Cut(out, "\nsgfw: ")
	var doc harness.Diagnosis
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		s.t.Fatalf("%s: doctor: exit %d, %v\n%s", what, code, err, out)
	}
	if code != 1 || doc.Healthy || !doc.Says("privileges", "problem", "CAP_NET_ADMIN") ||
		!doc.Says("daemon", "note", words...) {
		s.t.Errorf("%s: the doctor does not say %q: exit %d\n%s", what, words, code, out)
	}
}

// TestOrdinaryUserHearsWhatCanBeKnown: who may not look is not told that there is nothing,
// but what can be seen all the same, and how to look.
func TestOrdinaryUserHearsWhatCanBeKnown(t *testing.T) {
	labtest.NeedsRealRoot(t, "the socket belongs to a group, and somebody else tries it")
	t.Parallel()
	const members = 61999
	client, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	here := server.Host()

	d.Start("--socket-group", strconv.Itoa(members))
	s := newStranger(t, d)
	g.Expect(t, "enforced", harness.Filtered)
	const who = "permission denied: only root and members of the group 61999 may use "
	const how = "(hint: sudo, or as a member: sudo usermod -aG 61999 $USER, and log in anew)"
	s.hears("a daemon", here, 1, "status", who+d.Socket+", on which a daemon listens "+how)
	s.hears("a daemon", here, 1, "reload", who)
	s.finds("a daemon", here, "cannot be asked", "on which a daemon listens")
	s.hears("a daemon", here, 1, "cleanup", "only root can see whether the machine is closed")
	// Of another namespace that much cannot be seen, and nobody says otherwise.
	s.hears("from elsewhere", client.Host(), 1, "status", who,
		"no process of this network namespace listens on it")

	d.Kill()
	g.Expect(t, "killed", harness.Shut)
	const died = "no process of this network namespace listens on it: its daemon is in another one, " +
		"or has died and may have left the machine closed"
	s.hears("killed", here, 1, "status", died)
	s.finds("killed", here, died)

	d.Start("--socket-group", strconv.Itoa(members))
	g.Expect(t, "started again", harness.Filtered)
	d.Stop()
	g.Expect(t, "stopped", harness.Open)
	const closed = "whether the machine is open or closed cannot be seen: only root may look " +
		"(hint: sudo sgfw status)"
	s.hears("stopped", here, 4, "status", "no sgfw daemon is running", closed)
	s.finds("stopped", here, "nobody listens on "+d.Socket,
		"whether a table of sgfw closes the machine cannot be seen")
}
