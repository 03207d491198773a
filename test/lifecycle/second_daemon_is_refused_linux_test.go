package lifecycle

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
)

// TestSecondDaemonIsRefused starts a second daemon beside the first one, with the
// same socket and with another, and one in another namespace, where it may run.
func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	first := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "the first one", harness.Filtered)
	before := snapshot(t, server.Host())
	lift := g.KeepTrying(t)
	for _, socket := range []string{first.Socket, ""} {
		second := harness.Prepare(t, server.Host(), harness.AllowAll)
		if socket != "" {
			second.Socket = socket
		}
		said := strings.Join(strings.Fields(second.Refuses(1)), " ")
		if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, first.Cmd.Process.Pid)).MatchString(said) {
			t.Errorf("it does not name PID %d:\n%s", first.Cmd.Process.Pid, said)
		}
		if hint := fmt.Sprintf("one daemon filters a network namespace, and here PID %d does: stop it "+
			"first, or give it the policy: sgfw --socket %s status", first.Cmd.Process.Pid,
			first.Socket); socket == "" && !strings.Contains(said, hint) {
			t.Errorf("it does not say %q:\n%s", hint, said)
		}
		if strings.Contains(said, "--socket PATH") {
			t.Errorf("it is sent to another socket, which does not help:\n%s", said)
		}
	}
	if diff := cmp.Diff(before.Ruleset, harness.Ruleset(t, server.Host())); diff != "" {
		t.Errorf("the refused ones changed the table:\n%s", diff)
	}
	g.Expect(t, "after the refusals", harness.Filtered)
	if out, code := first.Sgfw("status"); code != 0 {
		t.Errorf("status of the first one: exit %d\n%s", code, out)
	}
	lift()

	// With the socket of the first one, a daemon of another namespace is in the way of
	// nobody but itself: it hears where the first one is, and what it needs.
	stray := harness.Prepare(t, client.Host(), harness.Closed)
	stray.Socket = first.Socket
	where := harness.NamedNamespace(t, server.Host())
	said := strings.Join(strings.Fields(stray.Refuses(1)), " ")
	want := fmt.Sprintf("PID %d holds %s.lock, in another network namespace: %s (hint: a daemon of "+
		"this namespace needs a socket and a state directory of its own: --socket PATH --state-dir DIR)",
		first.Cmd.Process.Pid, first.Socket, where)
	if !strings.Contains(said, want) {
		t.Errorf("it does not say %q:\n%s", want, said)
	}
	said = strings.Join(strings.Fields(stray.Must(t, 0, "status")), " ")
	if want := "another network namespace than this command: " + where; !strings.Contains(said, want) {
		t.Errorf("status from elsewhere does not say %q:\n%s", want, said)
	}
	if said := first.Must(t, 0, "status"); strings.Contains(said, "than this command") {
		t.Errorf("status says that the daemon is elsewhere:\n%s", said)
	}
	doc := stray.Examined(t, "-c", stray.Config)
	there := fmt.Sprintf("(PID %d) is in another network namespace, %s: it filters nothing here",
		first.Cmd.Process.Pid, where)
	if !doc.Says("daemon", "warning", there) || !doc.Says("daemon", "note", "nothing is filtered") ||
		doc.Says("daemon", "ok") || !doc.Healthy {
		t.Errorf("the doctor elsewhere: %+v", doc)
	}
	if doc := stray.Examined(t); doc.Policy != "" || !doc.Says("policy", "note", "no policy of this") {
		t.Errorf("the doctor elsewhere compares with the first one's policy: %+v", doc)
	}
	doc = first.Examined(t)
	if !doc.Says("daemon", "ok", "enforces") || doc.Says("daemon", "warning") {
		t.Errorf("the doctor beside the first one: %+v", doc)
	}
	// Whoever asks at a wrong place hears of the right one.
	lost := harness.Prepare(t, server.Host(), harness.Closed)
	hint := fmt.Sprintf("table inet sgfw of this network namespace belongs to PID %d (sgfw), which "+
		"listens on %s (hint: --socket %[2]s, or SGFW_SOCKET)", first.Cmd.Process.Pid, first.Socket)
	said = strings.Join(strings.Fields(lost.Must(t, 4, "status")), " ")
	if !strings.Contains(said, hint) {
		t.Errorf("status at a wrong place does not say %q:\n%s", hint, said)
	}
	if doc := lost.Examined(t, "-c", first.Config); !doc.Says("daemon", "warning",
		fmt.Sprintf("PID %d (sgfw) enforces here", first.Cmd.Process.Pid)) {
		t.Errorf("the doctor at a wrong place: %+v", doc)
	}
	lost.Must(t, 5, "cleanup")
	if said := stray.Must(t, 0, "cleanup"); !strings.Contains(said,
		"nothing to remove in this network namespace") {
		t.Errorf("cleanup from elsewhere:\n%s", said)
	}
	first.Must(t, 5, "cleanup")
	g.Expect(t, "after what was tried from elsewhere", harness.Filtered)

	// The other host's rules close what the first one's allow.
	other := harness.Enforce(t, client.Host(), harness.Closed)
	g.Expect(t, "both hosts protected", harness.Shut)
	other.Stop()
	g.Expect(t, "the first one alone", harness.Filtered)
}
