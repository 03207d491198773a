package rules

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// office is a lab for the examples: one client with addresses inside and
// outside the office's prefixes, one server.
func office() netlab.Topology {
	prefix := netip.MustParsePrefix
	return netlab.Topology{
		Hosts: []netlab.HostSpec{{Name: "client"}, {Name: "server"}},
		Links: []netlab.LinkSpec{{
			A: netlab.End{Host: "client", Dev: "eth0", Addrs: []netip.Prefix{
				prefix("198.51.100.10/24"), prefix("203.0.113.10/24"),
				prefix("2001:db8:c::10/64"), prefix("2001:db8:d::10/64"),
			}},
			B: netlab.End{Host: "server", Dev: "eth0", Addrs: []netip.Prefix{
				prefix("198.51.100.1/24"), prefix("203.0.113.1/24"),
				prefix("2001:db8:c::1/64"), prefix("2001:db8:d::1/64"),
			}},
		}},
	}
}

// TestWebServer runs examples/web-server.yaml: pages for everyone, ping and SSH
// for the office, and of its own the server begins only what egress names. It
// does so with each of the two ways to read the queue and each way to choose
// among several.
func TestWebServer(t *testing.T) {
	parity.Proves(t, "W1")
	for _, driver := range []string{"batch", "go-nfqueue"} {
		t.Run(driver, func(t *testing.T) { webServer(t, "settings: { queue_driver: "+driver+" }") })
	}
	for _, balance := range []string{"cpu", "hash", "pinned"} {
		t.Run(balance, func(t *testing.T) {
			webServer(t, "settings: { queues: { count: 2, balance: "+balance+" } }")
		})
	}
}

func webServer(t *testing.T, settings string) {
	t.Parallel()
	lab := labtest.New(t, office())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, harness.Example(t, "web-server.yaml")+"\n"+settings+"\n")
	for _, p := range []int{22, 80, 443, 8080} {
		harness.EchoTCP(t, server, netlab.Any(uint16(p)))
	}
	for _, p := range []int{25, 53, 443} {
		harness.EchoTCP(t, client, netlab.Any(uint16(p)))
	}

	inside := [][2]netip.Addr{{harness.IP("198.51.100.10"), harness.IP("198.51.100.1")},
		{harness.IP("2001:db8:c::10"), harness.IP("2001:db8:c::1")}}
	outside := [][2]netip.Addr{{harness.IP("203.0.113.10"), harness.IP("203.0.113.1")},
		{harness.IP("2001:db8:d::10"), harness.IP("2001:db8:d::1")}}
	var attempts []harness.Attempt
	tcp := func(want harness.Verdict, what string, h *netlab.Host, from, to netip.Addr, p int) {
		attempts = append(attempts, harness.Expect(want,
			harness.Attempt{What: what, Try: func(w time.Duration) bool {
				return harness.Connects(t, h, harness.AddrPort(from, 0), harness.AddrPort(to, p), w)
			}}))
	}
	ping := func(want harness.Verdict, what string, h *netlab.Host, from, to netip.Addr) {
		attempts = append(attempts, harness.Expect(want,
			harness.Attempt{What: what, Try: func(w time.Duration) bool {
				return harness.Pings(t, h, from, to, w)
			}}))
	}
	for i := range inside {
		in, out := inside[i], outside[i]
		tcp(harness.Pass, "HTTP from outside", client, out[0], out[1], 80)
		tcp(harness.Pass, "HTTPS from outside", client, out[0], out[1], 443)
		tcp(harness.Pass, "HTTPS from the office", client, in[0], in[1], 443)
		tcp(harness.Pass, "SSH from the office", client, in[0], in[1], 22)
		tcp(harness.Drop, "SSH from outside", client, out[0], out[1], 22)
		tcp(harness.Drop, "a port that no rule names", client, in[0], in[1], 8080)
		ping(harness.Pass, "ping from the office", client, in[0], in[1])
		ping(harness.Drop, "ping from outside", client, out[0], out[1])
		tcp(harness.Pass, "updates", server, out[1], out[0], 443)
		tcp(harness.Pass, "names over TCP", server, out[1], out[0], 53)
		tcp(harness.Drop, "mail, which egress does not name", server, out[1], out[0], 25)
		ping(harness.Pass, "ping by the server", server, out[1], out[0])
	}
	harness.Run(t, attempts)
}
