package lifecycle

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// openSession is a live connection to a port of a host on which some program listens.
func openSession(t *testing.T, client, server *netlab.Device, port int) net.Conn {
	t.Helper()
	at := harness.AddrPort(server.IPv4(), port)
	harness.EchoOn(t, server.Host(), at)
	c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, at, harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no session")
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestSSHGuardReadsWhoListens: of a listener that no SSH server holds, as when systemd
// listens for one, the configuration of sshd and systemd's socket units tell.
func TestSSHGuardReadsWhoListens(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]struct{ file, text string }{
		"a drop-in of ssh.socket": {"systemd/system/ssh.socket.d/ports.conf",
			"[Socket]\nListenStream=\nListenStream=0.0.0.0:%d\nListenStream=[::]:%[1]d\n"},
		"sshd.socket": {"systemd/system/sshd.socket", "[Socket]\nListenStream=%d\nAccept=yes\n"},
		"sshd_config": {"ssh/sshd_config", "Port %d\n"},
		"what sshd_config includes": {"ssh/more/ports",
			"ListenAddress 0.0.0.0:%d\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server, g := harness.NewPair(t)
			const port = 2222
			openSession(t, client, server, port)
			d := harness.Prepare(t, server.Host(), harness.GatePolicy())
			etc := harness.OwnEtc(t, d)
			// Nothing says that this is SSH.
			d.Start()
			g.Expect(t, "no SSH", harness.Filtered)
			d.Stop()
			write := func(file, text string) {
				t.Helper()
				path := filepath.Join(etc, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("ssh/sshd_config", "Include more/*\n")
			write(where.file, fmt.Sprintf(where.text, port))
			said := d.Refuses(5)
			if !strings.Contains(said, client.IPv4().String()) || !strings.Contains(said, "port 2222") {
				t.Errorf("it does not name the session:\n%s", said)
			}
			g.Expect(t, "refused", harness.Open)
		})
	}
}

// TestSSHGuardOfTheProcessTree: a session that nothing names is found where whoever asks
// for a change hangs on it; this test is an ancestor of the command, and holds the socket.
func TestSSHGuardOfTheProcessTree(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	const port = 2345
	admits := strings.Replace(harness.GatePolicy(), "ingress: [",
		"ingress: ["+harness.Allow("tcp", port)+", ", 1)
	d := harness.Enforce(t, server.Host(), admits)
	openSession(t, client, server, port)
	// reload is what a shell without SSH_CONNECTION would run.
	reload := func() (string, int) {
		t.Helper()
		cmd := d.Host.Command(harness.Program, "--socket", d.Socket, "reload")
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "SSH_CONNECTION=") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	d.Write(harness.GatePolicy())
	out, code := reload()
	if code != 5 || !strings.Contains(out, client.IPv4().String()) ||
		!strings.Contains(out, "port 2345") {
		t.Errorf("exit %d, want 5 and the session's name\n%s", code, out)
	}
	g.Expect(t, "refused", harness.Filtered)
	// A policy that admits it is fine, and so is whoever does not hang on it.
	d.Write(admits)
	if out, code := reload(); code != 0 {
		t.Errorf("a policy that admits it: exit %d\n%s", code, out)
	}
	d.Write(harness.GatePolicy())
	d.Must(t, 0, "reload")
}

// TestSSHGuardForgetsTheRevoked: a session that was revoked bars no policy, though the
// server's socket does not know its end; one that goes on without a rule does.
func TestSSHGuardForgetsTheRevoked(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	admits := harness.SSHPolicy(`cidr_blocks: [192.0.2.1/32]`)
	d := harness.Enforce(t, server.Host(), admits)
	c := openSession(t, client, server, 22)
	d.Reload(harness.GatePolicy(), "--force")
	if out, code := d.Sgfw("reload"); code != 5 || !harness.Talks(c) {
		t.Errorf("a session that goes on: exit %d, want 5\n%s", code, out)
	}
	if out, code := d.Sgfw("flows", "revoke", "--orphans"); code != 0 {
		t.Fatalf("revoke: exit %d\n%s", code, out)
	}
	if !harness.Silenced(c) {
		t.Fatal("the session goes on after it was revoked")
	}
	d.Must(t, 0, "reload")
	g.Expect(t, "reloaded", harness.Filtered)
	// Another one that the policy in force admits counts.
	d.Reload(admits)
	again := harness.DialTCP(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), 22), harness.ArrivalTimeout)
	if again == nil || !harness.Talks(again) {
		t.Fatal("no new session")
	}
	defer again.Close()
	d.Write(harness.GatePolicy())
	d.Must(t, 5, "reload")
	// With its rule gone and its flow ended, nothing is left of it.
	d.Must(t, 0, "reload", "--force", "--revoke")
	time.Sleep(harness.SilenceTimeout)
	d.Must(t, 0, "reload")
}
