package operations

import (
	"os"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestFirstPolicy drafts a policy on a machine with two servers and a live SSH session,
// and enforces it: what was there goes on, what comes later is closed.
func TestFirstPolicy(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	ssh, web, later := harness.ParseAddrPort("192.0.2.2:22"), harness.ParseAddrPort("192.0.2.2:8080"),
		harness.ParseAddrPort("192.0.2.2:9000")
	admin, stranger := harness.ParseAddrPort("192.0.2.1:0"), harness.ParseAddrPort("192.0.2.10:0")
	harness.EchoOn(t, server, ssh, web, harness.ParseAddrPort("127.0.0.1:5432"))
	session := harness.DialTCP(t, client, admin, ssh, harness.ArrivalTimeout)
	if session == nil || !harness.Talks(session) {
		t.Fatal("no session")
	}
	defer session.Close()

	d := harness.Prepare(t, server, "")
	if out := d.Must(t, 5, "init", "--yes", d.Config); !strings.Contains(out, "is there already") {
		t.Errorf("over a file that is there:\n%s", out)
	}
	if text, err := os.ReadFile(d.Config); err != nil || len(text) > 0 {
		t.Fatalf("the file that was there: %q, %v", text, err)
	}
	if err := os.Remove(d.Config); err != nil {
		t.Fatal(err)
	}
	if out := d.Must(t, 0, "init", "--yes", d.Config); !strings.Contains(out, "tcp port 8080") ||
		strings.Contains(out, "tcp port 22 ") || strings.Contains(out, "lock out") {
		t.Errorf("what is open to everyone:\n%s", out)
	}
	if out := d.Must(t, 0, "check", d.Config); !strings.HasPrefix(out, d.Config+" is valid") {
		t.Errorf("the draft has something to be noticed:\n%s", out)
	}
	drafted, err := os.ReadFile(d.Config)
	if err != nil || strings.Contains(string(drafted), "5432") {
		t.Fatalf("the draft (%v):\n%s", err, drafted)
	}

	d.Start() // the SSH guard has nothing against it
	harness.EchoOn(t, server, later)
	if !harness.Talks(session) {
		t.Error("the session is cut")
	}
	for _, c := range []struct {
		what   string
		opens  bool
		client bool // the one with the session
		port   int
	}{
		{"SSH from where the session is", true, true, 22}, {"SSH from elsewhere", false, false, 22},
		{"the server from elsewhere", true, false, 8080}, {"a server that came later", false, true, 9000},
	} {
		from, wait := stranger, harness.SilenceTimeout
		if c.client {
			from = admin
		}
		if c.opens {
			wait = harness.ArrivalTimeout
		}
		if got := harness.Connects(t, client, from, harness.AddrPort(ssh.Addr(), c.port),
			wait); got != c.opens {
			t.Errorf("%s: connects %t", c.what, got)
		}
	}
}
