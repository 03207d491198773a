package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestExempt: without any rule the machine asks the services that the policy
// exempts, and is answered; not at another port or address, nor by another
// protocol. What merely comes from there does not arrive. Of all that no flow is
// kept (X2).
func TestExempt(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	for _, s := range harness.Services {
		for _, a := range append(harness.AddressesOf(s), harness.BothAddresses(client)...) {
			for p := s.Port; p <= s.Port+1; p++ {
				harness.EchoOn(t, client.Host(), harness.AddrPort(a, p))
			}
		}
	}
	d := harness.Prepare(t, server.Host(), exempting())
	harness.NameServers(t, d)(harness.Services[0].Addresses...)
	d.Start()
	claims := map[string][]string{
		"resolvers": {"exempt dns"}, "metadata": {"exempt metadata", "exempt ecs metadata"},
		"time": {"exempt time"},
	}
	for _, on := range []string{"", "resolvers", "metadata", "time"} {
		t.Run("exempt "+on, func(t *testing.T) {
			parity.Proves(t, append([]string{"X2"}, claims[on]...)...)
			if on != "" {
				d.Reload(exempting(on))
			}
			var attempts []harness.Attempt
			for _, s := range harness.Services {
				for _, a := range append(harness.AddressesOf(s), harness.BothAddresses(client)...) {
					for p := s.Port; p <= s.Port+1; p++ {
						for _, network := range []string{"udp", "tcp"} {
							attempts = append(attempts, harness.Expect(
								harness.PassIf(s.Name == on && p == s.Port && contains(s.Addresses, a.String()) &&
									contains(s.Networks, network)),
								harness.Exchange(t, "the machine", server.Host(), network, netip.Addr{},
									harness.AddrPort(a, p))))
						}
					}
				}
			}
			harness.Run(t, attempts)
			for _, s := range harness.Services {
				unasked(t, client, server, s)
				if s.Name == on && contains(s.Networks, "udp") {
					answered(t, client, server, s)
				}
			}
			for _, f := range d.Flows() {
				if harness.ParseAddrPort(f.Remote).Port() < 1000 {
					t.Errorf("exempt exchanges are not tracked, but %+v is", f)
				}
			}
			if out, _ := d.Sgfw("log"); strings.Contains(out, "accept") ||
				!strings.Contains(out, "no-rule") {
				t.Errorf("the last drops are\n%s", out)
			}
			exemptions := d.Exemptions()
			for _, s := range harness.Services {
				want := "off"
				if s.Name == on {
					want = "on"
				}
				if x := exemptions[s.Name]; x.State != want || x.Packets == nil || s.Name == on &&
					*x.Packets == 0 {
					t.Errorf("status has %s %+v", s.Name, x)
				}
			}
			for _, s := range harness.Services {
				out, _ := d.Sgfw("explain", "--egress", "-p", s.Networks[0], "--to",
					harness.AddrPort(harness.IP(s.Addresses[0]), s.Port).String())
				if strings.Contains(out, "exempt: "+s.Name) != (s.Name == on) {
					t.Errorf("explained as\n%s", out)
				}
			}
		})
	}
}

func contains(list []string, s string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+s+" ")
}

// unasked sends what comes from a service without a question: it is for the rules.
func unasked(t *testing.T, client, server *netlab.Device, s harness.Service) {
	t.Helper()
	var shots []harness.Shot
	for i, own := range harness.BothAddresses(server) {
		udp, tcp := harness.NewRawInbox(t, server.Host(), wire.ProtoUDP, own),
			harness.NewRawInbox(t, server.Host(), wire.ProtoTCP, own)
		for _, a := range harness.AddressesOf(s) {
			if a.Is6() != own.Is6() {
				continue
			}
			for _, p := range []int{s.Port, 22, 2222} {
				from, to := harness.AddrPort(a, s.Port), harness.AddrPort(own, p)
				shots = append(shots,
					harness.Drops(harness.Raw(t, fmt.Sprintf("UDP of %s to %s", from, to), client, udp,
						func(content []byte) []byte { return wire.UDP(from, to, content) })),
					harness.Drops(harness.Raw(t, fmt.Sprintf("SYN of %s to %s", from, to), client, tcp,
						func(content []byte) []byte { return wire.TCP(from, to, wire.SYN, 1, 0, content) })),
					harness.Drops(harness.Raw(t, fmt.Sprintf("segment of %s to %s", from, to), client, tcp,
						func(content []byte) []byte { return wire.TCP(from, to, wire.ACK, 1, 1, content) })))
			}
		}
		from, to := harness.AddrPort(harness.BothAddresses(client)[i], 4000),
			harness.AddrPort(own, harness.GateIn)
		shots = append(shots, harness.Passes(
			harness.Raw(t, "what a rule admits", client, udp,
				func(content []byte) []byte { return wire.UDP(from, to, content) })))
	}
	harness.Volley(t, shots)
}

// answered asks by UDP and compares the answer with what only looks like it.
func answered(t *testing.T, client, server *netlab.Device, s harness.Service) {
	t.Helper()
	for _, a := range harness.AddressesOf(s) {
		own := server.IPv4()
		if a.Is6() {
			own = server.IPv6()
		}
		p := harness.UnusedPort()
		left := labtest.Capture(t, client.Host(), client.Name(), netlab.CaptureOptions{})
		asker := harness.NewInbox(t, server.Host(), harness.AddrPort(own, p))
		question := asker.Send(t, harness.AddrPort(a, s.Port))
		if !onTheWire(left)(question, harness.ArrivalTimeout) {
			t.Errorf("the question to %s did not leave", a)
			continue
		}
		at := harness.NewRawInbox(t, server.Host(), wire.ProtoUDP, own)
		from := func(what string, from netip.AddrPort, to int) harness.Shot {
			return harness.Raw(t, what, client, at,
				func(content []byte) []byte { return wire.UDP(from, harness.AddrPort(own, to), content) })
		}
		harness.Volley(t, []harness.Shot{
			harness.Drops(from("an answer to another port", harness.AddrPort(a, s.Port), p+1)),
			harness.Drops(from("an answer from another port", harness.AddrPort(a, s.Port+1), p)),
			harness.Drops(from("an answer of another address", harness.AddrPort(besideOf(client, a), s.Port),
				p)),
			harness.Passes(from("the answer", harness.AddrPort(a, s.Port), p)),
		})
	}
}

// besideOf is the client's own address of the same family.
func besideOf(client *netlab.Device, a netip.Addr) netip.Addr {
	if a.Is6() {
		return client.IPv6()
	}
	return client.IPv4()
}
