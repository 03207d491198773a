package state

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// openSessions opens a TCP and a UDP session and a ping, each way and in each
// family, to echo servers on both hosts.
func openSessions(t *testing.T, client, server *netlab.Device) (open []harness.Session) {
	t.Helper()
	ways := []struct {
		name string
		from *netlab.Device
		port int
		id   uint16
	}{{"in", client, harness.Inward, 0x5601}, {"out", server, harness.Outward, 0x5602}}
	for _, w := range ways {
		h, to := w.from.Host(), harness.BothAddresses(w.from.Peer())
		for _, a := range to {
			name := harness.FamilyName(a) + " " + w.name
			for _, network := range []string{"tcp", "udp"} {
				c, err := h.Dial(labtest.Within(t, harness.ArrivalTimeout), network,
					harness.AddrPort(a, w.port))
				if err != nil {
					t.Fatalf("%s %s: %v", name, network, err)
				}
				t.Cleanup(func() { c.Close() })
				open = append(open, harness.SessionOf(name+" "+network, c))
			}
			ping := netlab.Ping{To: a, ID: w.id}
			answered := func(wait time.Duration) bool { return harness.PingsWith(t, h, &ping, wait) }
			open = append(open, harness.Session{What: name + " ping",
				Alive: func() bool { return answered(harness.ArrivalTimeout) },
				Dead:  func() bool { return !answered(harness.SilenceTimeout) }})
		}
	}
	for _, s := range open {
		s.Begin(t)
	}
	return open
}

// newFlows are attempts at what the sessions are, begun afresh.
func newFlows(t *testing.T, client, server *netlab.Device) (attempts []harness.Attempt) {
	udp := func(h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
		return h.Exchange(labtest.Within(t, wait), "udp", to) == nil
	}
	for _, way := range []struct {
		name string
		from *netlab.Device
		port int
	}{{"in", client, harness.Inward}, {"out", server, harness.Outward}} {
		for _, a := range harness.BothAddresses(way.from.Peer()) {
			h, name, to := way.from.Host(), harness.FamilyName(a)+" "+way.name+" new ",
				harness.AddrPort(a, way.port)
			attempts = append(attempts,
				harness.Attempt{What: name + "tcp",
					Try: func(w time.Duration) bool { return harness.Connects(t, h, netip.AddrPort{}, to, w) }},
				harness.Attempt{What: name + "udp", Try: func(w time.Duration) bool { return udp(h, to, w) }},
				harness.Attempt{What: name + "ping",
					Try: func(w time.Duration) bool { return harness.Pings(t, h, netip.Addr{}, a, w) }})
		}
	}
	return attempts
}

func serveSessions(t *testing.T, client, server *netlab.Device) {
	t.Helper()
	for i, a := range harness.BothAddresses(server) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.Inward))
		harness.EchoOn(t, client.Host(),
			harness.AddrPort(harness.BothAddresses(client)[i], harness.Outward))
	}
}
