package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestStateDirectoryIsForOne: two daemons never use one state directory. The second one
// hears whose it is and where, and that is over with the first one, however it ends.
func TestStateDirectoryIsForOne(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	first := harness.Enforce(t, server.Host(), harness.GatePolicy())
	dir := filepath.Join(filepath.Dir(first.Config), "state")
	where := harness.NamedNamespace(t, server.Host())
	pid := first.Cmd.Process.Pid
	refused := func(what string, d *harness.Daemon, dir string, words ...string) {
		t.Helper()
		said := strings.Join(strings.Fields(d.Refuses(1, "--state-dir", dir)), " ")
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%s: it does not say %q:\n%s", what, w, said)
			}
		}
	}

	// The far side has no rules of its own, and would be shut.
	stray := harness.Prepare(t, client.Host(), harness.Closed)
	inUse := fmt.Sprintf("the state directory is in use: PID %d uses %s, in another network "+
		"namespace: %s (hint: give this daemon another one: --state-dir DIR)", pid, dir, where)
	refused("elsewhere", stray, dir, inUse)
	refused("beside it", harness.Prepare(t, server.Host(), harness.AllowAll), dir,
		fmt.Sprintf("another sgfw daemon is running: the state directory is in use: PID %d uses %s", pid,
			dir), "stop that one first")
	// With both in the way it is the daemon that is, and nothing is made.
	both := harness.Prepare(t, client.Host(), harness.Closed)
	both.Socket = first.Socket
	other := filepath.Join(filepath.Dir(both.Config), "new")
	running := fmt.Sprintf("another sgfw daemon is running: PID %d holds %s", pid, first.Socket)
	for _, dir := range []string{dir, other} {
		refused("with both", both, dir, running, "--socket PATH --state-dir DIR")
	}
	if _, err := os.Lstat(other); !os.IsNotExist(err) {
		t.Errorf("a refused start leaves its state directory: %v", err)
	}
	g.Expect(t, "after the refusals", harness.Filtered)
	first.Must(t, 0, "status")

	// A dead daemon uses nothing, and neither does one that was stopped.
	first.Kill()
	g.Expect(t, "killed", harness.Shut)
	stray.Start("--state-dir", dir)
	if out := stray.Must(t, 0, "status"); strings.Contains(out, "IDs are others") {
		t.Errorf("the directory is not whole:\n%s", out)
	}
	refused("after its death", first, dir, fmt.Sprintf("PID %d uses %s", stray.Cmd.Process.Pid, dir))
	g.Expect(t, "the refused one opened nothing", harness.Shut)
	stray.Stop()
	if _, err := os.Lstat(filepath.Join(dir, "lock")); !os.IsNotExist(err) {
		t.Errorf("an ordered stop leaves its lock: %v", err)
	}
	first.Start()
	g.Expect(t, "started again", harness.Filtered)
}
