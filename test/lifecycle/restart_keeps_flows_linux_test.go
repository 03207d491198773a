package lifecycle

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// ends are how a daemon goes before the next one starts.
var ends = []struct {
	name     string
	settings string
	opens    bool // nothing is filtered in between
	end      func(*harness.Daemon)
}{
	{"stopped", "", true, (*harness.Daemon).Stop},
	{"stopped and closed", "on_stop: keep", false, (*harness.Daemon).Stop},
	{"killed", "", false, func(d *harness.Daemon) {
		time.Sleep(1500 * time.Millisecond) // what is kept is a second old
		d.Kill()
	}},
}

// keptStatus is what status says of the flows of an earlier daemon.
type keptStatus struct {
	Flows struct{ Created int }
	Kept  struct {
		Unused string
		Taken  *struct {
			Restored, Expired, Gone, Impossible int
			Damaged                             int `json:"damaged_blocks"`
		}
	}
}

// drain reads what has come.
func drain(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(harness.SilenceTimeout))
	io.Copy(io.Discard, c)
}

// withTCP is the gate's policy, with a rule for the session of the test or without.
func withTCP(rule bool, settings string) string {
	text := harness.GatePolicy()
	if settings != "" {
		text = harness.GatePolicy(settings)
	}
	if rule {
		text = strings.Replace(text, "ingress: [",
			"ingress: ["+harness.Allow("tcp", harness.Inward)+", "+harness.Allow("udp", harness.Inward)+
				", ", 1)
	}
	return text
}

// TestRestartKeepsFlows: a session whose rule is gone lives by the flow table alone, so it
// goes on only if the next daemon has its flow. A stream of UDP likewise. A flow that was
// revoked stays so, and what rules forbid arrives at no time.
func TestRestartKeepsFlows(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			client, server, g := harness.NewPair(t)
			on := harness.AddrPort(server.IPv4(), harness.Inward)
			harness.EchoOn(t, server.Host(), on)
			d := harness.Enforce(t, server.Host(), withTCP(true, e.settings))
			g.Expect(t, "before", harness.Filtered)
			dial := func(what string) net.Conn {
				t.Helper()
				c := harness.DialTCP(t, client.Host(), harness.Anywhere, on, harness.ArrivalTimeout)
				if c == nil || !harness.Talks(c) {
					t.Fatalf("%s: no session", what)
				}
				t.Cleanup(func() { c.Close() })
				return c
			}
			ssh, cut := dial("ssh"), dial("to be revoked")
			udp, err := client.Host().Dial(t.Context(), "udp", on)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { udp.Close() })
			for range 3 {
				if !harness.Talks(udp) {
					t.Fatal("no UDP stream")
				}
			}
			transfer := harness.StartTransfer(t, client.Host(), on, 0)
			d.Reload(withTCP(false, e.settings))
			d.Revoke(t, 1, 0, "--from", cut.LocalAddr().String())
			if !harness.Silenced(cut) {
				t.Fatal("the revoked session goes on")
			}
			lift := func() {}
			if !e.opens {
				lift = g.KeepTrying(t) // what rules forbid arrives at no time
			}
			created := 0
			for round := range 3 {
				e.end(d)
				d.Start("--no-adopt") // the flow table alone knows the sessions
				name := fmt.Sprintf("%s, round %d", e.name, round)
				g.Expect(t, name, harness.Filtered)
				if !harness.Talks(ssh) {
					t.Errorf("%s: the session without a rule ended with the daemon", name)
				}
				if !harness.Talks(udp) {
					t.Errorf("%s: the UDP stream was judged again", name)
				}
				drain(cut) // what passed while nothing was filtered
				if !harness.Silenced(cut) {
					t.Errorf("%s: the revoked session goes on", name)
				}
				if c := harness.DialTCP(t, client.Host(), harness.Anywhere, on,
					harness.SilenceTimeout); c != nil {
					t.Errorf("%s: a new session without a rule", name)
				}
				var st keptStatus
				d.Document(&st, "status")
				if st.Kept.Taken == nil || st.Kept.Taken.Restored < 3 || st.Kept.Taken.Impossible+
					st.Kept.Taken.Gone+st.Kept.Taken.Damaged != 0 {
					t.Errorf("%s: status says %+v", name, st)
				}
				if st.Flows.Created <= created || st.Flows.Created < 4 {
					t.Errorf("%s: %d flows were created, before %d", name, st.Flows.Created, created)
				}
				created = st.Flows.Created
			}
			lift()
			transfer.Finish()
		})
	}
}
