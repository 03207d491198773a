package offload

import (
	"net"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// carriedFlow is a UDP flow of which most packets are carried.
func carriedFlow(t testing.TB, d *harness.Daemon, w way, port int) net.Conn {
	t.Helper()
	before := d.Status()
	c := w.dial(t, "udp", port)
	if lost := asks(c, 20, harness.ArrivalTimeout); lost > 0 {
		t.Fatalf("%s: %d of 20 were not answered", w.name, lost)
	}
	if carried, judged := carriedSince(t, d, before); carried < 30 {
		t.Fatalf("%s: %d were carried, %d judged", w.name, carried, judged)
	}
	return c
}

// stopped fails the test if an answer comes, or a server had the question.
func stopped(t testing.TB, what string, c net.Conn) {
	t.Helper()
	if lost := asks(c, 5, harness.SilenceTimeout/5); lost != 5 {
		t.Errorf("%s: %d of 5 were answered", what, 5-lost)
	}
}

// goesOn fails the test if something is not answered.
func goesOn(t testing.TB, what string, c net.Conn) {
	t.Helper()
	if lost := asks(c, 20, harness.ArrivalTimeout/10); lost > 0 {
		t.Errorf("%s: %d of 20 were not answered", what, lost)
	}
}

// TestReload takes the rule of carried flows away. Once the reload has answered nothing of
// a flow passes that is judged by rules, and one that is tracked goes on.
func TestReload(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const untracked, tracked, other = 7000, 7001, 7002
	narrow := `{ protocol: udp, ports: 7001, cidr_blocks: [203.0.113.0/24, 10.0.0.0/8],
	  ipv6_cidr_blocks: ["2001:db8::/32"] }`
	rules := []string{harness.Allow("udp", untracked), narrow}
	d := harness.Enforce(t, h.Fw, policy(rules, []string{everything}, "tracking: aws"))
	servers(t, h, untracked, tracked)
	type pair struct {
		way
		untracked, tracked net.Conn
	}
	var pairs []pair
	for _, w := range ways(h) {
		if w.inward {
			pairs = append(pairs, pair{w, carriedFlow(t, d, w, untracked), carriedFlow(t, d, w, tracked)})
		}
	}
	for _, p := range pairs {
		if f := p.listed(t, d, "udp", p.untracked); f.Tracked {
			t.Fatalf("%s is tracked: %+v", p.name, f)
		}
	}
	watch := newWitness(t, h.Fw)
	watch.counts("asked", askedAt(untracked)...)
	d.ReloadNow(policy(both(other), []string{everything}, "tracking: aws"))
	passed := watch.tallies()["asked"].packets
	for _, p := range pairs {
		stopped(t, p.name+", not tracked, its rule is gone", p.untracked)
		goesOn(t, p.name+", tracked, its rule is gone", p.tracked)
	}
	if n := watch.tallies()["asked"].packets - passed; n > 0 {
		t.Errorf("%d datagrams passed without a rule", n)
	}
}

// TestReloadIsExact sends at full speed while reloads take a rule away and give it back: no
// datagram that is sent after an answer rides on what was before.
func TestReloadIsExact(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, other = 7000, 7002
	open := policy(both(p), []string{everything}, "tracking: aws")
	shut := policy(both(other), []string{everything}, "tracking: aws")
	d := harness.Enforce(t, h.Fw, open)
	w := ways(h)[0]
	in := harness.NewInbox(t, w.to, harness.AddrPort(w.dst, p))
	c := w.dial(t, "udp", p)
	for round := range 10 {
		for range 20 { // the flow is carried
			content := random(16)
			_, _ = c.Write(content)
			if _, ok := in.Receives(content, harness.ArrivalTimeout); !ok {
				t.Fatalf("round %d: nothing arrives under its rule", round)
			}
		}
		d.ReloadNow(shut)
		var sent [][]byte
		for range 20 {
			sent = append(sent, random(16))
			_, _ = c.Write(sent[len(sent)-1])
		}
		time.Sleep(20 * time.Millisecond) // what waits for a verdict gets it by these rules
		d.ReloadNow(open)
		for i, content := range sent {
			if _, ok := in.Has(content); ok {
				t.Errorf("round %d: datagram %d after the answer arrived", round, i)
			}
		}
	}
}

// TestRevoke cuts carried flows whose rules are gone, and connections whose rules are not.
// What is not revoked goes on.
func TestRevoke(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, later = 7000, 7001
	d := harness.Enforce(t, h.Fw, policy(both(p, later), both(p, later)))
	servers(t, h, p)
	type flows struct{ cut, other, cutTCP, otherTCP net.Conn }
	var all []flows
	list := ways(h)
	for _, w := range list {
		f := flows{carriedFlow(t, d, w, p), carriedFlow(t, d, w, p), w.dial(t, "tcp", p),
			w.dial(t, "tcp", p)}
		for _, c := range []net.Conn{f.cutTCP, f.otherTCP} {
			if err := echoed(c, random(1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, f)
	}
	d.ReloadNow(policy(both(later), both(later)))
	for i, w := range list {
		goesOn(t, w.name+", its rule is gone", all[i].cut) // and is carried again
		if err := echoed(all[i].cutTCP, random(1<<20)); err != nil {
			t.Errorf("%s, its rule is gone: %v", w.name, err)
		}
	}
	for i, w := range list {
		for _, c := range []net.Conn{all[i].cut, all[i].cutTCP} {
			d.Must(t, 0, "flows", "revoke", "--proto", c.LocalAddr().Network(), "--from",
				c.LocalAddr().String(), "--to", c.RemoteAddr().String())
		}
		stopped(t, w.name+", revoked", all[i].cut)
		if !harness.Silenced(all[i].cutTCP) {
			t.Errorf("%s: a connection that was revoked goes on", w.name)
		}
		goesOn(t, w.name+", beside one that was revoked", all[i].other)
		if err := echoed(all[i].otherTCP, random(1<<20)); err != nil {
			t.Errorf("%s, beside one that was revoked: %v", w.name, err)
		}
	}
}

// TestGroupLost takes the group off a guest, and off it alone.
func TestGroupLost(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	text := policy(both(p), []string{everything}, "tracking: aws")
	d := harness.Enforce(t, h.Fw, text)
	servers(t, h, p)
	list := ways(h)
	var conns []net.Conn
	for _, w := range list {
		conns = append(conns, carriedFlow(t, d, w, p))
	}
	d.ReloadNow(strings.Replace(text, "mode: guest, security_groups: [carried]",
		"mode: guest, security_groups: [nothing]", 1))
	for i, w := range list {
		switch f := strings.Contains(w.name, "guest"); {
		case f && w.inward:
			stopped(t, w.name+", without its group", conns[i])
		case !f:
			goesOn(t, w.name+", beside a guest that lost its group", conns[i])
		}
	}
}

// TestDeviceRenamed renames the device that carried flows cross: they go on, and are carried
// again, and under the new name's rules alone.
func TestDeviceRenamed(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, other = 7000, 7002
	// The device's other name has other rules.
	text := strings.Replace(policy(both(p), []string{everything}, "tracking: aws"), "interfaces:",
		"interfaces:\n  - { device: uplink, security_groups: [nothing] }", 1)
	d := harness.Enforce(t, h.Fw, text)
	servers(t, h, p, other)
	w := ways(h)[0]
	c := carriedFlow(t, d, w, p)
	if err := h.Fw.Netlink().LinkSetName(harness.Link(t, h.Fw, "eth0"), "uplink"); err != nil {
		t.Skipf("a device that is up cannot be renamed here: %v", err)
	}
	d.Becomes(t, "the new name", func(s harness.StatusDocument) bool { return s.Covers("uplink") })
	stopped(t, "a device that has the rules of another name", c)
	if err := h.Fw.Netlink().LinkSetName(harness.Link(t, h.Fw, "uplink"), "eth0"); err != nil {
		t.Fatal(err)
	}
	d.Becomes(t, "the old name", func(s harness.StatusDocument) bool { return s.Covers("eth0") })
	goesOn(t, "a device that has its name again", c)
	before := d.Status()
	goesOn(t, "a device that has its name again", c)
	if carried, judged := carriedSince(t, d, before); carried < 30 {
		t.Errorf("after the renaming %d were carried, %d judged", carried, judged)
	}
}

// TestKilled ends the daemon as a crash does: with gone: drop nothing of a carried flow
// passes from then on.
func TestKilled(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p), "on_failure: { gone: drop }"))
	servers(t, h, p)
	watch := newWitness(t, h.Fw)
	watch.counts("passed", askedAt(p)...)
	watch.counts("passed", answersOf(p)...)
	list := ways(h)
	var conns, streams []net.Conn
	for _, w := range list {
		conns = append(conns, carriedFlow(t, d, w, p))
		s := w.dial(t, "tcp", p)
		if err := echoed(s, random(1<<20)); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	d.Kill()
	time.Sleep(20 * time.Millisecond) // what was under way
	passed := watch.tallies()["passed"].packets
	for i, w := range list {
		stopped(t, w.name+", no daemon", conns[i])
		if !harness.Silenced(streams[i]) {
			t.Errorf("%s: a connection goes on without a daemon", w.name)
		}
	}
	if n := watch.tallies()["passed"].packets - passed; n > 0 {
		t.Errorf("%d packets passed without a daemon", n)
	}
}
