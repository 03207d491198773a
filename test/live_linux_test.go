package test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestRuleAddedLive: a rule that comes holds for the next packet, also for one of
// the very addresses and ports whose packets were dropped a moment before (T18).
func TestRuleAddedLive(t *testing.T) {
	parity.Proves(t, "T18")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const witness, later, never = inward, inward + 1, inward + 2
	narrow := policyWith([]string{allow("udp", witness)}, nil, "queues: { count: 1 }")
	wide := policyWith([]string{allow("udp", witness), allow("udp", later), allow("tcp", later)}, nil, "queues: { count: 1 }")
	d := enforce(t, server.Host(), narrow)
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.reload(narrow)
		from := newInbox(t, client.Host(), port(near, freshPort()))
		at := map[int]*inbox{}
		for _, p := range []int{witness, later, never} {
			at[p] = newInbox(t, server.Host(), port(far, p))
		}
		shots := func(pass bool) []shot {
			return []shot{
				datagram(t, "a port that a rule opens later", from, at[later], port(far, later), pass),
				datagram(t, "a port that no rule opens", from, at[never], port(far, never), false),
				datagram(t, "an open port", from, at[witness], port(far, witness), true),
			}
		}
		echoTCP(t, server.Host(), port(far, later))
		echoTCP(t, server.Host(), port(far, never))
		waiting, refused := make(chan net.Conn, 1), make(chan net.Conn, 1)
		go func() { waiting <- dialTCP(t, client.Host(), netip.AddrPort{}, port(far, later), patience) }()
		// Long enough for one retransmission.
		go func() { refused <- dialTCP(t, client.Host(), netip.AddrPort{}, port(far, never), 2*time.Second) }()
		drops := d.follow(t, "--drop", "--proto", "tcp", "--address", far.String())
		// A SYN of each, at least; retransmissions if the first was before the log.
		for _, p := range []int{later, never} {
			drops.await("SYN", 1, func(v loggedVerdict) bool { return v.To == port(far, p).String() })
		}
		for range 3 {
			volley(t, shots(false))
		}
		d.reload(wide)
		volley(t, shots(true))
		if c := <-waiting; c == nil || !talks(c) {
			t.Error("a connection that waited for its rule did not come about")
		} else {
			c.Close()
		}
		if <-refused != nil {
			t.Error("a connection without a rule came about")
		}
	})
}

// attached is a policy of several groups, of which the interface has some. Each
// opens TCP ports to everybody, and none lets anything out.
func attached(groups string, opens map[string][]int) string {
	var b strings.Builder
	b.WriteString("version: 1\nsecurity_groups:\n")
	for _, name := range []string{"SSH", "Web", "Nothing"} {
		var rules []string
		for _, p := range opens[name] {
			rules = append(rules, allow("tcp", p))
		}
		fmt.Fprintf(&b, "  - { name: %s, description: One of several, ingress: [%s], egress: [] }\n", name, strings.Join(rules, ", "))
	}
	b.WriteString("interfaces:\n  - { device: eth0, security_groups: [" + groups + "] }\n")
	return b.String()
}

// TestGroupsSwapped takes a group off the interface, puts another in its place and
// takes the last one away: what the first let in goes on until it is cut, what is
// new meets the groups that are there, and without any group it does not go
// (T17, R49).
func TestGroupsSwapped(t *testing.T) {
	parity.Proves(t, "T17")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const ssh, web = 22, 443
	opens := map[string][]int{"SSH": {ssh}, "Web": {web}}
	d := enforce(t, server.Host(), attached("SSH, Web", opens))
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.reload(attached("SSH, Web", opens))
		logins, pages := accepted(t, server.Host(), port(far, ssh)), accepted(t, server.Host(), port(far, web))
		admin := connect(t, d, client.Host(), port(far, ssh), logins)
		browser := connect(t, d, client.Host(), port(far, web), pages)
		fresh := func(when string, login, page bool) {
			t.Helper()
			run(t, []attempt{
				{"a new login, " + when, func(w time.Duration) bool { return reaches(t, client.Host(), port(far, ssh), w) }, login},
				{"a new page, " + when, func(w time.Duration) bool { return reaches(t, client.Host(), port(far, web), w) }, page},
			})
		}
		fresh("both groups", true, true)
		for _, c := range []struct {
			groups      string
			login, page bool
		}{{"Web", false, true}, {"SSH", true, false}, {"Nothing", false, false}, {"Web", false, true}} {
			d.reload(attached(c.groups, opens), "--force") // which the guard of SSH sessions asks for
			fresh("with "+c.groups, c.login, c.page)
			if !admin.lives() || !browser.lives() {
				t.Errorf("with %s: a session was cut", c.groups)
			}
		}
		// What an interface has is replaced as a whole, and never by nothing.
		d.write(attached("", opens))
		if out := d.must(t, 3, "reload"); !strings.Contains(out, "no security groups") {
			t.Errorf("without a group: %s", out)
		}
		fresh("after a refusal", false, true)

		d.must(t, 0, "flows", "revoke", "--orphans")
		if !admin.cut() {
			t.Error("the login goes on after it was revoked")
		}
		if !browser.lives() {
			t.Error("a session of a group that is there was cut, too")
		}
	})
}

// reaches reports whether a TCP connection comes about, whatever it carries.
func reaches(t *testing.T, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	c := dialTCP(t, h, netip.AddrPort{}, to, wait)
	if c != nil {
		c.Close()
	}
	return c != nil
}

// TestSharedGroup edits a group that two interfaces have: from the answer on the
// edit holds for both, sessions go on at both, and those of one address are cut
// where that is asked for.
func TestSharedGroup(t *testing.T) {
	parity.Proves(t, "W11")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	fw := lab.Host("fw")
	const before, after = inward, inward + 1
	policy := func(p int) string {
		return strings.Replace(policyWith([]string{allow("tcp", p)}, nil), "interfaces:", "interfaces:\n  - { device: eth1, security_groups: [state] }", 1)
	}
	d := enforce(t, fw, policy(before))
	for i := range 2 {
		d.reload(policy(before))
		var sessions []cord
		var open, edited []attempt
		for _, side := range []struct{ host, device string }{{"client", "eth0"}, {"server", "eth1"}} {
			h, to := lab.Host(side.host), families(fw.Device(side.device))[i]
			accepted(t, fw, port(to, after))
			sessions = append(sessions, connect(t, d, h, port(to, before), accepted(t, fw, port(to, before))))
			try := func(p int, pass bool) attempt {
				return attempt{fmt.Sprintf("%s to %s:%d", side.host, to, p), func(w time.Duration) bool { return reaches(t, h, port(to, p), w) }, pass}
			}
			open = append(open, try(before, true), try(after, false))
			edited = append(edited, try(before, false), try(after, true))
		}
		run(t, open)
		d.reload(policy(after))
		run(t, edited)
		for _, s := range sessions {
			if !s.lives() {
				t.Error("a session was cut by the edit")
			}
		}
		infected := families(lab.Host("client").Device("eth0"))[i]
		d.must(t, 0, "flows", "revoke", "--address", infected.String())
		if !sessions[0].cut() {
			t.Error("the infected machine's session goes on")
		}
		if !sessions[1].lives() {
			t.Error("another machine's session was cut")
		}
	}
}
