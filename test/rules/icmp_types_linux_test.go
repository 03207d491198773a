package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestICMPTypes: a rule of ICMP means its type, and its code unless that is -1
// (§1.2).
func TestICMPTypes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "icmp given", "icmp any code")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: some
    description: Some of ICMP
    ingress:
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmp, from_port: 3, to_port: 4, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmpv6, from_port: 1, to_port: 3, ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [some] }
`+harness.OneQueue)
	dev := client.Device("eth0")
	c, s := dev.IPv4(), server.Device("eth0").IPv4()
	in := harness.NewRawInbox(t, server, wire.ProtoICMP, s)
	harness.Volley(t, []harness.Shot{
		harness.Drops(message(t, "timestamp request", dev, in, c, s, 13, 0)),
		harness.Drops(message(t, "information request", dev, in, c, s, 15, 0)),
		harness.Drops(message(t, "redirect", dev, in, c, s, wire.ICMPRedirect, 1)),
		harness.Drops(failure(t, "host unreachable", dev, in, c, s, wire.ICMPUnreachable, 1)),
		harness.Drops(failure(t, "port unreachable", dev, in, c, s, wire.ICMPUnreachable, 3)),
		harness.Drops(failure(t, "time exceeded", dev, in, c, s, wire.ICMPTimeExceeded, 0)),
		harness.Drops(failure(t, "parameter problem", dev, in, c, s, wire.ICMPParameter, 0)),
		harness.Drops(failure(t, "the code as type", dev, in, c, s, 4, 3)),
		harness.Drops(message(t, "code 8 of type 0", dev, in, c, s, 0, 8)),
		harness.Passes(failure(t, "fragmentation needed", dev, in, c, s, wire.ICMPUnreachable, 4)),
		harness.Passes(message(t, "echo", dev, in, c, s, wire.ICMPEcho, 0)),
		harness.Passes(message(t, "echo of an odd code", dev, in, c, s, wire.ICMPEcho, 5)),
	})
	c, s = dev.IPv6(), server.Device("eth0").IPv6()
	in = harness.NewRawInbox(t, server, wire.ProtoICMPv6, s)
	harness.Volley(t, []harness.Shot{
		harness.Drops(failure(t, "no route", dev, in, c, s, wire.ICMPv6Unreachable, 0)),
		harness.Drops(failure(t, "port unreachable", dev, in, c, s, wire.ICMPv6Unreachable, 4)),
		harness.Drops(failure(t, "packet too big", dev, in, c, s, wire.ICMPv6PacketTooBig, 0)),
		harness.Drops(failure(t, "time exceeded", dev, in, c, s, wire.ICMPv6TimeExceeded, 0)),
		harness.Drops(failure(t, "parameter problem", dev, in, c, s, wire.ICMPv6Parameter, 1)),
		harness.Drops(message(t, "node information query", dev, in, c, s, 139, 0)),
		harness.Drops(message(t, "the number of an IPv4 echo", dev, in, c, s, wire.ICMPEcho, 0)),
		harness.Passes(failure(t, "address unreachable", dev, in, c, s, wire.ICMPv6Unreachable, 3)),
		harness.Passes(message(t, "echo", dev, in, c, s, wire.ICMPv6Echo, 0)),
		harness.Passes(message(t, "echo of an odd code", dev, in, c, s, wire.ICMPv6Echo, 5)),
	})
	// And the whole of it: the replies leave although egress has no rule (T4).
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Ping(t, "in", client, dev.IPv4(), server.Device("eth0").IPv4())),
		harness.Passes(harness.Ping(t, "in", client, c, s)),
		harness.Drops(harness.Ping(t, "out", server, s, c)),
	})
}
