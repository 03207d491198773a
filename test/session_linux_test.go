package test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// Ports of the sessions below: what the client opens to the server, and what
// the server opens to the client.
const (
	inward  = 7000
	outward = 7001
)

// session is something that carries bytes both ways between a host and another.
type session struct {
	what  string
	alive func() bool
	dead  func() bool
}

// begin uses the session twice, so that UDP is a stream and TCP beyond its
// handshake for sure.
func (s session) begin(t *testing.T) {
	t.Helper()
	for range 2 {
		if !s.alive() {
			t.Fatalf("%s: does not come about", s.what)
		}
	}
}

func sessionOf(what string, c net.Conn) session {
	return session{what, func() bool { return talks(c) }, func() bool { return mute(c) }}
}

// openSessions opens a TCP and a UDP session and a ping, each way and in each
// family, to echo servers on both hosts.
func openSessions(t *testing.T, client, server *netlab.Device) (open []session) {
	t.Helper()
	ways := []struct {
		name string
		from *netlab.Device
		port int
		id   uint16
	}{{"in", client, inward, 0x5601}, {"out", server, outward, 0x5602}}
	for _, w := range ways {
		h, to := w.from.Host(), families(w.from.Peer())
		for _, a := range to {
			name := family(a) + " " + w.name
			for _, network := range []string{"tcp", "udp"} {
				c, err := h.Dial(labtest.Within(t, patience), network, port(a, w.port))
				if err != nil {
					t.Fatalf("%s %s: %v", name, network, err)
				}
				t.Cleanup(func() { c.Close() })
				open = append(open, sessionOf(name+" "+network, c))
			}
			ping := netlab.Ping{To: a, ID: w.id}
			answered := func(wait time.Duration) bool { return asks(t, h, &ping, wait) }
			open = append(open, session{name + " ping",
				func() bool { return answered(patience) }, func() bool { return !answered(silence) }})
		}
	}
	for _, s := range open {
		s.begin(t)
	}
	return open
}

// newFlows are attempts at what the sessions are, begun afresh.
func newFlows(t *testing.T, client, server *netlab.Device, pass bool) (attempts []attempt) {
	udp := func(h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
		return h.Exchange(labtest.Within(t, wait), "udp", to) == nil
	}
	for _, way := range []struct {
		name string
		from *netlab.Device
		port int
	}{{"in", client, inward}, {"out", server, outward}} {
		for _, a := range families(way.from.Peer()) {
			h, name, to := way.from.Host(), family(a)+" "+way.name+" new ", port(a, way.port)
			attempts = append(attempts,
				attempt{name + "tcp", func(w time.Duration) bool { return connects(t, h, netip.AddrPort{}, to, w) }, pass},
				attempt{name + "udp", func(w time.Duration) bool { return udp(h, to, w) }, pass},
				attempt{name + "ping", func(w time.Duration) bool { return pings(t, h, netip.Addr{}, a, w) }, pass})
		}
	}
	return attempts
}

func serveSessions(t *testing.T, client, server *netlab.Device) {
	t.Helper()
	for i, a := range families(server) {
		echoOn(t, server.Host(), port(a, inward))
		echoOn(t, client.Host(), port(families(client)[i], outward))
	}
}

// TestSessionOutlivesItsRule takes away what admitted live flows, in each way that
// a policy has: they live on, nothing new comes about, and what comes back by a
// later reload works at once (T15, T16, T17, T18, rows 8, 11 and 14). In the
// policies before, each direction opens only what the other one then answers.
func TestSessionOutlivesItsRule(t *testing.T) {
	parity.Proves(t, "T15", "T17")
	wide := strings.Join(append([]string{allow("tcp", inward), allow("udp", inward)}, allowPing()...), ", ")
	wideOut := strings.Join(append([]string{allow("tcp", outward), allow("udp", outward)}, allowPing()...), ", ")
	byRule := policyWith([]string{wide}, []string{wideOut})

	// Everything by prefix lists, which lose the entry of the other host.
	byList := strings.NewReplacer(
		`cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"]`, `prefix_lists: [all4, all6]`,
		`ipv6_cidr_blocks: ["::/0"]`, `prefix_lists: [all6]`, `cidr_blocks: [0.0.0.0/0]`, `prefix_lists: [all4]`,
		"version: 1\n", `version: 1
prefix_lists:
  - name: all4
    entries: [{ cidr: 192.0.2.0/24 }]
  - name: all6
    entries: [{ cidr: "2001:db8::/64" }]
`).Replace(byRule)
	otherList := strings.NewReplacer("192.0.2.0/24", "192.0.2.128/25", "2001:db8::/64", "2001:db8:0:1::/64").Replace(byList)

	// A second group that allows nothing stays when the first one goes.
	byGroup := strings.NewReplacer(
		"interfaces:", "  - name: empty\n    description: Nothing\n    ingress: []\n    egress: []\ninterfaces:",
		"security_groups: [state]", "security_groups: [state, empty]").Replace(byRule)
	otherGroup := strings.Replace(byGroup, "security_groups: [state, empty]", "security_groups: [empty]", 1)

	// Narrowed instead of removed: another port, another address.
	narrowed := strings.NewReplacer("ports: 7000", "ports: 17000", "ports: 7001", "ports: 17001",
		"0.0.0.0/0", "198.51.100.0/24", "::/0", "2001:db8:ffff::/48").Replace(byRule)

	for _, c := range []struct{ name, before, after string }{
		{"the rule removed", byRule, closed},
		{"the rule narrowed", byRule, narrowed},
		{"the entry off the prefix list", byList, otherList},
		{"the group off the interface", byGroup, otherGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			d := enforce(t, server.Host(), c.before)
			serveSessions(t, client, server)
			open := openSessions(t, client, server)

			d.reload(c.after)
			run(t, newFlows(t, client, server, false))
			for range 2 {
				for _, s := range open {
					if !s.alive() {
						t.Errorf("%s: did not outlive its rule", s.what)
					}
				}
			}
			d.reload(c.before)
			run(t, newFlows(t, client, server, true))
		})
	}
}

// TestSessionSurvivesReloads keeps talking while the policy is loaded again and
// again, and stays silent for longer than the shortest timers' granularity.
func TestSessionSurvivesReloads(t *testing.T) {
	parity.Proves(t, "D5", "T21")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := policyWith(append(allowPing(), allow("tcp", inward), allow("udp", inward)),
		append(allowPing(), allow("tcp", outward), allow("udp", outward)))
	d := enforce(t, server.Host(), opened)
	serveSessions(t, client, server)
	open := openSessions(t, client, server)
	for i := range 10 {
		d.reload([]string{closed, opened}[i%2])
		for _, s := range open {
			if !s.alive() {
				t.Errorf("%s: lost after reload %d", s.what, i)
			}
		}
	}
	d.reload(closed)
	time.Sleep(time.Second)
	for _, s := range open {
		if !s.alive() {
			t.Errorf("%s: lost after a second of silence", s.what)
		}
	}
	run(t, newFlows(t, client, server, false))
}
