package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestEchoReplies: a reply passes without a rule if it answers our echo, from
// the host that was asked and with its identifier; no other does (T9).
func TestEchoReplies(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	// The test answers in the client's place.
	if err := client.SetSysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	if err := client.SetSysctl("net.ipv6.icmp.echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: asks
    description: Pings others
    ingress:
      - { protocol: icmp, from_port: 13, to_port: 0, cidr_blocks: [192.0.2.21/32] }
      - { protocol: icmpv6, from_port: 139, to_port: 0, ipv6_cidr_blocks: ["2001:db8::21/128"] }
    egress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [asks] }
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		const id = uint16(0x1234)
		other, third := harness.Neighbouring(c, 0x11), harness.Neighbouring(c, 0x12)
		in, asked := harness.NewRawInbox(t, server, harness.IcmpOf(s), s),
			harness.NewRawInbox(t, client, harness.IcmpOf(c), c)
		reply := func(what string, from netip.Addr, id uint16) harness.Shot {
			return harness.Raw(t, what, dev, in,
				func(b []byte) []byte { return wire.EchoReply(from, s, id, 1, b) })
		}
		kind := uint8(13)
		if c.Is6() {
			kind = 139
		}
		behind := harness.Passes(message(t, "what a rule admits", dev, in, harness.Neighbouring(c, 0x21),
			s, kind, 0))
		harness.Volley(t, []harness.Shot{
			harness.Drops(reply("a reply before the request", c, id)), behind})

		ask := func(to netip.Addr, at *harness.RawInbox) {
			t.Helper()
			request := harness.Nonce()
			in.Write(t, wire.Echo(s, to, id, 1, request), to)
			if !at.Receives(request, harness.ArrivalTimeout) {
				t.Fatalf("the request to %s did not leave", to)
			}
		}
		ask(c, asked)
		harness.Volley(t, []harness.Shot{
			harness.Drops(reply("a reply with another identifier", c, id+1)),
			harness.Drops(reply("a reply with the identifier turned round", c, 0x3412)),
			harness.Drops(reply("a reply from another host", other, id)),
			harness.Drops(harness.Raw(t, "a request with the identifier", dev, in,
				func(b []byte) []byte { return wire.Echo(c, s, id, 1, b) })),
			harness.Passes(reply("the reply", c, id)),
		})

		// Another host with the same identifier is another flow.
		ask(other, harness.NewRawInbox(t, client, harness.IcmpOf(c), other))
		harness.Volley(t, []harness.Shot{
			harness.Drops(reply("a reply from a host that was not asked", third, id)),
			harness.Passes(reply("the reply from the one", c, id)),
			harness.Passes(reply("the reply from the other", other, id)),
		})
	})
}
