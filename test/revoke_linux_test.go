package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// revoked is what `sgfw flows revoke -o json` says.
type revoked struct {
	Schema  string
	DryRun  bool `json:"dry_run"`
	Revoked struct {
		Count     int
		Permitted int `json:"still_permitted"`
		Flows     []listedFlow
	}
}

// revoke cuts flows and compares how many it says were cut, and are still permitted.
func (d *daemon) revoke(t testing.TB, count, permitted int, args ...string) {
	t.Helper()
	var r revoked
	d.document(&r, append([]string{"flows", "revoke"}, args...)...)
	if r.Schema != "sgfw/v1" || r.Revoked.Count != count || r.Revoked.Permitted != permitted || len(r.Revoked.Flows) != count {
		t.Errorf("flows revoke %v: %+v, want %d flows, %d of them permitted", args, r, count, permitted)
	}
}

// cord is a connection of which the test holds both ends.
type cord struct{ caller, callee net.Conn }

// newCord connects from one host to another; the daemon sees it established.
func newCord(t *testing.T, d *daemon, from, to *netlab.Host, at netip.AddrPort) cord {
	t.Helper()
	return connect(t, d, from, at, accepted(t, to, at))
}

// connect is newCord where somebody listens already.
func connect(t *testing.T, d *daemon, from *netlab.Host, at netip.AddrPort, conns <-chan net.Conn) cord {
	t.Helper()
	c := dialTCP(t, from, anywhere, at, patience)
	if c == nil {
		t.Fatalf("no session to %s", at)
	}
	t.Cleanup(func() { c.Close() })
	s := cord{c, take(t, conns)}
	if !s.lives() {
		t.Fatalf("the session to %s is mute", at)
	}
	local, remote := at.String(), c.LocalAddr().String()
	if d.host == from {
		local, remote = remote, local
	}
	d.inState(t, "established", "tcp", local, remote)
	return s
}

func (s cord) lives() bool {
	return delivers(s.caller, s.callee, patience) && delivers(s.callee, s.caller, patience)
}

// cut reports whether nothing arrives any more, at either end, whichever
// speaks: retransmissions of both are under way all the time.
func (s cord) cut() bool {
	return !delivers(s.callee, s.caller, silence) && !delivers(s.caller, s.callee, silence) && !delivers(s.callee, s.caller, silence)
}

// TestOrphansAreListedAndCut takes a rule away under live flows. These go on,
// listed as orphans, until they are revoked: then their next packet does not pass,
// though the rules of the other direction would permit it mid-stream (T15, T22).
func TestOrphansAreListedAndCut(t *testing.T) {
	parity.Proves(t, "T17", "T15")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const kept, gone = inward, inward + 1
	everywhere := []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", kept), allow("tcp", gone), allow("udp", gone)}, everywhere))
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.reload(policyWith([]string{allow("tcp", kept), allow("tcp", gone), allow("udp", gone)}, everywhere))
		stays := newCord(t, d, client.Host(), server.Host(), port(far, kept))
		goes := newCord(t, d, client.Host(), server.Host(), port(far, gone))
		own := newCord(t, d, server.Host(), client.Host(), port(near, outward))
		asks, answers := newInbox(t, client.Host(), port(near, 0)), newInbox(t, server.Host(), port(far, gone))
		question := asks.send(t, port(far, gone))
		from, ok := answers.receives(question, patience)
		if !ok {
			t.Fatal("no datagram arrived")
		}

		d.write(policyWith([]string{allow("tcp", kept)}, everywhere))
		if out := d.must(t, 0, "reload"); !strings.Contains(out, "orphans: 2 live flows") {
			t.Errorf("reload does not tell of the orphans:\n%s", out)
		}
		orphans := func() (list []string) {
			t.Helper()
			var doc struct {
				Flows []struct {
					listedFlow
					Orphan bool
				}
			}
			d.document(&doc, "flows", "--orphans")
			for _, f := range doc.Flows {
				if !f.Orphan {
					t.Errorf("%+v is no orphan", f)
				}
				list = append(list, f.Protocol+" "+f.Local)
			}
			return list
		}
		want := []string{"tcp " + port(far, gone).String(), "udp " + port(far, gone).String()}
		if got := orphans(); !sameSet(got, want) {
			t.Errorf("orphans %v, want %v", got, want)
		}
		for what, s := range map[string]cord{"with a rule": stays, "without a rule": goes, "of the server": own} {
			if !s.lives() {
				t.Errorf("the session %s ended with the reload", what)
			}
		}
		d.revoke(t, 2, 0, "--orphans", "--dry-run")
		if !goes.lives() {
			t.Error("a dry run cut the session")
		}

		d.revoke(t, 2, 0, "--orphans")
		// The server speaks first: its egress rules permit everything.
		answer := answers.send(t, from)
		if !goes.cut() {
			t.Error("the session without a rule goes on after it was revoked")
		}
		if _, ok := asks.has(answer); ok {
			t.Error("an answer of the revoked flow passed")
		}
		for what, s := range map[string]cord{"with a rule": stays, "of the server": own} {
			if !s.lives() {
				t.Errorf("the session %s was cut, too", what)
			}
		}
		if connects(t, client.Host(), anywhere, port(far, gone), silence) {
			t.Error("a new connection passed without a rule")
		}
		if got := orphans(); len(got) > 0 {
			t.Errorf("orphans %v after they were cut", got)
		}
		d.revoke(t, 0, 0, "--orphans")
		var list struct{ Flows []listedFlow }
		if d.document(&list, "flows", "--state", "revoked", "--to", port(far, gone).String(), "--proto", "tcp"); len(list.Flows) != 1 {
			t.Errorf("%d revoked sessions are listed, want 1", len(list.Flows))
		}
		if f, ok := d.flow("tcp", goes.callee.LocalAddr().String(), goes.callee.RemoteAddr().String()); ok {
			t.Errorf("the revoked session is listed among the live flows: %+v", f)
		}
		// Many retransmissions later.
		if !goes.cut() {
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

// TestRevokeBySelector cuts, one selector at a time, one of many sessions that the
// rules go on to permit: the answer says so, and each can be opened anew.
func TestRevokeBySelector(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	near, far := client.IPv4(), server.IPv4()
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", inward), allow("tcp", inward+1), allow("tcp", inward+2)}, []string{allow("tcp", outward)}))
	forbidden := port(far, inward+9)
	accepted(t, server.Host(), forbidden)
	witness := newCord(t, d, client.Host(), server.Host(), port(far, inward+2))
	conns := accepted(t, server.Host(), port(far, inward))
	for _, tc := range []struct {
		what string
		args func(c net.Conn) []string
	}{
		{"both ends", func(c net.Conn) []string {
			return []string{"--proto", "tcp", "--from", c.LocalAddr().String(), "--to", c.RemoteAddr().String()}
		}},
		{"the rule", func(net.Conn) []string { return []string{"--rule", "state/ingress/0"} }},
		{"a port", func(net.Conn) []string { return []string{"--port", fmt.Sprint(inward), "--interface", "eth0"} }},
		{"an address and the group", func(net.Conn) []string {
			return []string{"--address", near.String() + "/32", "--group", "state", "--to", fmt.Sprint(":", inward)}
		}},
	} {
		s := connect(t, d, client.Host(), port(far, inward), conns)
		d.revoke(t, 0, 0, "--address", "198.51.100.0/24")
		d.revoke(t, 0, 0, "--rule", "state/ingress/1")
		d.revoke(t, 1, 1, tc.args(s.caller)...)
		if !s.cut() {
			t.Errorf("%s: the session goes on", tc.what)
		}
		if !witness.lives() {
			t.Fatalf("%s: another session was cut", tc.what)
		}
		again := connect(t, d, client.Host(), port(far, inward), conns)
		if !again.lives() {
			t.Errorf("%s: a new session does not live", tc.what)
		}
		again.caller.Close()
		again.callee.Close()
		d.revoke(t, 1, 1, "--from", again.caller.LocalAddr().String())
	}
	if out := d.must(t, 0, "flows", "revoke", "--address", far.String()+"/31", "--state", "established"); !strings.Contains(out, "rules still permit 1 of them") {
		t.Errorf("it does not say that the rules permit the flow:\n%s", out)
	}
	if !witness.cut() {
		t.Error("the last session goes on")
	}
	if connects(t, client.Host(), anywhere, forbidden, silence) {
		t.Error("a connection that no rule permits came about")
	}

	for _, args := range [][]string{{}, {"--dry-run"}, {"--address", "x"}, {"--port", "9-1"}, {"--rule", "state/0"}, {"--rule", "state/ingress/7"},
		{"--state", "asleep"}, {"--proto", "ipx"}, {"--from", "1.2.3"}, {"--group", "nosuch"}} {
		d.must(t, 2, append([]string{"flows", "revoke"}, args...)...)
	}
}

// TestRevokeSparesTheCaller refuses to cut the SSH connection of whoever asks.
func TestRevokeSparesTheCaller(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	d := enforce(t, server.Host(), sshPolicy(`cidr_blocks: [0.0.0.0/0]`))
	g.expect(t, "enforced", filtered)
	ssh := port(server.IPv4(), 22)
	s := newCord(t, d, client.Host(), server.Host(), ssh)
	from := netip.MustParseAddrPort(s.caller.LocalAddr().String())
	ask := func(force bool) (int, string) {
		t.Helper()
		b, err := json.Marshal(map[string]any{
			"flows": map[string]any{"address": client.IPv4().String()}, "force": force,
			"caller": fmt.Sprintf("%s %d %s 22", from.Addr(), from.Port(), ssh.Addr()),
		})
		if err != nil {
			t.Fatal(err)
		}
		return d.answer("/v1/revoke", string(b))
	}
	if status, reply := ask(false); status != http.StatusConflict || !strings.Contains(reply, from.String()) || !strings.Contains(reply, "--force") {
		t.Errorf("status %d, want 409 and the connection\n%s", status, reply)
	}
	if !s.lives() {
		t.Fatal("a refused request cut the connection")
	}
	if status, reply := ask(true); status != http.StatusOK {
		t.Errorf("forced: status %d\n%s", status, reply)
	}
	if !s.cut() {
		t.Error("forced: the connection goes on")
	}
}

// TestReloadAndRevoke cuts with the reload what it orphans.
func TestReloadAndRevoke(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	with := strings.Replace(gatePolicy(), "ingress: [", "ingress: ["+allow("tcp", inward)+", ", 1)
	d := enforce(t, server.Host(), with)
	g.expect(t, "enforced", filtered)
	s := newCord(t, d, client.Host(), server.Host(), port(server.IPv6(), inward))
	d.write(gatePolicy())
	if out := d.must(t, 0, "reload", "--revoke"); !strings.Contains(out, "orphans: 1 live flow without a rule cut") {
		t.Errorf("it does not say what it cut:\n%s", out)
	}
	if !s.cut() {
		t.Error("the session goes on")
	}
	g.expect(t, "reloaded", filtered)
	d.must(t, 2, "reload", "--revoke", "--confirm", "5s")
}

// TestRevokeUnderLoad cuts a thousand flows while others carry traffic.
func TestRevokeUnderLoad(t *testing.T) {
	client, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "enforced", filtered)
	echoOn(t, server.Host(), port(server.IPv4(), gateEcho))
	p := startPump(t, client.Host(), port(server.IPv4(), gateEcho), 0)
	in := g.at[port(server.IPv6(), gateIn)]
	const flows = 1000
	for range flows {
		g.shoot(t, lane{host: client.Host(), from: client.IPv6(), to: port(server.IPv6(), gateIn)})
	}
	if _, ok := in.receives(g.shoot(t, lane{host: client.Host(), from: client.IPv6(), to: port(server.IPv6(), gateIn)}), patience); !ok {
		t.Fatal("the flows do not come about")
	}
	var r revoked
	begun := time.Now()
	d.document(&r, "flows", "revoke", "--to", port(server.IPv6(), gateIn).String())
	t.Logf("%d flows revoked in %v", r.Revoked.Count, time.Since(begun))
	if r.Revoked.Count < flows || len(r.Revoked.Flows) > flows {
		t.Errorf("%d flows revoked, %d listed, want %d or some more, and no more listed", r.Revoked.Count, len(r.Revoked.Flows), flows)
	}
	p.goOn(100)
	p.finish()
	g.expect(t, "revoked", filtered)
}
