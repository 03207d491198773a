package test

import (
	"net/netip"
	"os"
	"testing"
	"time"

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

func example(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
		t.Run(balance, func(t *testing.T) { webServer(t, "settings: { queues: { count: 2, balance: "+balance+" } }") })
	}
}

func webServer(t *testing.T, settings string) {
	t.Parallel()
	lab := labtest.New(t, office())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, example(t, "web-server.yaml")+"\n"+settings+"\n")
	for _, p := range []int{22, 80, 443, 8080} {
		echoTCP(t, server, netlab.Any(uint16(p)))
	}
	for _, p := range []int{25, 53, 443} {
		echoTCP(t, client, netlab.Any(uint16(p)))
	}

	inside := [][2]netip.Addr{{ip("198.51.100.10"), ip("198.51.100.1")}, {ip("2001:db8:c::10"), ip("2001:db8:c::1")}}
	outside := [][2]netip.Addr{{ip("203.0.113.10"), ip("203.0.113.1")}, {ip("2001:db8:d::10"), ip("2001:db8:d::1")}}
	var attempts []attempt
	tcp := func(what string, h *netlab.Host, from, to netip.Addr, p int, pass bool) {
		attempts = append(attempts, attempt{what, func(w time.Duration) bool {
			return connects(t, h, port(from, 0), port(to, p), w)
		}, pass})
	}
	ping := func(what string, h *netlab.Host, from, to netip.Addr, pass bool) {
		attempts = append(attempts, attempt{what, func(w time.Duration) bool { return pings(t, h, from, to, w) }, pass})
	}
	for i := range inside {
		in, out := inside[i], outside[i]
		tcp("HTTP from outside", client, out[0], out[1], 80, true)
		tcp("HTTPS from outside", client, out[0], out[1], 443, true)
		tcp("HTTPS from the office", client, in[0], in[1], 443, true)
		tcp("SSH from the office", client, in[0], in[1], 22, true)
		tcp("SSH from outside", client, out[0], out[1], 22, false)
		tcp("a port that no rule names", client, in[0], in[1], 8080, false)
		ping("ping from the office", client, in[0], in[1], true)
		ping("ping from outside", client, out[0], out[1], false)
		tcp("updates", server, out[1], out[0], 443, true)
		tcp("names over TCP", server, out[1], out[0], 53, true)
		tcp("mail, which egress does not name", server, out[1], out[0], 25, false)
		ping("ping by the server", server, out[1], out[0], true)
	}
	run(t, attempts)
}
