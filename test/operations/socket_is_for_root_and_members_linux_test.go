package operations

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestSocketIsForRootAndMembers: strangers cannot ask the daemon anything,
// members of the socket's group may look, and root alone may change.
func TestSocketIsForRootAndMembers(t *testing.T) {
	labtest.NeedsRealRoot(t, "the socket belongs to a group, and others try it")
	t.Parallel()
	const strangers, members = 65534, 61999
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	d.Start("--socket-group", strconv.Itoa(members))
	d.Write(harness.AllowAll)
	// Directories of tests are for root; what is tested is the socket's own mode.
	public, err := os.MkdirTemp("", "sgfw-public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(public) })
	binary := filepath.Join(public, "sgfw")
	b, err := os.ReadFile(harness.Program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(d.Socket); dir != filepath.Clean(os.TempDir()) &&
		dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(public, 0o755); err != nil {
		t.Fatal(err)
	}
	// as runs a command as the user nobody, in one group.
	as := func(gid uint32, args ...string) (string, int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary,
			append([]string{"--socket", d.Socket}, args...)...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: gid}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := as(strangers, "version"); code != 0 {
		t.Fatalf("nobody cannot run the program: exit %d\n%s", code, out)
	}
	for _, c := range []struct {
		gid     uint32
		command string
		allowed bool
	}{
		{strangers, "status", false},
		{strangers, "flows", false},
		{strangers, "explain --ingress --proto tcp --from 192.0.2.9 --to :22", false},
		{strangers, "rules", false},
		{strangers, "log", false},
		{strangers, "log -f", false},
		{strangers, "reload", false},
		{strangers, "reload --dry-run", false},
		{members, "status", true},
		{members, "flows", true},
		{members, "explain --ingress --proto tcp --from 192.0.2.9 --to :22", true},
		{members, "rules", true},
		{members, "log", true},
		{members, "reload --dry-run", true},
		{members, "reload --dry-run --force", true},
		{members, "reload", false},
		{members, "reload --force", false},
	} {
		out, code := as(c.gid, strings.Fields(c.command)...)
		if c.allowed && code != 0 {
			t.Errorf("%s by group %d: exit %d\n%s", c.command, c.gid, code, out)
		}
		if !c.allowed && (code != 1 || !strings.Contains(out, "permission denied")) {
			t.Errorf("%s by group %d: exit %d, want 1 and permission denied\n%s", c.command, c.gid, code,
				out)
		}
	}
	g.Expect(t, "after what they attempted", harness.Filtered)
	// Nothing but who they are was in the way.
	if out, code := d.Sgfw("reload"); code != 0 {
		t.Errorf("reload by root: exit %d\n%s", code, out)
	}
	g.Expect(t, "reloaded", harness.Open)
}
