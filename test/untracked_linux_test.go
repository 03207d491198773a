package test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// gets reads what has been sent to a connection until the bytes are among it.
func gets(c net.Conn, want []byte, wait time.Duration) bool {
	c.SetReadDeadline(time.Now().Add(wait))
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, want) {
		n, err := c.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			return bytes.Contains(got, want)
		}
	}
	return true
}

// tell writes fresh bytes.
func tell(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b := nonce()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUntrackedEndsWithItsRule takes the rule of an untracked session away: what
// the client sends does not arrive from then on, what the server sends still has a
// rule and does, and that never brings the session back. With its rule it goes on
// (T6, T15). A session that is tracked goes on all the time.
func TestUntrackedEndsWithItsRule(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T6", "T15")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := policyWith([]string{allow("tcp", inward), allow("udp", inward)}, []string{toEverybody}, asAWS)
	shut := policyWith(nil, []string{toEverybody}, asAWS)
	d := enforce(t, server.Host(), opened)
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.reload(opened)
		s := newCord(t, d, client.Host(), server.Host(), port(far, inward))
		own := newCord(t, d, server.Host(), client.Host(), port(near, outward))
		d.tracks(t, "tcp", own.caller.LocalAddr(), own.caller.RemoteAddr(), true, "return-rule")
		asks, answers := newInbox(t, client.Host(), port(near, 0)), newInbox(t, server.Host(), port(far, inward))
		from, ok := answers.receives(asks.send(t, port(far, inward)), patience)
		if !ok {
			t.Fatal("no datagram arrived")
		}
		if _, ok := asks.receives(answers.send(t, from), patience); !ok {
			t.Fatal("no answer arrived")
		}

		d.reload(shut)
		request := tell(t, s.caller)
		// Whoever takes these for the first packets of flows lets the answers in. TCP
		// sends the segment again and again, since its acknowledgement is lost.
		if !gets(s.caller, tell(t, s.callee), patience) {
			t.Error("a segment that a rule permits did not arrive")
		}
		for range 3 {
			question := asks.send(t, port(far, inward))
			if gets(s.callee, request, silence) {
				t.Error("a segment without a rule arrived")
			}
			if _, ok := answers.has(question); ok {
				t.Error("a datagram without a rule arrived")
			}
			if _, ok := asks.receives(answers.send(t, from), patience); !ok {
				t.Error("a datagram that a rule permits did not arrive")
			}
		}
		if !own.lives() {
			t.Error("the server's own session was cut")
		}
		if f, _ := d.flow("tcp", s.callee.LocalAddr().String(), s.callee.RemoteAddr().String()); f.Tracked || !f.Cut {
			t.Errorf("the session is listed as %+v", f)
		}

		d.reload(opened)
		if !gets(s.callee, request, patience) {
			t.Error("the session does not go on with its rule")
		}
		if _, ok := answers.receives(asks.send(t, port(far, inward)), patience); !ok {
			t.Error("the datagrams do not arrive with their rule")
		}
	})
}

// TestDownloadIsCut is row 10: the rule for port 80 goes in the middle of a
// download, and no segment of the client's passes any more, so that it ends within
// a window. Under tracking: always it goes on.
func TestDownloadIsCut(t *testing.T) {
	parity.Proves(t, "row 10", "T15")
	for _, c := range []struct {
		setting string
		goesOn  bool
	}{{asAWS, false}, {"tracking: always", true}} {
		t.Run(c.setting, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			d := enforce(t, server.Host(), policyWith([]string{allow("tcp", 80)}, []string{toEverybody}, c.setting))
			for _, far := range families(server) {
				d.reload(policyWith([]string{allow("tcp", 80)}, []string{toEverybody}, c.setting))
				conns := accepted(t, server.Host(), port(far, 80))
				get := dialTCP(t, client.Host(), anywhere, port(far, 80), patience)
				if get == nil {
					t.Fatal("no session")
				}
				defer get.Close()
				page := take(t, conns)
				page.SetDeadline(time.Time{})
				go io.Copy(page, endless{})
				reads := func(n int64, wait time.Duration) bool {
					get.SetReadDeadline(time.Now().Add(wait))
					got, _ := io.CopyN(io.Discard, get, n)
					return got == n
				}
				if !reads(1<<20, patience) {
					t.Fatal("no download")
				}
				d.reload(policyWith(nil, []string{toEverybody}, c.setting))
				if c.goesOn {
					if !reads(64<<20, 2*patience) {
						t.Errorf("%s: the download was cut", family(far))
					}
				} else {
					// More than any window holds never comes.
					for more := 0; reads(1<<20, 2*silence); more++ {
						if more == 64 {
							t.Fatalf("%s: the download goes on", family(far))
						}
					}
				}
				page.Close()
			}
		})
	}
}

// endless is a page without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestSSHOfTheSampleIsCut takes the rule for SSH out of a web server's group that
// has 22, 80 and 443 open for everybody: under AWS's tracking the live session is
// cut, with those of the other ports going on.
func TestSSHOfTheSampleIsCut(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "W5", "T15")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	sample := []string{allow("tcp", 80), allow("tcp", 443), allow("tcp", 22)}
	d := enforce(t, server.Host(), policyWith(sample, []string{toEverybody}, asAWS))
	both(t, client, server, func(t *testing.T, _, far netip.Addr) {
		d.reload(policyWith(sample, []string{toEverybody}, asAWS))
		sessions := make(map[int]cord)
		for _, p := range []int{22, 80, 443} {
			sessions[p] = newCord(t, d, client.Host(), server.Host(), port(far, p))
			d.tracks(t, "tcp", sessions[p].callee.LocalAddr(), sessions[p].callee.RemoteAddr(), false, "both-rules")
		}
		d.write(policyWith(sample[:2], []string{toEverybody}, asAWS))
		// The guard, which knows a session of SSH by its port, is not for this.
		d.must(t, 5, "reload")
		if out := d.must(t, 0, "reload", "--force"); !strings.Contains(out, "cut: 1 untracked flow ends with its rule") || !strings.Contains(out, "every live flow has a rule") {
			t.Errorf("the reload says\n%s", out)
		}
		if delivers(sessions[22].caller, sessions[22].callee, 2*silence) {
			t.Error("the session of SSH goes on")
		}
		for _, p := range []int{80, 443} {
			if !sessions[p].lives() {
				t.Errorf("the session to port %d was cut", p)
			}
		}
	})
}

// TestUntrackedIsTrackedLater takes away what leaves a session untracked, but not
// the rule that opened it: from the client's next packet on it is tracked, and goes
// on without any rule (T19). Before that packet the server has no rule. What is
// tracked stays so when rules are wide again. The setting can change under live
// flows, too.
func TestUntrackedIsTrackedLater(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T19")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	in := []string{allow("tcp", inward), allow("udp", inward)}
	wide := policyWith(in, []string{toEverybody}, asAWS)
	d := enforce(t, server.Host(), wide)
	for what, later := range map[string]string{
		"without the return rule": policyWith(in, nil, asAWS),
		"tracking: always":        policyWith(in, nil, "tracking: always"),
	} {
		if t.Failed() {
			return
		}
		both(t, client, server, func(t *testing.T, near, far netip.Addr) {
			d.reload(wide)
			s := newCord(t, d, client.Host(), server.Host(), port(far, inward))
			asks, answers := newInbox(t, client.Host(), port(near, 0)), newInbox(t, server.Host(), port(far, inward))
			from, ok := answers.receives(asks.send(t, port(far, inward)), patience)
			if !ok {
				t.Fatal("no datagram arrived")
			}
			d.tracks(t, "tcp", s.callee.LocalAddr(), s.callee.RemoteAddr(), false, "both-rules")
			d.tracks(t, "udp", port(far, inward), from, false, "both-rules")

			d.reload(later)
			early, answer := tell(t, s.callee), answers.send(t, from)
			if gets(s.caller, early, silence) {
				t.Errorf("%s: a segment of the server passed before the client had spoken", what)
			}
			if _, ok := asks.has(answer); ok {
				t.Errorf("%s: an answer passed before the client had spoken", what)
			}
			if !gets(s.callee, tell(t, s.caller), patience) || !gets(s.caller, early, patience) {
				t.Errorf("%s: the session does not go on", what)
			}
			if _, ok := answers.receives(asks.send(t, port(far, inward)), patience); !ok {
				t.Errorf("%s: the next datagram did not arrive", what)
			}
			d.reload(wide)
			if !s.lives() {
				t.Errorf("%s: the session ended with wide rules", what)
			}
			d.reload(nothing)
			if !s.lives() {
				t.Errorf("%s: the session was cut: it is not tracked", what)
			}
			if _, ok := asks.receives(answers.send(t, from), patience); !ok {
				t.Errorf("%s: the answer did not arrive: UDP is not tracked", what)
			}
			if connects(t, client.Host(), anywhere, port(far, inward), silence) {
				t.Errorf("%s: a new session came about without a rule", what)
			}
			d.revoke(t, 1, 0, "--proto", "tcp", "--to", port(far, inward).String())
		})
	}
}

// TestUntrackedWithAFullTable fills a table of one flow: untracked sessions come
// about all the same, tracked ones do not (T32, T30).
func TestUntrackedWithAFullTable(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T32", "T30")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith([]string{
		allow("tcp", inward),
		`{ protocol: tcp, ports: 22-23, cidr_blocks: [192.0.2.0/24], ipv6_cidr_blocks: ["2001:db8::/64"] }`,
	}, []string{toEverybody}, asAWS, "max_flows: 1"))
	held := newCord(t, d, client.Host(), server.Host(), port(server.IPv4(), 22))
	both(t, client, server, func(t *testing.T, _, far netip.Addr) {
		conns := accepted(t, server.Host(), port(far, inward))
		for range 20 {
			if s := connect(t, d, client.Host(), port(far, inward), conns); !s.lives() {
				t.Error("an untracked session does not go on")
			}
		}
		echoTCP(t, server.Host(), port(far, 23))
		if connects(t, client.Host(), anywhere, port(far, 23), silence) {
			t.Error("a tracked session found room in a full table")
		}
	})
	if !held.lives() {
		t.Error("the tracked session was evicted")
	}
	var s struct {
		Flows struct {
			Live, Max    int
			Untracked    int
			MaxUntracked int `json:"max_untracked"`
			RefusedFull  int `json:"refused_full"`
		}
	}
	d.document(&s, "status")
	if f := s.Flows; f.Live != 1 || f.Max != 1 || f.Untracked < 40 || f.MaxUntracked != 1024 || f.RefusedFull == 0 {
		t.Errorf("status: %+v", f)
	}
}

// TestErrorsAboutUntracked: an ICMP error about an untracked flow passes, though no
// rule is for it; with icmp_errors: rules, as AWS has it, it does not (T24).
func TestErrorsAboutUntracked(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, finished())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	rules := []string{allow("tcp", inward)}
	d := enforce(t, server.Host(), policyWith(rules, []string{toEverybody}, asAWS))
	s := newCord(t, d, client.Host(), server.Host(), port(server.IPv4(), inward))
	local, remote := at(s.callee.LocalAddr().String()), at(s.callee.RemoteAddr().String())
	d.tracks(t, "tcp", local, remote, false, "both-rules")
	sees := newTap(t, server.Host(), uint8(wire.ProtoICMP), netip.IPv4Unspecified())
	router := ip("192.0.2.99")
	about := func(peer netip.AddrPort) []byte {
		marker := nonce()
		if err := client.Send(wire.TooBig(router, 1400, wire.TCP(local, peer, wire.ACK, 1, 2, marker))); err != nil {
			t.Fatal(err)
		}
		return marker
	}
	holds := func(marker []byte) func([]byte) bool {
		return func(b []byte) bool { return bytes.Contains(b, marker) }
	}
	wrong := about(netip.AddrPortFrom(remote.Addr(), remote.Port()+1))
	right := about(remote)
	if passed := sees.until("an error about the flow", holds(right)); count(passed, holds(wrong)) > 0 {
		t.Error("an error about an unknown flow passed")
	}
	d.reload(policyWith(append(rules, `{ protocol: icmp, from_port: 11, to_port: -1, cidr_blocks: [0.0.0.0/0] }`), []string{toEverybody}, asAWS, "icmp_errors: rules"))
	right = about(remote)
	marker := nonce() // an error that a rule permits
	if err := client.Send(wire.Error(router, local.Addr(), wire.ICMPTimeExceeded, 0, 0, wire.TCP(local, remote, wire.ACK, 1, 2, marker))); err != nil {
		t.Fatal(err)
	}
	if passed := sees.until("an error that a rule permits", holds(marker)); count(passed, holds(right)) > 0 {
		t.Error("icmp_errors: rules: an error without a rule passed")
	}
}

// TestUntrackedIsShown: explain, flows, status and a revocation say what is
// untracked and why (A4).
func TestUntrackedIsShown(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T2")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	near, far := client.IPv4(), server.IPv4()
	d := enforce(t, server.Host(), policyWith([]string{
		allow("tcp", inward), `{ protocol: tcp, ports: 22, cidr_blocks: [192.0.2.0/24] }`,
	}, []string{toEverybody}, asAWS))
	type explanation struct {
		Reason   string
		Flow     *listedFlow
		Tracking *struct {
			Tracked bool
			Clause  string
			Opening *struct{ Direction string } `json:"opening_rule"`
			Return  *struct{ Direction string } `json:"return_rule"`
		}
		Reply struct{ Verdict, Reason string }
	}
	ask := func(args ...string) (x explanation) {
		t.Helper()
		d.document(&x, append([]string{"explain"}, args...)...)
		return x
	}
	echoTCP(t, server.Host(), port(far, 23))
	x := ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to", port(far, inward).String())
	if x.Reason != "untracked" || x.Tracking == nil || x.Tracking.Tracked || x.Tracking.Clause != "both-rules" ||
		x.Tracking.Opening == nil || x.Tracking.Opening.Direction != "ingress" || x.Tracking.Return == nil || x.Tracking.Return.Direction != "egress" ||
		x.Reply.Verdict != "accept" || x.Reply.Reason != "untracked" {
		t.Errorf("explain, untracked: %+v", x)
	}
	x = ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to", port(far, 22).String())
	if x.Reason != "rule" || x.Tracking == nil || !x.Tracking.Tracked || x.Tracking.Clause != "opening-rule" || x.Tracking.Return == nil || x.Reply.Reason != "flow" {
		t.Errorf("explain, one network only: %+v", x)
	}
	x = ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to", port(far, 23).String())
	if x.Reason != "no-rule" || x.Tracking != nil {
		t.Errorf("explain, no rule: %+v", x)
	}
	if out := d.must(t, 0, "explain", "--ingress", "--proto", "tcp", "--from", near.String(), "--to", port(far, inward).String()); !strings.Contains(out, "tracking   not tracked: ") || !strings.Contains(out, "(both-rules)") {
		t.Errorf("explain says\n%s", out)
	}

	s := newCord(t, d, client.Host(), server.Host(), port(far, inward))
	x = ask("--ingress", "--proto", "tcp", "--from", s.caller.LocalAddr().String(), "--to", port(far, inward).String())
	if x.Reason != "untracked" || x.Flow == nil || x.Flow.Tracked || x.Flow.Clause != "both-rules" {
		t.Errorf("explain, a live flow: %+v", x)
	}
	if out := d.must(t, 0, "flows"); !strings.Contains(out, "untracked (both-rules)") {
		t.Errorf("flows says\n%s", out)
	}
	if out := d.must(t, 0, "status"); !strings.Contains(out, "untracked: 1 remembered, at most 65536") || !strings.Contains(out, "aws: ") {
		t.Errorf("status says\n%s", out)
	}
	if out := d.must(t, 0, "flows", "revoke", "--proto", "tcp"); !strings.Contains(out, "0 flows revoked; 1 untracked flow not: ") {
		t.Errorf("flows revoke says\n%s", out)
	}
	if !s.lives() {
		t.Error("the session was cut")
	}
	if connects(t, client.Host(), anywhere, port(far, 23), silence) {
		t.Error("a session without a rule came about")
	}
}
