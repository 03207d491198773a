package lifecycle

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestKeptFlowsAreJudged: what an earlier daemon left is taken only where it is whole, of this
// place and of devices as they are. Otherwise the daemon begins without, and says so.
func TestKeptFlowsAreJudged(t *testing.T) {
	damage := func(t *testing.T, d *harness.Daemon, change func(b []byte) []byte) {
		t.Helper()
		b, err := os.ReadFile(d.FlowsFile())
		if err == nil {
			err = os.WriteFile(d.FlowsFile(), change(b), 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, d *harness.Daemon)
		goes   bool   // the session goes on
		says   string // status or log
	}{
		{"nothing", func(*testing.T, *harness.Daemon) {}, true, "taken over from an earlier daemon: "},
		{"another boot", func(t *testing.T, d *harness.Daemon) {
			damage(t, d, func(b []byte) []byte { b[50] ^= 1; return b })
		}, false, "were left: damaged"},
		{"another program's file", func(t *testing.T, d *harness.Daemon) {
			damage(t, d, func([]byte) []byte { return []byte("sgfw") })
		}, false, "were left: not written by this version"},
		{"damaged flows", func(t *testing.T, d *harness.Daemon) {
			damage(t, d, func(b []byte) []byte {
				for i := 4096 + 100; i < len(b); i += 4096 {
					b[i] ^= 1
				}
				return b
			})
		}, false, "damaged blocks"},
		{"readable by others", func(t *testing.T, d *harness.Daemon) {
			if err := os.Chmod(d.FlowsFile(), 0o644); err != nil {
				t.Error(err)
			}
		}, false, "others could have written it"},
		{"a link", func(t *testing.T, d *harness.Daemon) {
			if err := os.Rename(d.FlowsFile(), d.FlowsFile()+".1"); err != nil {
				t.Error(err)
			}
			if err := os.Symlink(d.FlowsFile()+".1", d.FlowsFile()); err != nil {
				t.Error(err)
			}
		}, false, "were left: "},
		{"another mode", func(_ *testing.T, d *harness.Daemon) {
			d.Write(strings.Replace(withTCP(false, ""), "device: eth0\n",
				"device: eth0\n    mode: guest\n    addresses: [192.0.2.2]\n", 1))
		}, false, "of interfaces that are gone or changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, server, _ := harness.NewPair(t)
			on := harness.AddrPort(server.IPv4(), harness.Inward)
			harness.EchoOn(t, server.Host(), on)
			d := harness.Enforce(t, server.Host(), withTCP(true, ""))
			s := harness.DialTCP(t, client.Host(), harness.Anywhere, on, harness.ArrivalTimeout)
			if s == nil || !harness.Talks(s) {
				t.Fatal("no session")
			}
			t.Cleanup(func() { s.Close() })
			d.Reload(withTCP(false, ""))
			time.Sleep(1500 * time.Millisecond) // what is kept is a second old
			if fi, err := os.Stat(d.FlowsFile()); err != nil || fi.Mode() != 0o600 {
				t.Errorf("the file of flows: %v, %v", fi, err)
			}
			d.Kill()
			c.change(t, d)
			d.Start("--no-adopt")
			if goes := !harness.Silenced(s); goes != c.goes {
				t.Errorf("the session goes on: %v, want %v", goes, c.goes)
			}
			out := strings.Join(strings.Fields(d.Must(t, 0, "status", "-o", "wide")), " ")
			if !strings.Contains(out, c.says) {
				t.Errorf("status does not say %q:\n%s", c.says, out)
			}
			if out, _ := d.Sgfw("doctor"); !c.goes && !strings.Contains(out, "earlier daemon") {
				t.Errorf("doctor says nothing of it:\n%s", out)
			}
			// The next restart keeps what is there then.
			d.Stop()
			d.Start()
			if out, _ := d.Sgfw("status"); strings.Contains(out, "were left") {
				t.Errorf("the next one:\n%s", out)
			}
		})
	}
}

// TestRevocationOutlivesAKill: what was revoked is on file before the answer, so a daemon that
// is killed at once does not bring it back.
func TestRevocationOutlivesAKill(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	on := harness.AddrPort(server.IPv4(), harness.Inward)
	harness.EchoOn(t, server.Host(), on)
	d := harness.Enforce(t, server.Host(), withTCP(true, ""))
	var sessions []net.Conn
	for range 2 {
		s := harness.DialTCP(t, client.Host(), harness.Anywhere, on, harness.ArrivalTimeout)
		if s == nil || !harness.Talks(s) {
			t.Fatal("no session")
		}
		t.Cleanup(func() { s.Close() })
		sessions = append(sessions, s)
	}
	d.Reload(withTCP(false, ""))
	time.Sleep(1500 * time.Millisecond) // both are on file
	d.Revoke(t, 1, 0, "--from", sessions[0].LocalAddr().String())
	d.Kill()
	d.Start("--no-adopt")
	g.Expect(t, "started again", harness.Filtered)
	if !harness.Silenced(sessions[0]) {
		t.Error("the revoked session goes on")
	}
	if !harness.Talks(sessions[1]) {
		t.Error("the other session ended")
	}
}
