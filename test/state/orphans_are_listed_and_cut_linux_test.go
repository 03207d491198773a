package state

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestOrphansAreListedAndCut takes a rule away under live flows. These go on,
// listed as orphans, until they are revoked: then their next packet does not pass,
// though the rules of the other direction would permit it mid-stream (T15, T22).
func TestOrphansAreListedAndCut(t *testing.T) {
	parity.Proves(t, "T17", "T15")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const kept, gone = harness.Inward, harness.Inward + 1
	everywhere := []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", kept), harness.Allow("tcp", gone),
			harness.Allow("udp", gone)}, everywhere))
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(harness.PolicyWith([]string{
			harness.Allow("tcp", kept), harness.Allow("tcp", gone), harness.Allow("udp", gone)}, everywhere))
		stays := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, kept))
		goes := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, gone))
		own := newCord(t, d, server.Host(), client.Host(), harness.AddrPort(near, harness.Outward))
		asks, answers := harness.NewInbox(t, client.Host(), harness.AddrPort(near, 0)),
			harness.NewInbox(t, server.Host(), harness.AddrPort(far, gone))
		question := asks.Send(t, harness.AddrPort(far, gone))
		from, ok := answers.Receives(question, harness.ArrivalTimeout)
		if !ok {
			t.Fatal("no datagram arrived")
		}

		d.Write(harness.PolicyWith([]string{harness.Allow("tcp", kept)}, everywhere))
		if out := d.Must(t, 0, "reload"); !strings.Contains(out, "orphans: 2 live flows") {
			t.Errorf("reload does not tell of the orphans:\n%s", out)
		}
		orphans := func() (list []string) {
			t.Helper()
			var doc struct {
				Flows []struct {
					harness.ListedFlow
					Orphan bool
				}
			}
			d.Document(&doc, "flows", "--orphans")
			for _, f := range doc.Flows {
				if !f.Orphan {
					t.Errorf("%+v is no orphan", f)
				}
				list = append(list, f.Protocol+" "+f.Local)
			}
			return list
		}
		want := []string{"tcp " + harness.AddrPort(far, gone).String(),
			"udp " + harness.AddrPort(far, gone).String()}
		if got := orphans(); !sameSet(got, want) {
			t.Errorf("orphans %v, want %v", got, want)
		}
		for what, s := range map[string]harness.Connection{
			"with a rule": stays, "without a rule": goes, "of the server": own} {
			if !s.Lives() {
				t.Errorf("the session %s ended with the reload", what)
			}
		}
		d.Revoke(t, 2, 0, "--orphans", "--dry-run")
		if !goes.Lives() {
			t.Error("a dry run cut the session")
		}

		d.Revoke(t, 2, 0, "--orphans")
		// The server speaks first: its egress rules permit everything.
		answer := answers.Send(t, from)
		if !goes.Cut() {
			t.Error("the session without a rule goes on after it was revoked")
		}
		if _, ok := asks.Has(answer); ok {
			t.Error("an answer of the revoked flow passed")
		}
		for what, s := range map[string]harness.Connection{"with a rule": stays, "of the server": own} {
			if !s.Lives() {
				t.Errorf("the session %s was cut, too", what)
			}
		}
		if harness.Connects(t, client.Host(), harness.Anywhere, harness.AddrPort(far, gone),
			harness.SilenceTimeout) {
			t.Error("a new connection passed without a rule")
		}
		if got := orphans(); len(got) > 0 {
			t.Errorf("orphans %v after they were cut", got)
		}
		d.Revoke(t, 0, 0, "--orphans")
		var list struct{ Flows []harness.ListedFlow }
		if d.Document(&list, "flows", "--state", "revoked", "--to", harness.AddrPort(far, gone).String(),
			"--proto", "tcp"); len(list.Flows) != 1 {
			t.Errorf("%d revoked sessions are listed, want 1", len(list.Flows))
		}
		if f, ok := d.Flow("tcp", goes.Callee.LocalAddr().String(),
			goes.Callee.RemoteAddr().String()); ok {
			t.Errorf("the revoked session is listed among the live flows: %+v", f)
		}
		// Many retransmissions later.
		if !goes.Cut() {
			t.Error("the session came back")
		}
	})
}

func sameSet(a, b []string) bool {
	seen := make(map[string]int)
	for _, s := range a {
		seen[s]++
	}
	for _, s := range b {
		seen[s]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}
